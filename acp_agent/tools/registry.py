"""The tools of a session."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from acp_agent.errors import ToolError
from acp_agent.tools.bash import BashTool, Times
from acp_agent.tools.edit import EditTool
from acp_agent.tools.grep import GrepTool
from acp_agent.tools.listing import GlobTool, ListTool
from acp_agent.tools.read import ReadTool
from acp_agent.tools.todo import TodoTool
from acp_agent.tools.write import WriteTool
from acp_agent.workspace.programs import on_path
from acp_agent.workspace.terminals import Consoles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.models.messages import ToolSpec
    from acp_agent.tools.base import Tool
    from acp_agent.tools.bash import Analyse
    from acp_agent.tools.reviewing import Reviewing
    from acp_agent.workspace.programs import Programs
    from acp_agent.workspace.workspace import Workspace


class Limits(NamedTuple):
    """What a person may set, in seconds."""

    bash_s: float = 120.0
    """A command's time unless the model asks for another."""
    bash_max_s: float = 1800.0
    """The longest it may ask for."""


NAMED = 40
"""So many tools are named to a model that asked for one there is not."""


class ToolSource(Protocol):
    """Tools that come and go while the session lasts."""

    def tools(self) -> Sequence[Tool]:
        """Those there are now."""
        ...

    async def settle(self) -> None:
        """Called before a turn: waits, within a bound, for tools that are about to come."""
        ...


class Toolset:
    """Tools by name, in the order in which the model is told of them."""

    def __init__(self, tools: Iterable[Tool], sources: Sequence[ToolSource] = ()) -> None:
        """Of two tools with one name the first counts: what a source brings replaces nothing."""
        self._tools = {tool.spec.name: tool for tool in tools}
        self._sources = sources

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told, now."""
        return tuple(tool.spec for tool in self._all().values())

    def find(self, name: str) -> Tool | None:
        return self._tools.get(name) or self._all().get(name)

    def get(self, name: str) -> Tool:
        """Raises ToolError naming the tools there are."""
        tool = self.find(name)
        if tool is None:
            there_are = ", ".join(islice(self._all(), NAMED))
            raise ToolError(f"There is no tool {name[:100]!r}. Use one of: {there_are}.")
        return tool

    async def settle(self) -> None:
        """Called before a turn."""
        for source in self._sources:
            await source.settle()

    def _all(self) -> dict[str, Tool]:
        found = dict(self._tools)
        for tool in chain.from_iterable(source.tools() for source in self._sources):
            found.setdefault(tool.spec.name, tool)
        return found


def builtin(
    workspace: Workspace,
    analyse: Analyse,
    limits: Limits | None = None,
    programs: Programs | None = None,
    consoles: Consoles | None = None,
    reviewing: Reviewing | None = None,
) -> tuple[Tool, ...]:
    """The tools every session has. `programs` are looked up on the path unless given."""
    limits = limits or Limits()
    programs = programs or on_path(workspace.roots.cwd)
    times = Times(limits.bash_s, limits.bash_max_s)
    return (
        ReadTool(workspace),
        WriteTool(workspace),
        EditTool(workspace),
        ListTool(workspace),
        GlobTool(workspace, programs),
        GrepTool(workspace, programs),
        BashTool(workspace.roots.cwd, analyse, times, consoles or Consoles(), reviewing),
        TodoTool(),
    )
