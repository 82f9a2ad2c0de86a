"""Running the tool calls of one message: what may run side by side does, the rest keeps its order."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio

from acp_agent.errors import AgentError, ToolError
from acp_agent.events import OutputDelta, PlanChanged, ToolCallFinished, ToolCallProgress, ToolCallUpdated
from acp_agent.permission.gate import PendingCall, Refusal
from acp_agent.turn.pulse import Pulse
from acp_agent.turn.repair import parse_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.events import PlanEntry, Shown
    from acp_agent.permission.gate import Gate
    from acp_agent.tools.base import Call, Tool
    from acp_agent.tools.registry import Toolset
    from acp_agent.turn.feed import Feed

log = logging.getLogger(__name__)

CHANGED_UNDERNEATH = (
    "Not done: what the call would touch is no longer what was approved. Look at it again and retry."
)


@dataclass(slots=True)
class Requested:
    """A call as the model asked for it."""

    id: str
    name: str
    pieces: list[str] = field(default_factory=list[str])
    finished: bool = False

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class _Bound(NamedTuple):
    requested: Requested
    tool: Tool
    call: Call


class Ground(Protocol):
    """What calls run on; a turn is one."""

    @property
    def feed(self) -> Feed: ...
    @property
    def toolset(self) -> Toolset: ...
    @property
    def gate(self) -> Gate: ...
    @property
    def sign_of_life_s(self) -> float: ...


async def run_calls(ground: Ground, requested: Sequence[Requested]) -> None:
    """Runs the calls and emits one ToolCallFinished for each that ends; a cancelled one has none yet.

    Calls that only read and need not be asked for run side by side up to the next one that
    changes something or has to be approved.
    """
    dispatch = _Dispatch(ground)
    together: list[_Bound] = []
    for call in requested:
        bound = dispatch.bind(call)
        if bound is None:
            continue
        if dispatch.may_run_beside_others(bound):
            together.append(bound)
            continue
        await dispatch.run_together(together)
        together = []
        await dispatch.run(bound)
    await dispatch.run_together(together)


class _Dispatch:
    def __init__(self, ground: Ground) -> None:
        self._feed = ground.feed
        self._gate = ground.gate
        self._toolset = ground.toolset
        self._sign_of_life_s = ground.sign_of_life_s

    def bind(self, requested: Requested) -> _Bound | None:
        """The call with its arguments checked; None when it has been answered with what is wrong."""
        try:
            tool = self._toolset.get(requested.name)
            arguments = parse_arguments(requested.arguments)
            self._feed.emit(ToolCallUpdated(requested.id, raw_input=arguments))
            call = tool.bind(arguments)
            self._feed.emit(ToolCallUpdated(requested.id, title=call.title, locations=call.locations))
            return _Bound(requested, tool, call)
        except Exception as error:  # see _fail
            self._fail(requested, error)
            return None

    def may_run_beside_others(self, bound: _Bound) -> bool:
        if not bound.tool.reads_only:
            return False
        try:
            return self._gate.check(bound.call.claims(), bound.requested.name).verdict == "allow"
        except Exception:  # `run` meets it again, and answers the call with it
            return False

    async def run_together(self, calls: Sequence[_Bound]) -> None:
        if len(calls) == 1:
            await self.run(calls[0])
            return
        async with anyio.create_task_group() as tasks:
            for bound in calls:
                tasks.start_soon(self.run, bound)

    async def run(self, bound: _Bound) -> None:
        """Has the call approved, runs it and says how it ended."""
        requested, tool, call = bound
        try:
            pending = PendingCall(requested.id, call.title, tool.kind, requested.name)
            with Pulse(self._feed, "Waiting for your approval", self._sign_of_life_s):
                preview = partial(self._show_preview, bound)
                approval = await self._gate.authorize(pending, call.claims(), preview)
            if isinstance(approval, Refusal):
                raise ToolError(approval.reason)
            if not approval.covers(requested.id, call.claims()):
                raise ToolError(CHANGED_UNDERNEATH)
            self._feed.emit(ToolCallUpdated(requested.id, status="in_progress"))
            with Pulse(self._feed, f"{call.title} is running", self._sign_of_life_s):
                result = await call.run(_Progress(self._feed, requested.id))
        except Exception as error:  # see _fail
            self._fail(requested, error)
            return
        requested.finished = True
        self._feed.emit(
            ToolCallFinished(
                requested.id, result.failed, result.output, result.shown, result.locations, result.record
            )
        )

    async def _show_preview(self, bound: _Bound) -> None:
        """What would happen, for the person to decide on.

        What is wrong with a call on something that may not even be read is not told before it is approved.
        """
        try:
            shown = await bound.call.preview()
        except ToolError:
            if all(claim.inside for claim in bound.call.claims()):
                raise
            return
        if shown:
            self._feed.emit(ToolCallUpdated(bound.requested.id, content=shown))

    def _fail(self, requested: Requested, error: Exception) -> None:
        """Answers the call with what is wrong. A tool with a bug must not take the turn down either."""
        why = str(error)
        if not isinstance(error, AgentError | OSError):
            log.error("%s failed", requested.name, exc_info=error)
            why = f"{requested.name} failed with an internal error ({type(error).__name__}). Try another way."
        requested.finished = True
        self._feed.emit(ToolCallFinished(requested.id, failed=True, output=why))


class _Progress:
    """tools.base.Progress for one call."""

    def __init__(self, feed: Feed, call_id: str) -> None:
        self._feed = feed
        self.call_id = call_id

    def show(self, shown: Sequence[Shown]) -> None:
        self._feed.emit(ToolCallProgress(self.call_id, tuple(shown)))

    def output(self, text: str) -> None:
        self._feed.emit(OutputDelta(self.call_id, text))

    def plan(self, entries: Sequence[PlanEntry]) -> None:
        self._feed.emit(PlanChanged(tuple(entries)))
