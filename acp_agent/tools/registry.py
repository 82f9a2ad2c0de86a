"""The tools of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import ToolError
from acp_agent.tools.bash import BashTool, Times
from acp_agent.tools.edit import EditTool
from acp_agent.tools.grep import GrepTool
from acp_agent.tools.listing import GlobTool, ListTool
from acp_agent.tools.question import QuestionTool
from acp_agent.tools.read import ReadTool
from acp_agent.tools.todo import TodoTool
from acp_agent.tools.write import WriteTool
from acp_agent.workspace.programs import on_path
from acp_agent.workspace.terminals import Consoles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acp_agent.models.messages import ToolSpec
    from acp_agent.tools.base import Tool
    from acp_agent.tools.bash import Analyse
    from acp_agent.tools.question import Forms
    from acp_agent.workspace.programs import Programs
    from acp_agent.workspace.workspace import Workspace


class Limits(NamedTuple):
    """What a person may set, in seconds."""

    bash_s: float = 120.0
    """A command's time unless the model asks for another."""
    bash_max_s: float = 1800.0
    """The longest it may ask for."""


class Toolset:
    """Tools by name, in the order in which the model is told of them."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}
        self.specs: tuple[ToolSpec, ...] = tuple(tool.spec for tool in self._tools.values())

    def find(self, name: str) -> Tool | None:
        return self._tools.get(name)

    def get(self, name: str) -> Tool:
        """Raises ToolError naming the tools there are."""
        tool = self._tools.get(name)
        if tool is None:
            raise ToolError(f"There is no tool {name[:100]!r}. Use one of: {', '.join(self._tools)}.")
        return tool


class Desk(NamedTuple):
    """What a session's tools have of the person's side, beside the files."""

    consoles: Consoles = Consoles()
    forms: Forms | None = None


def builtin(
    workspace: Workspace,
    analyse: Analyse,
    limits: Limits | None = None,
    programs: Programs | None = None,
    desk: Desk | None = None,
) -> tuple[Tool, ...]:
    """The tools every session has. `programs` are looked up on the path unless given.

    Questions are only there where they can be asked: what the model is told of costs with every request.
    """
    limits = limits or Limits()
    programs = programs or on_path(workspace.roots.cwd)
    desk = desk or Desk()
    times = Times(limits.bash_s, limits.bash_max_s)
    asking = (QuestionTool(desk.forms),) if desk.forms and desk.forms.shows_forms else ()
    return (
        ReadTool(workspace),
        WriteTool(workspace),
        EditTool(workspace),
        ListTool(workspace),
        GlobTool(workspace, programs),
        GrepTool(workspace, programs),
        BashTool(workspace.roots.cwd, analyse, times, desk.consoles),
        TodoTool(),
        *asking,
    )
