"""A turn that waits for the end of a usage limit: with the person's consent, and so that it is not lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

import anyio

from acp_agent.errors import ModelError
from acp_agent.events import ModelUsed, NoticeRaised, Parked, TextDelta, TurnEnded, TurnStarted
from acp_agent.turn.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from acp_agent.events import Event
    from acp_agent.models.stream import Failed
    from acp_agent.turn.consent import Consent

LOOK_S = 30.0
"""A clock that was set, or a machine that slept, is noticed after that."""
WhenLimited = Literal["ask", "wait", "stop"]


def when(until: float, now: float) -> str:
    """A time of day for a person, with the day if it is another one."""
    then, today = time.localtime(until), time.localtime(now)
    same_day = then[:3] == today[:3]
    return time.strftime("%H:%M" if same_day else "%H:%M on %d %B", then)


def left_parked(events: Iterable[Event]) -> Parked | None:
    """The usage limit that the last turn has ended at, or was waiting for when the process ended."""
    parked: Parked | None = None
    beside = False
    for event in events:
        match event:
            case TurnStarted(_, local):
                parked, beside = (parked if local else None), local
            case TurnEnded():
                beside = True
            case Parked():
                parked = event
            case ModelUsed() if not beside:  # it went on after all
                parked = None
            case _:
                pass
    return parked


class Parking:
    """turn.recovery.Park."""

    def __init__(
        self, consent: Consent, when_limited: WhenLimited, clock: Callable[[], float] = time.time
    ) -> None:
        self._consent = consent
        self._when_limited = when_limited
        self._clock = clock

    async def __call__(self, failed: Failed) -> bool:
        now = self._clock()
        until = now + (failed.wait_s or 0.0)
        at = when(until, now)
        feed = self._consent.feed
        feed.emit(Parked(until, failed.message))
        if not await self._may_wait(failed, at):
            if not self._consent.attended:
                raise ModelError(
                    f"{failed.message} The limit is lifted at {at}; the session keeps the prompt, and "
                    '/resume goes on with it ("when_limited": "wait" in the settings waits).'
                )
            told = f"(Stopped at a usage limit, which is lifted at {at}. `/resume` goes on with your prompt.)"
            feed.emit(TextDelta(self._consent.new_id("m"), told))
            return False
        feed.emit(NoticeRaised("info", f"The turn goes on at {at}.", failed.message, always=True))
        with Pulse(feed, f"Waiting until {at} for the end of a usage limit", self._consent.sign_of_life_s):
            while (left_s := until - self._clock()) > 0:  # noqa: ASYNC110 - the clock may be set
                await anyio.sleep(min(left_s, LOOK_S))
        return True

    async def _may_wait(self, failed: Failed, at: str) -> bool:
        if self._when_limited != "ask":
            return self._when_limited == "wait"
        return await self._consent.ask(
            f"Wait until {at} and go on?",
            f"{failed.message}\n\nThe limit is lifted at {at}. Until then the turn would wait; nothing is "
            "lost if the editor is closed. With another model (`/model`) `/resume` can go on at once.",
            f"Wait until {at} and go on",
            "Stop here, /resume goes on",
        )
