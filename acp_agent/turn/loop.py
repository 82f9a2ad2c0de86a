"""One prompt, from the user's message to the stop reason.

The loop asks the model, runs the tools it asked for, and asks again. It only emits events
and knows neither the editor nor the journal. Cancelling it leaves every call with a final
event and the partial answer in the history.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acp_agent.errors import BudgetReached
from acp_agent.events import (
    ModelUsed,
    NoticeRaised,
    TextDelta,
    ThoughtDelta,
    ThoughtKept,
    Tokens,
    ToolCallFinished,
    ToolCallStarted,
    ToolCallUpdated,
    UsageChanged,
)
from acp_agent.models.messages import ModelRequest
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Delayed,
    Failed,
    Finished,
    Free,
    KeptPiece,
    Rerouted,
    TextPiece,
    ThoughtPiece,
)
from acp_agent.tools.base import CommandTool
from acp_agent.turn.allowance import freely
from acp_agent.turn.dispatch import Requested, run_calls
from acp_agent.turn.estimate import characters, tokens
from acp_agent.turn.pulse import Pulse
from acp_agent.turn.recovery import Recovery, asked_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from acp_agent.events import Reminded, StopReason
    from acp_agent.models.stream import Model, StreamEvent
    from acp_agent.permission.gate import Gate
    from acp_agent.tools.registry import Toolset
    from acp_agent.turn.allowance import MayAsk
    from acp_agent.turn.feed import Feed
    from acp_agent.turn.history import History
    from acp_agent.turn.recovery import Aids

NAME_CHARACTERS = 64
"""No tool has a longer name; a model may write one."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
"""Services refuse whole conversations for names of tools with anything else in them."""
EMPTY_ANSWER = "(The model gave an empty answer.)"
INTERRUPTED = "Cancelled before it finished."
NOT_COMPLETE = "Not made: the model's answer broke off before the call was complete."
STOP_REASONS: dict[str, StopReason] = {
    "end": "end_turn",
    "tools": "end_turn",
    "length": "max_tokens",
    "refusal": "refusal",
}


@dataclass(slots=True)
class Turn:
    """What a turn is given. The callables are asked before each request: choices may change meanwhile."""

    feed: Feed
    history: History
    system: Callable[[], str]
    reminders: Callable[[], Iterable[Reminded]]
    """What the model has to be told now, and was not told yet."""
    toolset: Toolset
    gate: Gate
    model: Callable[[], Model]
    new_id: Callable[[str], str]
    max_requests: int
    aids: Aids
    conversation: str = ""
    """Names the conversation, for services that cache it."""
    sign_of_life_s: float = 25.0
    """A wait that takes longer is explained."""
    trace: Mapping[str, str] = field(default_factory=dict[str, str])
    """The prompt's trace context, passed on to services."""
    may_ask: MayAsk = freely
    """Asked before each request."""
    cost: Callable[[], int | None] = lambda: None
    """Micro-dollars that the session has cost by now; None when that is not known."""


class _Answer:
    """What has come of the model's answer so far."""

    def __init__(self, message_id: str, before: str = "") -> None:
        self.message_id = message_id
        self.before = before
        """`alias/model` of who has given the one before it in the turn."""
        self.model = ""
        """`alias/model` of who gives it."""
        self.calls: dict[int, Requested] = {}
        self.characters = 0
        self.shown = False
        """Whether there was text or thought of it to be seen."""
        self.free = False
        """Whether it costs nothing, whatever becomes of it."""
        self.end: Finished | Failed | None = None


async def run_turn(turn: Turn) -> StopReason:
    """Runs until the model ends its answer or a limit is reached.

    Raises ModelError when the provider fails; what it had said until then stays in the history. Raises
    BudgetReached when nobody can be asked whether to go on.
    """
    await turn.toolset.settle()
    recovery = Recovery(turn.feed, turn.aids, turn.new_id)
    answer = _Answer("")
    for _ in range(turn.max_requests):
        answer = _Answer(turn.new_id("m"), answer.model)
        try:
            await turn.may_ask()
            await _ask(turn, answer)
            end = answer.end
            if isinstance(end, Failed):
                _drop_calls(turn, answer)
                following = await recovery.after(end, shown=answer.shown)
                if following != "again":
                    return following
                continue
            if not answer.characters and not answer.calls and recovery.asks_again(end):
                continue
            recovery.answered()
            if not answer.calls:
                return _stop_reason(turn, answer, end)
            await run_calls(turn, list(answer.calls.values()))
        except BudgetReached as reached:
            if not reached.answered:
                raise
            turn.feed.emit(TextDelta(answer.message_id, f"({reached})"))
            return "max_turn_requests"
        finally:
            for call in answer.calls.values():
                if not call.finished:
                    call.finished = True
                    turn.feed.emit(ToolCallFinished(call.id, failed=True, output=INTERRUPTED))
            turn.feed.flush()
    return "max_turn_requests"


