"""What a tool is: it says what it takes, binds arguments to a call, and runs it.

A call goes through three steps, each able to refuse with a ToolError whose text tells the
model what to do instead: `bind` checks the arguments and names the claims, `preview` shows
the person what would happen, `run` does it once the gate has approved the claims.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.events import Location, PlanEntry, Shown, ToolKind
    from acp_agent.models.messages import ToolSpec
    from acp_agent.permission.claims import Claim


class ToolResult(NamedTuple):
    """What a tool returns, for its three audiences."""

    output: str
    """For the model: short and exact."""
    shown: tuple[Shown, ...] | None = None
    """For the person, replacing what was shown before; None leaves that."""
    record: dict[str, object] | None = None
    """For the log and `rawOutput`."""
    locations: tuple[Location, ...] | None = None
    failed: bool = False


class Progress(Protocol):
    """How a running call reports. Calls may come often; they are coalesced."""

    @property
    def call_id(self) -> str:
        """Of the call that runs; unique within the session."""
        ...

    def show(self, shown: Sequence[Shown]) -> None:
        """Replaces what the person sees of the call so far."""
        ...

    def output(self, text: str) -> None:
        """More of what the call's command writes; see events.OutputDelta for what it may hold."""
        ...

    def plan(self, entries: Sequence[PlanEntry]) -> None:
        """Replaces the session's plan."""
        ...


class Call(Protocol):
    """A tool bound to checked arguments."""

    @property
    def title(self) -> str:
        """What happens, for a person, without a colon: "Read src/a.py 10-40"."""
        ...

    @property
    def locations(self) -> tuple[Location, ...]:
        """Where it happens: absolute paths, 1-based lines."""
        ...

    def claims(self) -> tuple[Claim, ...]:
        """Every effect the call will have. Asked again right before `run`, and must then be the same."""
        ...

    async def preview(self) -> tuple[Shown, ...]:
        """What a person should see before approving: the diff of an edit. Changes nothing."""
        ...

    async def run(self, progress: Progress) -> ToolResult:
        """Does it. Cancelling it stops everything it started."""
        ...


class Tool(Protocol):
    """One tool of a session. One that runs commands is a CommandTool as well."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description and parameters as the model is told."""
        ...

    @property
    def kind(self) -> ToolKind: ...

    @property
    def reads_only(self) -> bool:
        """True when calls of one message may run side by side."""
        ...

    def bind(self, arguments: dict[str, object]) -> Call:
        """Checks `arguments`; raises ToolError naming what is wrong, expected and given."""
        ...


@runtime_checkable
class CommandTool(Protocol):
    """A tool whose calls run commands."""

    @property
    def terminal_cwd(self) -> str | None:
        """Where the next command will run, if its output comes through Progress."""
        ...
