"""Asking the person, in a form that their editor shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from acp_agent.errors import PeerError, ToolError
from acp_agent.events import ShownText
from acp_agent.models.messages import ToolSpec
from acp_agent.tools.base import ToolResult
from acp_agent.tools.parameters import Param, Parameters
from acp_agent.tools.shortening import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.events import Location, Shown, ToolKind
    from acp_agent.permission.claims import Claim
    from acp_agent.tools.base import Call, Progress, Tool
    from acp_agent.tools.parameters import Arguments

QUESTIONS = 4
"""More are an interrogation."""
ANSWER_CHARACTERS = 4000
UNANSWERED = "(not answered)"
SECRETS = re.compile(
    r"\b(?:pass ?(?:words?|phrases?|codes?)|passwd|secrets?|credentials?|token|(?:access|api)[ _-]?tokens"
    r"|(?:api|access|private|secret|encryption|ssh)[ _-]?keys?|your pin|pin (?:codes?|numbers?)|cvv|cvc|otp"
    r"|(?:one[ -]time|2fa|recovery|verification|backup) (?:codes?|phrases?)|seed phrases?|card numbers?"
    r"|social security numbers?|ssn)\b",
    re.IGNORECASE,
)
"""What a question in words must not hold."""

PARAMETERS = Parameters(
    Param(
        "questions",
        "array",
        items=Parameters(
            Param("question"),
            Param(
                "options",
                "array",
                "None for an answer in words",
                optional=True,
                items=Parameters(Param("label"), Param("description", optional=True)),
            ),
            Param("multiple", "boolean", "Several options may be chosen", optional=True),
        ),
    )
)
DESCRIPTION = "Ask the person 1 to 4 short questions, where only they can decide. Never for secrets."


class Questions:
    """A tools.registry.ToolSource: questions are there while somebody's editor can show them.

    What the model is told of costs with every request.
    """

    def __init__(self, forms: Forms) -> None:
        self._forms = forms
        self._tools = (QuestionTool(forms),)

    def tools(self) -> Sequence[Tool]:
        return self._tools if self._forms.shows_forms else ()

    async def settle(self) -> None: ...


class Forms(Protocol):
    """An editor, as somebody with questions sees it."""

    @property
    def shows_forms(self) -> bool: ...

    async def elicit_form(
        self, message: str, schema: dict[str, object], call_id: str | None = None
    ) -> tuple[str, dict[str, object]]:
        """Waits for accept, decline or cancel, and for the fields, which nobody has checked.

        Raises PeerError.
        """
        ...


class Question(NamedTuple):
    text: str
    options: tuple[tuple[str, str], ...]
    """Label and description; none for an answer in words."""
    multiple: bool


class QuestionTool:
    spec = ToolSpec("question", DESCRIPTION, PARAMETERS.schema())
    kind: ToolKind = "other"
    reads_only = False

    def __init__(self, forms: Forms) -> None:
        self._forms = forms

    def bind(self, arguments: dict[str, object]) -> Call:
        given = PARAMETERS.check("question", arguments).items("questions")
        if not 1 <= len(given) <= QUESTIONS:
            raise ToolError(f"questions has {len(given)} entries; ask 1 to {QUESTIONS}, the others later.")
        return QuestionCall([_question(item) for item in given], self._forms)


def _question(item: Arguments) -> Question:
    text = item.text("question").strip()
    options = tuple((each.text("label"), each.text("description")) for each in item.items("options"))
    labels = [label for label, _ in options]
    if not text or not all(label.strip() for label in labels):
        raise ToolError("A question or an option's label is empty. Nothing was asked; send them all.")
    if len(set(labels)) < len(labels):
        raise ToolError(f"Options of {text!r} have the same label. Nothing was asked; tell them apart.")
    if not options and (found := SECRETS.search(text)):
        raise ToolError(
            f"Nothing was asked: {text!r} looks like asking for a secret ({found.group()}), and answers are "
            "shown, kept in the session's record and sent to the model. Have the person put it where the "
            "program looks for it, or ask only where it is, with options to choose from."
        )
    return Question(text, options, item.flag("multiple") and len(options) > 1)


class QuestionCall:
    def __init__(self, questions: Sequence[Question], forms: Forms) -> None:
        self._questions = {f"question_{n}": each for n, each in enumerate(questions, 1)}
        self._forms = forms

    @property
    def title(self) -> str:
        first, *more = self._questions.values()
        return f"Ask {one_line(first.text)}" + (f" and {len(more)} more" if more else "")

    @property
    def locations(self) -> tuple[Location, ...]:
        return ()

    def claims(self) -> tuple[Claim, ...]:
        return ()

    async def preview(self) -> tuple[Shown, ...]:
        return ()

    async def run(self, progress: Progress) -> ToolResult:
        first, *more = self._questions.values()
        message = f"The agent has {len(more) + 1} questions." if more else first.text
        schema: dict[str, object] = {
            "type": "object",
            "properties": {name: _field(question) for name, question in self._questions.items()},
        }
        try:
            action, content = await self._forms.elicit_form(message, schema, progress.call_id)
        except PeerError as error:
            raise ToolError(
                f"The questions could not be asked: {error}. Go on without, or ask in words."
            ) from error
        if action == "decline":
            return _unanswered(
                "The person does not want to answer. Do not ask again; decide, or say what is open."
            )
        if action != "accept":
            return _unanswered("The person closed the questions without answering. Decide, or ask in words.")
        answers = {name: _answer(name, each, content) for name, each in self._questions.items()}
        told = "\n".join(f"{each.text}\n→ {answers[name]}" for name, each in self._questions.items())
        return ToolResult(told, shown=(ShownText(told.replace("\n", "  \n")),), record={"answers": answers})


def _unanswered(why: str) -> ToolResult:
    return ToolResult(why, shown=(ShownText(why.partition(". ")[0] + "."),))


def _field(question: Question) -> dict[str, object]:
    """The property of the form for one question."""
    field: dict[str, object] = {"title": question.text}
    if not question.options:
        return {**field, "type": "string", "maxLength": ANSWER_CHARACTERS}
    choices = [
        {"const": label, "title": label, **({"description": about} if about else {})}
        for label, about in question.options
    ]
    if question.multiple:
        return {**field, "type": "array", "items": {"anyOf": choices}}
    return {**field, "type": "string", "oneOf": choices}


def _answer(name: str, question: Question, content: dict[str, object]) -> str:
    """The answer to one question, for the model. Raises ToolError for one the form does not allow."""
    value = content.get(name)
    if value is None or value in ("", []):
        return UNANSWERED
    labels = {label for label, _ in question.options}
    if question.multiple:
        chosen = cast("list[object]", value) if isinstance(value, list) else []
        texts = [each for each in chosen if isinstance(each, str) and each in labels]
        if chosen and len(texts) == len(chosen):
            return "; ".join(dict.fromkeys(texts))
    elif isinstance(value, str) and (value in labels if labels else len(value) <= ANSWER_CHARACTERS):
        return value
    raise ToolError(
        f"The editor answered {question.text!r} with something its form does not allow, so nothing was "
        "taken. Ask in words."
    )


if TYPE_CHECKING:

    def conforms(tool: QuestionTool, call: QuestionCall) -> tuple[Tool, Call]:
        return tool, call
