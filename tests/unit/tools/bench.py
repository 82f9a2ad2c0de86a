"""Tools as a turn uses them, on a folder of a test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.permission.claims import Claim
from acp_agent.tools.question import Questions
from acp_agent.tools.registry import Limits, Toolset, builtin
from acp_agent.workspace.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from acp_agent.events import PlanEntry, Shown
    from acp_agent.tools.base import Call, ToolResult
    from acp_agent.tools.question import Forms
    from acp_agent.workspace.programs import Programs
    from acp_agent.workspace.terminals import Consoles
    from tests.unit.workspace.editor import Editor


class Seen:
    """A tools.base.Progress that remembers."""

    call_id = "call-1"

    def __init__(self) -> None:
        self.written = ""
        self.shown: list[tuple[Shown, ...]] = []
        self.plans: list[tuple[PlanEntry, ...]] = []

    def show(self, shown: Sequence[Shown]) -> None:
        self.shown.append(tuple(shown))

    def output(self, text: str) -> None:
        self.written += text

    def plan(self, entries: Sequence[PlanEntry]) -> None:
        self.plans.append(tuple(entries))


def analyse(command: str, cwd: Path) -> tuple[Claim, ...]:
    return (Claim("execute", command, reason=str(cwd)),)


class Bench:
    def __init__(
        self,
        root: Path,
        editor: Editor | None = None,
        programs: Programs | None = None,
        consoles: Consoles | None = None,
        forms: Forms | None = None,
    ) -> None:
        self.root = root
        self.editor = editor
        self.workspace = open_workspace(root, editor=editor)
        limits = Limits(20.0, 30.0)
        tools = builtin(self.workspace, analyse, limits, programs, consoles)
        self.tools = Toolset(tools, [Questions(forms)] if forms else [])
        self.seen = Seen()

    def write(self, name: str, data: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def bind(self, name: str, **arguments: object) -> Call:
        return self.tools.get(name).bind(arguments)

    async def __call__(self, tool: str, **arguments: object) -> ToolResult:
        """A call that nobody has to be asked for."""
        call = self.bind(tool, **arguments)
        call.claims()
        return await call.run(self.seen)

    async def output(self, tool: str, **arguments: object) -> str:
        return (await self(tool, **arguments)).output
