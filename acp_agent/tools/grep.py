"""Searching in files."""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING

from acp_agent.errors import ToolError
from acp_agent.events import Location
from acp_agent.invisible import reveal
from acp_agent.models.messages import ToolSpec
from acp_agent.tools.base import ToolResult
from acp_agent.tools.foreign import foreign, instructs
from acp_agent.tools.parameters import Param, Parameters
from acp_agent.tools.shortening import one_line
from acp_agent.tools.target import ReadingCall, Target
from acp_agent.workspace.globs import compile_glob
from acp_agent.workspace.roots import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from acp_agent.events import ToolKind
    from acp_agent.tools.base import Call, Progress, Tool
    from acp_agent.workspace.programs import Programs
    from acp_agent.workspace.search import Found, Line, Query
    from acp_agent.workspace.workspace import Workspace

OUTPUT_LINES = 200
LINE_CHARACTERS = 500
LOCATIONS = 20
SECRETS = "\n(matches in files that usually hold secrets are left out; give the path of one to search it)"
CONTEXT_LINES = 20
"""Around a match at most."""

PARAMETERS = Parameters(
    Param("pattern"),
    Param("path", about="File or folder", optional=True),
    Param("include", about='Glob such as "*.py"', optional=True),
    Param("context_lines", "integer", optional=True, minimum=0),
    Param("include_hidden", "boolean", optional=True),
)
DESCRIPTION = "Search file contents for a regular expression. Ignored files are left out."


class GrepTool:
    spec = ToolSpec("grep", DESCRIPTION, PARAMETERS.schema())
    kind: ToolKind = "search"
    reads_only = True

    def __init__(self, workspace: Workspace, programs: Programs) -> None:
        self._workspace = workspace
        self._programs = programs

    def bind(self, arguments: dict[str, object]) -> Call:
        given = PARAMETERS.check("grep", arguments)
        if not given.text("pattern"):
            raise ToolError("pattern is empty. Send a regular expression.")
        include = given.text("include") or None
        if include:
            compile_glob(include)
        from acp_agent.workspace.search import Query

        context = min(given.integer("context_lines", 0), CONTEXT_LINES)
        query = Query(given.text("pattern"), include, context, given.flag("include_hidden"))
        target = Target(self._workspace.roots, given.text("path") or ".")
        return GrepCall(self._workspace, self._programs, target, query)


class GrepCall(ReadingCall):
    def __init__(self, workspace: Workspace, programs: Programs, target: Target, query: Query) -> None:
        super().__init__(target)
        self._roots = workspace.roots
        self._redact = workspace.redactor
        self._programs = programs
        self._query = query

    @property
    def title(self) -> str:
        where = "" if self._target.shown == "." else f" in {self._target.title}"
        return f"Search for `{one_line(self._query.pattern)}`{where}"

    async def _read(self, progress: Progress) -> ToolResult:
        from acp_agent.workspace.search import grep

        found = await grep(self._target.place.path, self._query, self._programs)
        lines = [line for line in found.lines if not self._is_secret(line.path)]
        kept_back = "" if len(lines) == len(found.lines) else SECRETS
        found = found._replace(lines=lines)
        hits = [line for line in lines if line.is_match]
        return ToolResult(
            self._output(found, len(hits)) + kept_back,
            record={"matches": len(hits), "complete": found.complete},
            locations=tuple(Location(str(hit.path), hit.number) for hit in hits[:LOCATIONS]) or None,
        )

    def _is_secret(self, path: Path) -> bool:
        """The folder was claimed; a file in it that usually holds secrets has to be claimed itself."""
        from acp_agent.permission.protected import protected

        return path != self._target.place.path and protected(os.path.expanduser("~")).is_secret(str(path))

    def _output(self, found: Found, hits: int) -> str:
        if not found.lines:
            return "No matches." if found.complete else "No matches so far; it took too long. Give a path."
        shown = found.lines[:OUTPUT_LINES]
        blocks = [
            self._block(path, list(lines)) for path, lines in groupby(shown, key=lambda line: line.path)
        ]
        if len(found.lines) > len(shown) or not found.complete:
            told = sum(line.is_match for line in shown)
            blocks.append(
                f"({told} of {hits}{'' if found.complete else ' or more'} matches; narrow the search)"
            )
        return "\n".join(blocks)

    def _block(self, path: Path, lines: Sequence[Line]) -> str:
        name, text = self._roots.shorten(path), _numbered(lines, self._redact)
        place = Place(path, self._roots.contains(path))
        if not instructs(place):
            return f"{name}\n{text}"
        of = foreign(place, self._roots)
        return f"{name}{f' ({of})' if of else ''}\n{reveal(text).text}"


def _numbered(lines: Sequence[Line], redact: Callable[[str], str]) -> str:
    """`12: a match`, `13- a line beside it`, `--` where lines are left out between them."""
    numbered: list[str] = []
    texts = redact("\n".join(line.text for line in lines)).split("\n")
    with_context = any(not line.is_match for line in lines)
    for line, before, text in zip(lines, (None, *lines), texts, strict=False):
        if with_context and before and line.number > before.number + 1:
            numbered.append("--")
        shown = text if len(text) <= LINE_CHARACTERS else f"{text[:LINE_CHARACTERS]}…"
        numbered.append(f"{line.number}{':' if line.is_match else '-'} {shown}")
    return "\n".join(numbered)


if TYPE_CHECKING:

    def conforms(tool: GrepTool, call: GrepCall) -> tuple[Tool, Call]:
        return tool, call
