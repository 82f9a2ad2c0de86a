"""What a turn does when a model has failed it, beyond what the model itself has tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from acp_agent.errors import AgentError, ModelError
from acp_agent.events import NoticeRaised, Reminded, TextDelta

if TYPE_CHECKING:
    from collections.abc import Callable

    from acp_agent.models.stream import Delayed, Failed, FailureKind, Finished
    from acp_agent.turn.feed import Feed

SHORTEST_PARK_S = 20.0
"""A service that wants less than this has been asked again already, as often as is sensible."""
MOST_IN_A_ROW = 3
"""Answers that break off before the turn gives up."""
BROKEN: frozenset[FailureKind] = frozenset(
    {"network", "timeout", "server", "overloaded", "rate_limit", "protocol"}
)
"""How an answer may break off that was well until then."""
TOPIC = "answer"
BROKEN_OFF = (
    "Your last answer broke off because the connection failed, not because of you. Go on exactly where it "
    "stopped, without repeating anything. A tool call that was not complete has not been made."
)
ENOUGH_THOUGHT = (
    "You have thought long enough about this without an outcome. Decide now: answer, or call the tool that "
    "you need next."
)

Next = Literal["again", "max_tokens", "end_turn"]


def asked_again(name: str, event: Delayed, why: str) -> NoticeRaised:
    """What a person is told when a request to `name` is made again."""
    attempt = f"attempt {event.attempt} of {event.attempts}"
    title = f"{name} did not answer: {attempt} in {event.seconds:.0f} s."
    return NoticeRaised("info", title, why, always=True)


class Park(Protocol):
    """Waits for the end of a usage limit, if that is wanted."""

    async def __call__(self, failed: Failed) -> bool:
        """Whether the turn may go on now. It may take hours."""
        ...


class MakeRoom(Protocol):
    """Sums up the conversation."""

    async def __call__(self) -> None:
        """Raises AgentError when that does not work."""
        ...


class Aids(NamedTuple):
    """What a turn can be helped with."""

    park: Park
    make_room: MakeRoom


class Recovery:
    """The failures of one turn."""

    def __init__(self, feed: Feed, aids: Aids, new_id: Callable[[str], str]) -> None:
        self._feed = feed
        self._aids = aids
        self._new_id = new_id
        self._in_a_row = 0
        self._made_room = False

    def answered(self) -> None:
        self._in_a_row = 0

    def asks_again(self, end: Finished | None) -> bool:
        """Whether an empty answer is worth another request: models give one now and then."""
        if end is None or end.reason not in ("end", "tools") or self._in_a_row >= MOST_IN_A_ROW:
            return False
        self._in_a_row += 1
        return True

    async def after(self, failed: Failed, *, shown: bool) -> Next:
        """What to do next; `shown` says that something of the answer was to be seen.

        Raises ModelError when nothing can be done.
        """
        message = self._feed.redacted(failed.message)
        if shown and self._may_go_on(failed):
            self._in_a_row += 1
            self._go_on(failed, message)
            return "again"
        if failed.kind == "context_length":
            return await self._after_overflow(message)
        if (failed.wait_s or 0) > SHORTEST_PARK_S and failed.kind in ("rate_limit", "overloaded"):
            if await self._aids.park(failed._replace(message=message)):
                return "again"
            return "end_turn"
        raise ModelError(message, data={"details": message})  # just this: Zed looks for it

    def _may_go_on(self, failed: Failed) -> bool:
        return self._in_a_row < MOST_IN_A_ROW and (failed.kind in BROKEN or failed.kind == "runaway")

    def _go_on(self, failed: Failed, message: str) -> None:
        if failed.kind == "runaway":
            title, told = "The model has thought for too long and is asked to decide.", ENOUGH_THOUGHT
        else:
            title, told = "The answer broke off. The model is asked to go on.", BROKEN_OFF
        self._feed.emit(NoticeRaised("warning", title, message))
        self._feed.emit(Reminded(TOPIC, told))

    async def _after_overflow(self, message: str) -> Next:
        """The conversation is summed up once; a context that is full all the same is an end like others."""
        why = ""
        if not self._made_room:
            self._made_room = True
            title = "The conversation is too long for the model. It is summed up and sent again."
            self._feed.emit(NoticeRaised("warning", title, message))
            try:
                await self._aids.make_room()
            except AgentError as error:
                why = f" Summing it up did not work: {error}"
            else:
                return "again"
        self._feed.emit(TextDelta(self._new_id("m"), f"({message}{why})"))
        return "max_tokens"
