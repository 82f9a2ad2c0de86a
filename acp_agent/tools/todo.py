"""The plan that the person sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from acp_agent.errors import ToolError
from acp_agent.events import PlanEntry
from acp_agent.models.messages import ToolSpec
from acp_agent.tools.base import ToolResult
from acp_agent.tools.parameters import Param, Parameters
from acp_agent.tools.shortening import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.events import Location, PlanStatus, Priority, Shown, ToolKind
    from acp_agent.permission.claims import Claim
    from acp_agent.tools.base import Call, Progress, Tool
    from acp_agent.tools.parameters import Arguments

ENTRIES = 50
CANCELLED = "cancelled"

PARAMETERS = Parameters(
    Param(
        "todos",
        "array",
        items=Parameters(
            Param("content"),
            Param("status", choices=("pending", "in_progress", "completed", CANCELLED)),
            Param("priority", choices=("high", "medium", "low"), optional=True),
        ),
    )
)
DESCRIPTION = (
    "Show the person your plan for a task of several steps. Send the whole list whenever it changes."
)


class TodoTool:
    spec = ToolSpec("todo", DESCRIPTION, PARAMETERS.schema())
    kind: ToolKind = "think"
    reads_only = False

    def bind(self, arguments: dict[str, object]) -> Call:
        given = PARAMETERS.check("todo", arguments).items("todos")
        if len(given) > ENTRIES:
            raise ToolError(f"todos has {len(given)} entries; send at most {ENTRIES}, with larger steps.")
        return TodoCall([_entry(item) for item in given if item.text("status") != CANCELLED])


def _entry(item: Arguments) -> PlanEntry:
    return PlanEntry(
        item.text("content"),
        cast("Priority", item.text("priority", "medium")),
        cast("PlanStatus", item.text("status")),
    )


class TodoCall:
    def __init__(self, entries: Sequence[PlanEntry]) -> None:
        self._entries = entries

    @property
    def title(self) -> str:
        now = next((entry.content for entry in self._entries if entry.status == "in_progress"), "")
        return f"Update the plan, now at {one_line(now)}" if now.strip() else "Update the plan"

    @property
    def locations(self) -> tuple[Location, ...]:
        return ()

    def claims(self) -> tuple[Claim, ...]:
        return ()

    async def preview(self) -> tuple[Shown, ...]:
        return ()

    async def run(self, progress: Progress) -> ToolResult:
        progress.plan(self._entries)
        done = sum(entry.status == "completed" for entry in self._entries)
        return ToolResult(f"Plan shown, {done} of {len(self._entries)} done.", record={"done": done})


if TYPE_CHECKING:

    def conforms(tool: TodoTool, call: TodoCall) -> tuple[Tool, Call]:
        return tool, call
