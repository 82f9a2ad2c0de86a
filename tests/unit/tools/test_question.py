"""Questions to the person: what a form asks, what its answers may be, and what is never asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from acp_agent.errors import PeerError, ToolError
from tests.unit.tools.bench import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.tools.base import ToolResult
    from acp_agent.tools.question import Forms

Object = dict[str, object]

COLOUR: Object = {
    "question": "Which colour?",
    "options": [{"label": "red", "description": "like fire"}, {"label": "blue"}],
}
COLOURS: Object = {**COLOUR, "multiple": True}
NAME: Object = {"question": "What should it be called?"}


class Person:
    """An editor with somebody who answers."""

    shows_forms = True

    def __init__(self, action: str, content: Object | None = None) -> None:
        self.action = action
        self.content = content or {}
        self.asked: list[tuple[str, Object, str | None]] = []

    async def elicit_form(
        self, message: str, schema: Object, call_id: str | None = None
    ) -> tuple[str, Object]:
        self.asked.append((message, schema, call_id))
        return self.action, self.content


class Broken(Person):
    async def elicit_form(
        self, message: str, schema: Object, call_id: str | None = None
    ) -> tuple[str, Object]:
        raise PeerError("elicitation/create: no", -32603)


async def ask(tmp_path: Path, person: Forms, *questions: Object) -> ToolResult:
    return await Bench(tmp_path, forms=person)("question", questions=list(questions))


async def test_a_form_is_flat(tmp_path: Path) -> None:
    person = Person("accept", {"question_1": "red", "question_2": ["blue", "red"], "question_3": "Ada"})
    result = await ask(tmp_path, person, COLOUR, COLOURS, NAME)
    [(message, schema, call_id)] = person.asked
    assert (message, call_id) == ("The agent has 3 questions.", "call-1")
    choices = [
        {"const": "red", "title": "red", "description": "like fire"},
        {"const": "blue", "title": "blue"},
    ]
    assert schema == {
        "type": "object",
        "properties": {
            "question_1": {"title": "Which colour?", "type": "string", "oneOf": choices},
            "question_2": {"title": "Which colour?", "type": "array", "items": {"anyOf": choices}},
            "question_3": {"title": "What should it be called?", "type": "string", "maxLength": 4000},
        },
    }
    Draft202012Validator.check_schema(schema)
    asked = ["Which colour?\n→ red", "Which colour?\n→ blue; red", "What should it be called?\n→ Ada"]
    assert result.output == "\n".join(asked)
    assert not result.failed


async def test_one_question_is_the_message(tmp_path: Path) -> None:
    person = Person("accept", {"question_1": "blue"})
    assert (await ask(tmp_path, person, COLOUR)).output == "Which colour?\n→ blue"
    assert person.asked[0][0] == "Which colour?"


@pytest.mark.parametrize("content", [{}, {"question_1": None}, {"question_1": ""}, {"question_9": "red"}])
async def test_what_is_left_out_is_not_answered(tmp_path: Path, content: Object) -> None:
    result = await ask(tmp_path, Person("accept", content), COLOUR)
    assert result.output == "Which colour?\n→ (not answered)"


@pytest.mark.parametrize(
    ("question", "value"),
    [
        (COLOUR, "green"),
        (COLOUR, ["red"]),
        (COLOUR, 1),
        (COLOUR, {"const": "red"}),
        (COLOURS, "red"),
        (COLOURS, ["red", "green"]),
        (COLOURS, ["red", 1]),
        (NAME, True),
        (NAME, "x" * 4001),
    ],
)
async def test_what_the_form_does_not_allow_is_not_taken(
    tmp_path: Path, question: Object, value: object
) -> None:
    with pytest.raises(ToolError, match="something its form does not allow"):
        await ask(tmp_path, Person("accept", {"question_1": value}), question)


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("decline", "does not want to answer"),
        ("cancel", "closed the questions"),
        ("odd", "closed the questions"),
    ],
)
async def test_no_answer_is_told_as_such(tmp_path: Path, action: str, told: str) -> None:
    result = await ask(tmp_path, Person(action, {"question_1": "red"}), COLOUR)
    assert told in result.output
    assert "red" not in result.output


async def test_an_editor_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="could not be asked: elicitation/create: no"):
        await ask(tmp_path, Broken("accept"), COLOUR)


@pytest.mark.parametrize(
    "question",
    [
        "What is your password?",
        "Please enter the API key",
        "GitHub token?",
        "Paste the private key of the server",
        "Which passphrase does the key have?",
        "What is the client secret?",
        "Your credit card number?",
        "Enter the one-time code",
        "Your recovery phrase, please",
        "What is your PIN?",
    ],
)
async def test_secrets_are_never_asked_for(tmp_path: Path, question: str) -> None:
    person = Person("accept", {"question_1": "hunter2"})
    with pytest.raises(ToolError, match=r"Nothing was asked: .* looks like asking for a secret"):
        await ask(tmp_path, person, NAME, {"question": question})
    assert person.asked == []


@pytest.mark.parametrize(
    "question",
    [
        NAME,
        {"question": "How many tokens may an answer have?"},
        {"question": "Which pin is the lamp on?"},
        {
            "question": "Where should passwords be stored?",
            "options": [{"label": "keyring"}, {"label": "file"}],
        },
    ],
)
async def test_what_is_no_secret_is_asked(tmp_path: Path, question: Object) -> None:
    person = Person("decline")
    await ask(tmp_path, person, question)
    assert len(person.asked) == 1


@pytest.mark.parametrize(
    ("questions", "told"),
    [
        ([], "has 0 entries"),
        ([NAME] * 5, "has 5 entries"),
        ([{"question": " "}], "is empty"),
        ([{"question": "x", "options": [{"label": ""}]}], "is empty"),
        ([{"question": "x", "options": [{"label": "a"}, {"label": "a"}]}], "the same label"),
        (["x"], r"questions\[0\]: expected an object"),
    ],
)
async def test_questions_that_cannot_be_asked(tmp_path: Path, questions: list[Object], told: str) -> None:
    with pytest.raises(ToolError, match=told):
        await ask(tmp_path, Person("decline"), *questions)


def test_nothing_needs_to_be_allowed_and_titles_have_no_colon(tmp_path: Path) -> None:
    bench = Bench(tmp_path, forms=Person("decline"))
    call = bench.bind("question", questions=[{"question": "Now: red?"}, NAME])
    assert call.claims() == ()
    assert call.title == "Ask Now∶ red? and 1 more"  # noqa: RUF001


def test_only_where_questions_can_be_asked(tmp_path: Path) -> None:
    class Formless(Person):
        shows_forms = False

    plain = Bench(tmp_path).tools.specs
    assert Bench(tmp_path, forms=Formless("cancel")).tools.specs == plain
    more = Bench(tmp_path, forms=Person("cancel")).tools.specs
    assert more[:-1] == plain
    assert more[-1].name == "question"
    assert len(str(more[-1])) < 900


if TYPE_CHECKING:

    def conforms(person: Person) -> Forms:
        return person
