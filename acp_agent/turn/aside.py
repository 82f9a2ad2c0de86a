"""A single request beside the conversation: no tools, no history but what it is told, no trace in either."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from acp_agent.content import Text
from acp_agent.errors import ModelError
from acp_agent.events import ModelUsed, Tokens
from acp_agent.models.messages import ModelRequest, UserTurn
from acp_agent.models.stream import Delayed, Failed, Finished, Free, Rerouted, TextPiece, ThoughtPiece
from acp_agent.turn.allowance import freely
from acp_agent.turn.pulse import Pulse
from acp_agent.turn.recovery import BROKEN, MOST_IN_A_ROW, asked_again
from acp_agent.turn.transcript import transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from acp_agent.content import Part
    from acp_agent.models.stream import Model, Reason, StreamEvent
    from acp_agent.turn.allowance import MayAsk
    from acp_agent.turn.feed import Feed

QUESTION = (
    "Above is the conversation you are having. The user asks something beside it, which will not become a "
    "part of it. Answer from what you know; you have no tools for this.\n\nQuestion: "
)
NO_ANSWER = "(The model gave no answer.)"


class Aside(NamedTuple):
    """Whom to ask and whether that may be, and where it is told what that takes and how long it takes."""

    model: Model
    feed: Feed
    sign_of_life_s: float
    trace: Mapping[str, str]
    may_ask: MayAsk = freely
    cost: Callable[[], int | None] = lambda: None
    """As in loop.Turn."""


class Said(NamedTuple):
    text: str
    reason: Reason


class _Broken(NamedTuple):
    """No answer."""

    failed: Failed
    begun: bool
    """Whether something of one came before that."""


class Hearer(Protocol):
    """Told of an answer while it comes in."""

    def say(self, text: str) -> None: ...

    def think(self, text: str) -> None: ...


@dataclass(slots=True)
class _Charge:
    """For an answer that does not end: it is charged as far as it came, and nobody says how much."""

    model: str
    cost: int | None = None
    due: bool = False

    def take(self, event: StreamEvent) -> None:
        match event:
            case Rerouted(name):
                self.model, self.cost = name, None
            case Free():
                self.cost = 0
            case TextPiece() | ThoughtPiece():
                self.due = True
            case Finished():
                self.due = False
            case _:
                pass


async def ask(aside: Aside, system: str, content: Sequence[Part], hearer: Hearer | None = None) -> Said:
    """The model's answer, told to `hearer` as it comes in.

    Raises ModelError when the provider fails, BudgetReached when no model may be asked.
    """
    await aside.may_ask()
    request = ModelRequest(system, [UserTurn(tuple(content))], (), aside.trace)
    attempts = 1 if hearer else MOST_IN_A_ROW  # what nobody has seen can be said anew
    while True:
        attempts -= 1
        said = await _once(aside, request, hearer)
        if isinstance(said, Said):
            return said
        if not said.begun or not attempts or said.failed.kind not in BROKEN:
            raise ModelError(said.failed.message, data={"details": said.failed.message})


async def _once(aside: Aside, request: ModelRequest, hearer: Hearer | None) -> Said | _Broken:
    model, feed = aside.model, aside.feed
    pieces: list[str] = []
    charge = _Charge(model.name)
    begun = False
    try:
        with Pulse(feed, f"Waiting for {model.name}", aside.sign_of_life_s) as pulse:
            async with aclosing(model.stream(request)) as stream:
                async for event in stream:
                    pulse.beat()
                    charge.take(event)
                    begun = begun or isinstance(event, TextPiece | ThoughtPiece)
                    match event:
                        case TextPiece(piece):
                            pieces.append(piece)
                            if hearer:
                                hearer.say(piece)
                        case ThoughtPiece(piece) if hearer:
                            hearer.think(piece)
                        case Finished(reason, usage, name, cost):
                            feed.emit(ModelUsed(name or model.name, Tokens(*usage) if usage else None, cost))
                            return Said("".join(pieces), reason)
                        case Delayed(failed):
                            feed.emit(asked_again(model.name, event, feed.redacted(failed.message)))
                        case Failed():
                            return _Broken(event, begun)
                        case _:
                            pass
                    await feed.drain()
    finally:
        if charge.due:
            feed.emit(ModelUsed(charge.model, None, charge.cost))
    return _Broken(Failed("protocol", f"{model.name} ended without an answer."), begun)


async def ask_beside(aside: Aside, request: ModelRequest, question: Sequence[Part], hearer: Hearer) -> None:
    """Asks `question` of who would be sent `request`; the answer goes to `hearer`. Raises ModelError."""
    known = [Text(transcript(request.messages, aside.model.window))] if request.messages else []
    said = await ask(aside, request.system, (*known, Text(QUESTION), *question), hearer)
    if not said.text.strip():
        hearer.say(NO_ANSWER)
