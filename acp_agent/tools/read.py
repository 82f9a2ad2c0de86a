"""Reading files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import anyio.to_thread

from acp_agent.errors import ToolError
from acp_agent.invisible import reveal
from acp_agent.models.messages import ToolSpec
from acp_agent.tools.base import ToolResult
from acp_agent.tools.foreign import foreign, instructs
from acp_agent.tools.parameters import Param, Parameters
from acp_agent.tools.target import ReadingCall, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.events import Location, ToolKind
    from acp_agent.tools.base import Call, Progress, Tool
    from acp_agent.workspace.documents import Document
    from acp_agent.workspace.workspace import Workspace

LINES = 2000
"""Read unless the model wants another number."""
LINE_BYTES = 16 << 10
IN_PASSING_CHARACTERS = 1 << 20
"""Secrets are looked for in a thread where there is more: it takes about 30 ms a million."""
OUTPUT_BYTES = 96 << 10
"""About a fifth of a small context window."""

PARAMETERS = Parameters(
    Param("path"),
    Param("offset", "integer", "First line", optional=True, minimum=1),
    Param("limit", "integer", f"Number of lines, default {LINES}", optional=True, minimum=1),
)


class Excerpt(NamedTuple):
    """Some lines of a text, ready for the model."""

    text: str
    first: int
    last: int
    total: int

    @property
    def partial(self) -> bool:
        return self.last - self.first + 1 < self.total


def excerpt(text: str, offset: int, limit: int, room: int = OUTPUT_BYTES) -> Excerpt:
    """The numbered lines from `offset` on, at most `limit` of them and `room` bytes."""
    lines = text.removesuffix("\n").split("\n") if text else []
    last = min(len(lines), offset + limit - 1)
    width = len(str(last))
    shown: list[str] = []
    for number in range(offset, last + 1):
        line = f"{number:>{width}}: {_bounded(lines[number - 1])}"
        room -= len(line.encode("utf-8", "replace")) + 1
        if room < 0 and shown:
            break
        shown.append(line)
    return Excerpt("\n".join(shown), offset, offset + len(shown) - 1, len(lines))


def _bounded(line: str) -> str:
    if len(line) * 4 <= LINE_BYTES:
        return line
    data = line.encode("utf-8", "replace")
    if len(data) <= LINE_BYTES:
        return line
    return f"{data[:LINE_BYTES].decode('utf-8', 'ignore')} [… {len(data) - LINE_BYTES} more bytes]"


class ReadTool:
    spec = ToolSpec("read", "Read a text file; lines are numbered.", PARAMETERS.schema())
    kind: ToolKind = "read"
    reads_only = True

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def bind(self, arguments: dict[str, object]) -> Call:
        given = PARAMETERS.check("read", arguments)
        target = Target(self._workspace.roots, given.text("path"))
        return ReadCall(self._workspace, target, given.integer("offset", 1), given.integer("limit", LINES))


class ReadCall(ReadingCall):
    """`room` is how many bytes of the file may be given."""

    def __init__(
        self, workspace: Workspace, target: Target, offset: int, limit: int, room: int = OUTPUT_BYTES
    ) -> None:
        super().__init__(target)
        self._room = room
        self._documents = workspace.documents
        self._roots = workspace.roots
        self._redact = workspace.redactor
        self._offset = offset
        self._limit = limit

    @property
    def title(self) -> str:
        title = f"Read {self._target.title}"
        if self._limit != LINES:
            return f"{title} {self._offset}-{self._offset + self._limit - 1}"
        return f"{title} from {self._offset}" if self._offset > 1 else title

    @property
    def locations(self) -> tuple[Location, ...]:
        return (self._target.location(self._offset),)

    async def _read(self, progress: Progress) -> ToolResult:
        place = self._target.place
        document = await self._documents.read(place)
        text = await self._readable(document)
        text, hidden = reveal(text) if instructs(place) else (text, 0)
        part = excerpt(text, self._offset, self._limit, self._room)
        if self._offset > max(part.total, 1):
            raise ToolError(
                f"{self._target.shown} has {part.total} lines; line {self._offset} is past its end."
            )
        self._documents.mark_seen(document)
        stopped = self._room if part.last < self._offset + self._limit - 1 else 0
        remarks = [*self._of_instructions(hidden), *_remarks(document, part, stopped)]
        head = f"({'; '.join(remarks)})\n" if remarks else ""
        return ToolResult(
            head + (part.text if document.text else "(empty file)"),
            record={"path": str(document.path), "lines": [part.first, part.last], "total": part.total},
        )

    def _of_instructions(self, hidden: int) -> Iterator[str]:
        place = self._target.place
        if instructs(place):
            if of := foreign(place, self._roots):
                yield of
            if hidden:
                yield f"{hidden} characters that cannot be seen are written out as \\u{{…}}"

    async def _readable(self, document: Document) -> str:
        """The text, line by line without secrets: of a key that has several, any line may be asked for."""
        if len(document.text) < IN_PASSING_CHARACTERS:
            return self._redact(document.text)
        return await anyio.to_thread.run_sync(self._redact, document.text)


def _remarks(document: Document, part: Excerpt, stopped: int) -> list[str]:
    """`stopped` is after how many bytes there was no more room, or 0."""
    remarks: list[str] = []
    if part.partial:
        remarks.append(f"lines {part.first}-{part.last} of {part.total}")
        if stopped and part.last < part.total:
            remarks.append(f"cut at {stopped >> 10} KiB, go on with offset {part.last + 1}")
    if document.unsaved:
        remarks.append("with changes in the editor that are not saved yet")
    if document.note:
        remarks.append(document.note.rstrip("."))
    return remarks


if TYPE_CHECKING:

    def conforms(tool: ReadTool, call: ReadCall) -> tuple[Tool, Call]:
        return tool, call
