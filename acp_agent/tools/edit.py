"""Changing files by replacing text that is exactly in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.console import fenced
from acp_agent.errors import ToolError
from acp_agent.models.messages import ToolSpec
from acp_agent.redaction.redactor import MARK, NO_VALUES
from acp_agent.tools.base import ToolResult
from acp_agent.tools.changes import STANDS_FOR, report, shown_change
from acp_agent.tools.parameters import Param, Parameters
from acp_agent.tools.target import Target
from acp_agent.workspace.text import Text, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.events import Location, Shown, ToolKind
    from acp_agent.permission.claims import Claim
    from acp_agent.tools.base import Call, Progress, Tool
    from acp_agent.workspace.documents import Document
    from acp_agent.workspace.workspace import Workspace

LISTED_LINES = 20
"""Of the lines where a text occurs."""
LISTED_CHARACTERS = 100
COMPARED_LINES = 5000
"""Longer files are not searched for something similar."""
COMPARED_CHARACTERS = 200
SUMMARY_CHARACTERS = 4000

PARAMETERS = Parameters(
    Param("path"),
    Param("old_text"),
    Param("new_text"),
    Param("replace_all", "boolean", optional=True),
)
DESCRIPTION = (
    "Replace old_text with new_text in a file you have read. old_text must match exactly, without "
    "line numbers, and be unique unless replace_all."
)


class Change(NamedTuple):
    """A replacement in the words of the model."""

    old: str
    new: str
    everywhere: bool


class Plan(NamedTuple):
    base: Document
    text: Text
    replaced: int
    line: int
    """The first that changes."""


def replacements(
    text: str, change: Change, redact: Callable[[str], str] = NO_VALUES
) -> list[tuple[int, int]]:
    """The (start, end) of what to replace in `text`, plain like the change.

    Raises ToolError when that is not one place, or at least one with `everywhere`; what it says of the text
    is redacted.
    """
    if not change.old:
        raise ToolError("old_text is empty. Send the text to replace, or use write for a new file.")
    if change.old == change.new:
        raise ToolError("old_text and new_text are the same, there is nothing to change.")
    step = len(change.old) if change.everywhere else 1
    found: list[int] = []
    at = text.find(change.old)
    while at >= 0:
        found.append(at)
        at = text.find(change.old, at + step)
    if not found and MARK in change.old:
        raise ToolError(f"old_text is not in the file. {STANDS_FOR}")
    if not found:
        raise ToolError(f"old_text is not in the file. {nearest(redact(text), change.old)}")
    if len(found) > 1 and not change.everywhere:
        raise ToolError(_ambiguous(text, found, redact))
    return [(at, at + len(change.old)) for at in found]


def _ambiguous(text: str, found: Sequence[int], redact: Callable[[str], str]) -> str:
    lines = redact(text).split("\n")
    places = [text.count("\n", 0, at) for at in found[:LISTED_LINES]]
    listed = "\n".join(f"{number + 1}: {lines[number][:LISTED_CHARACTERS]}" for number in places)
    more = f"\n… and {len(found) - LISTED_LINES} more" if len(found) > LISTED_LINES else ""
    return (
        f"old_text occurs {len(found)} times. Send more of the text around it, or replace_all. "
        f"It starts in these lines:\n{listed}{more}"
    )


def nearest(text: str, old: str) -> str:
    """What in `text` comes near to `old`, as a sentence for the model."""
    lines = text.split("\n")
    wanted = [line.strip() for line in old.strip("\n").split("\n")]
    first = next((line for line in wanted if line), "")
    stripped = [line.strip() for line in lines]
    if not first or len(lines) > COMPARED_LINES:
        return "Read the file again and copy the text exactly."
    for at in range(len(lines)):
        if stripped[at : at + len(wanted)] == wanted:
            end = at + len(wanted)
            return f"Lines {at + 1}-{end} differ from it only in white space; copy them exactly."
    if first in stripped:
        at = stripped.index(first)
        return f"Its first line is line {at + 1}, but what follows differs. Read from there again."
    from difflib import get_close_matches

    similar = get_close_matches(
        first[:COMPARED_CHARACTERS], [line[:COMPARED_CHARACTERS] for line in stripped if line], 1
    )
    if not similar:
        return "Nothing in it is similar; read the file again."
    at = next(number for number, line in enumerate(stripped) if line[:COMPARED_CHARACTERS] == similar[0])
    return f"Most similar is line {at + 1}: {lines[at][:LISTED_CHARACTERS]}"


class EditTool:
    spec = ToolSpec("edit", DESCRIPTION, PARAMETERS.schema())
    kind: ToolKind = "edit"
    reads_only = False

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def bind(self, arguments: dict[str, object]) -> Call:
        given = PARAMETERS.check("edit", arguments)
        target = Target(self._workspace.roots, given.text("path"))
        change = Change(
            plain(given.text("old_text")), plain(given.text("new_text")), given.flag("replace_all")
        )
        return EditCall(self._workspace, target, change)


class EditCall:
    def __init__(self, workspace: Workspace, target: Target, change: Change) -> None:
        self._documents = workspace.documents
        self._redact = workspace.redactor
        self._wellformed = workspace.wellformed
        self._target = target
        self._change = change
        self._previewed: Plan | None = None
        self._line: int | None = None

    @property
    def title(self) -> str:
        return f"Edit {self._target.title}"

    @property
    def locations(self) -> tuple[Location, ...]:
        return (self._target.location(self._line),)

    def claims(self) -> tuple[Claim, ...]:
        return self._target.claims("edit")

    async def preview(self) -> tuple[Shown, ...]:
        self._previewed = await self._plan()
        return self._shown(self._previewed, self._previewed.text)

    async def run(self, progress: Progress) -> ToolResult:
        plan = await self._plan()
        if self._previewed and self._previewed.base.version != plan.base.version:
            raise ToolError(f"{self._target.shown} has changed since the call was approved. Read it again.")
        written = await self._documents.write(self._target.place, plan.text, plan.base)
        done = (
            f"line {plan.line}" if plan.replaced == 1 else f"{plan.replaced} places from line {plan.line} on"
        )
        return ToolResult(
            f"Edited {self._target.shown}, {done}." + report(self._documents, written, plan.text),
            shown=self._shown(plan, written.document.source),
            record={"path": str(self._target.place.path), "replaced": plan.replaced},
            locations=self.locations,
        )

    async def _plan(self) -> Plan:
        """The edit on the file as it is; the same in `preview` and `run` unless that has changed."""
        base = await self._documents.read(self._target.place)
        self._documents.require_seen(base)
        spans = replacements(base.text, self._change, self._redact)
        text = base.source.spliced(spans, self._change.new)
        text.encode()  # what cannot be written is told before anybody is asked
        await self._wellformed.require(self._target.place.path, base.text, text.plain)
        self._line = base.text.count("\n", 0, spans[0][0]) + 1 + _first_difference(self._change)
        return Plan(base, text, len(spans), self._line)

    def _shown(self, plan: Plan, text: Text) -> tuple[Shown, ...]:
        old, new = (side[:SUMMARY_CHARACTERS] for side in (self._change.old, self._change.new))
        changed = "\n".join(
            [*(f"-{line}" for line in old.split("\n")), *(f"+{line}" for line in new.split("\n"))]
        )
        summary = f"Line {self._line}\n\n{fenced(changed, 'diff')}"
        return shown_change(str(self._target.place.path), plan.base.source, text, summary)


def _first_difference(change: Change) -> int:
    """How many lines old and new text have in common at their beginning."""
    old, new = change.old.split("\n"), change.new.split("\n")
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    return min(same, len(new) - 1)


if TYPE_CHECKING:

    def conforms(tool: EditTool, call: EditCall) -> tuple[Tool, Call]:
        return tool, call
