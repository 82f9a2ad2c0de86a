"""Finding files: what is in a folder, and what matches a glob."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import anyio.to_thread

from acp_agent.errors import ToolError
from acp_agent.models.messages import ToolSpec
from acp_agent.tools.base import ToolResult
from acp_agent.tools.parameters import Param, Parameters
from acp_agent.tools.shortening import one_line
from acp_agent.tools.target import ReadingCall, Target
from acp_agent.workspace.files import trouble
from acp_agent.workspace.globs import compile_glob
from acp_agent.workspace.neighbours import missing
from acp_agent.workspace.opening import opened

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.events import ToolKind
    from acp_agent.tools.base import Call, Progress, Tool
    from acp_agent.workspace.programs import Programs
    from acp_agent.workspace.workspace import Workspace

ENTRIES = 200
COUNTED = 2000
FILES = 200

LIST_PARAMETERS = Parameters(Param("path", optional=True))
GLOB_PARAMETERS = Parameters(
    Param("pattern"),
    Param("path", about="Folder", optional=True),
    Param("include_hidden", "boolean", optional=True),
)


class Entries(NamedTuple):
    """A folder's entries, folders first."""

    lines: list[str]
    total: int
    """At most COUNTED."""


class ListTool:
    spec = ToolSpec("list", "List a folder, the working directory by default.", LIST_PARAMETERS.schema())
    kind: ToolKind = "read"
    reads_only = True

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def bind(self, arguments: dict[str, object]) -> Call:
        given = LIST_PARAMETERS.check("list", arguments)
        return ListCall(Target(self._workspace.roots, given.text("path") or "."))


class ListCall(ReadingCall):
    @property
    def title(self) -> str:
        return f"List {self._target.title}"

    async def _read(self, progress: Progress) -> ToolResult:
        entries = await anyio.to_thread.run_sync(list_folder, self._target.place.path)
        output = "\n".join(entries.lines) or "(empty folder)"
        if entries.total > ENTRIES:
            total = f"{entries.total}{'+' * (entries.total == COUNTED)}"
            output += f"\n(the first {ENTRIES} of {total}; use glob for others)"
        return ToolResult(output, record={"path": str(self._target.place.path), "entries": entries.total})


def list_folder(path: Path) -> Entries:
    """Folders with a final `/`, files with their size in bytes, links with what they name."""
    folders: list[str] = []
    others: list[str] = []
    try:
        with opened(path) as folder, os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(COUNTED), strict=False):
                if entry.is_symlink():
                    others.append(f"{entry.name} -> {os.readlink(entry.name, dir_fd=folder)}")
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(f"{entry.name}/")
                else:
                    others.append(f"{entry.name}  {entry.stat(follow_symlinks=False).st_size}")
    except FileNotFoundError as error:
        raise missing(path) from error
    except NotADirectoryError as error:
        raise ToolError(f"{path} is a file. Use read.") from error
    except OSError as error:
        raise trouble("list", path, error) from error
    lines = [*sorted(folders), *sorted(others)]
    return Entries(lines[:ENTRIES], len(lines))


class Wanted(NamedTuple):
    pattern: str
    hidden: bool


class GlobTool:
    spec = ToolSpec(
        "glob", 'Find files by glob, newest first: "*.py" anywhere, "src/**/*.py".', GLOB_PARAMETERS.schema()
    )
    kind: ToolKind = "search"
    reads_only = True

    def __init__(self, workspace: Workspace, programs: Programs) -> None:
        self._workspace = workspace
        self._programs = programs

    def bind(self, arguments: dict[str, object]) -> Call:
        given = GLOB_PARAMETERS.check("glob", arguments)
        wanted = Wanted(given.text("pattern"), given.flag("include_hidden"))
        compile_glob(wanted.pattern)
        target = Target(self._workspace.roots, given.text("path") or ".")
        return GlobCall(self._workspace, self._programs, target, wanted)


class GlobCall(ReadingCall):
    def __init__(self, workspace: Workspace, programs: Programs, target: Target, wanted: Wanted) -> None:
        super().__init__(target)
        self._roots = workspace.roots
        self._programs = programs
        self._wanted = wanted

    @property
    def title(self) -> str:
        where = "" if self._target.shown == "." else f" in {self._target.title}"
        return f"Find `{one_line(self._wanted.pattern)}`{where}"

    async def _read(self, progress: Progress) -> ToolResult:
        from acp_agent.workspace.search import glob

        pattern, hidden = self._wanted
        found = await glob(self._target.place.path, pattern, FILES, self._programs, hidden=hidden)
        lines = [self._roots.shorten(path) for path in found.paths]
        if not lines:
            lines.append("No files match.")
        if found.total > len(found.paths):
            lines.append(f"(the newest {len(found.paths)} of {found.total})")
        if not found.complete:
            lines.append("(not all folders were looked at, it took too long; give a path)")
        return ToolResult("\n".join(lines), record={"files": found.total, "complete": found.complete})


if TYPE_CHECKING:

    def conforms(
        list_tool: ListTool, list_call: ListCall, glob_tool: GlobTool, glob_call: GlobCall
    ) -> tuple[Tool, Call, Tool, Call]:
        return list_tool, list_call, glob_tool, glob_call