async def _ask(turn: Turn, answer: _Answer) -> None:
    """Streams one answer of the model into events."""
    turn.feed.flush()
    for reminder in turn.reminders():
        turn.feed.emit(reminder)
    model = turn.model()
    messages, tools = turn.history.messages(), turn.toolset.specs
    request = ModelRequest(turn.system(), messages, tools, turn.trace, turn.conversation)
    answer.model = model.name
    try:
        with Pulse(turn.feed, f"Waiting for {model.name}", turn.sign_of_life_s) as pulse:
            async with aclosing(model.stream(request)) as stream:
                async for event in stream:
                    pulse.beat()
                    _take(turn, answer, event)
                    await turn.feed.drain()
    finally:
        if not isinstance(answer.end, Finished):
            _report_unfinished(turn, answer)
    if not isinstance(answer.end, Failed):
        for call in answer.calls.values():
            turn.feed.emit(ToolCallUpdated(call.id, arguments=call.arguments))
    if isinstance(answer.end, Finished):
        _report_usage(turn, model, request, answer, answer.end)


def _take(turn: Turn, answer: _Answer, event: StreamEvent) -> None:
    match event:
        case TextPiece(text):
            answer.shown = True
            answer.characters += len(text)
            turn.feed.emit(TextDelta(answer.message_id, text))
        case ThoughtPiece(text):
            answer.shown = True
            answer.characters += len(text)
            turn.feed.emit(ThoughtDelta(answer.message_id, text))
        case KeptPiece(data):
            turn.feed.emit(ThoughtKept(answer.message_id, answer.model, data, len(answer.calls)))
        case CallStarted(slot, name):
            _begin_call(turn, answer, slot, name)
        case CallArguments(slot, piece) if slot in answer.calls:
            answer.characters += len(piece)
            answer.calls[slot].pieces.append(piece)
        case Finished() | Failed():
            answer.end = event
        case Free():
            answer.free = True
        case Delayed() | Rerouted():
            _report_unfinished(turn, answer)
            _begin_anew(turn, answer)
            _explain(turn, answer, event)
        case _:
            pass


def _explain(turn: Turn, answer: _Answer, event: Delayed | Rerouted) -> None:
    """Says that somebody is asked again, or somebody else."""
    why = turn.feed.redacted(event.failed.message)
    if isinstance(event, Delayed):
        turn.feed.emit(asked_again(answer.model, event, why))
        return
    answer.model = event.model
    if event.model == answer.before and not event.key:
        return  # it was said before
    by = f" by the key from {event.key}" if event.key else ""
    turn.feed.emit(NoticeRaised("warning", f"{event.model} is asked{by} from here on.", why))


def _begin_anew(turn: Turn, answer: _Answer) -> None:
    """What another attempt gives is a message of its own: nothing that was kept of the last belongs to it."""
    _drop_calls(turn, answer)
    answer.message_id = turn.new_id("m")
    answer.characters = 0


def _drop_calls(turn: Turn, answer: _Answer) -> None:
    """Ends the calls of an answer that broke off; the history knows nothing of them."""
    for call in answer.calls.values():
        call.finished = True
        turn.feed.emit(ToolCallFinished(call.id, failed=True, output=NOT_COMPLETE))
    answer.calls.clear()


def _begin_call(turn: Turn, answer: _Answer, slot: int, name: str) -> None:
    """Shows the call at once; its arguments may take a while."""
    name = _NOT_IN_NAMES.sub("_", name[:NAME_CHARACTERS]) or "unnamed"
    call = answer.calls[slot] = Requested(turn.new_id("call"), name)
    tool = turn.toolset.find(name)
    title = name.capitalize() if tool else f"Unknown tool {name}"
    kind = tool.kind if tool else "other"
    cwd = tool.terminal_cwd if isinstance(tool, CommandTool) else None
    turn.feed.emit(ToolCallStarted(call.id, answer.message_id, name, title, kind, cwd))


def _report_unfinished(turn: Turn, answer: _Answer) -> None:
    """What came of it, if anything, is charged, and nobody says how much."""
    if answer.characters or answer.calls:
        turn.feed.emit(ModelUsed(answer.model, None, 0 if answer.free else None))
    answer.characters, answer.free = 0, False


def _report_usage(turn: Turn, model: Model, request: ModelRequest, answer: _Answer, end: Finished) -> None:
    if usage := end.usage:
        used = usage.input + usage.output
    else:
        used = tokens(characters(request) + answer.characters)
    said_by = end.model or answer.model
    turn.feed.emit(ModelUsed(said_by, Tokens(*usage) if usage else None, end.cost))
    turn.feed.emit(UsageChanged(used, model.window, turn.cost()))


def _stop_reason(turn: Turn, answer: _Answer, end: Finished | None) -> StopReason:
    reason = end.reason if end else "end"
    if not answer.characters and reason in ("end", "tools"):
        turn.feed.emit(TextDelta(answer.message_id, EMPTY_ANSWER))
    return STOP_REASONS[reason]
