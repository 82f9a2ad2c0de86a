"""A sign of life: when a wait takes long, the person is told what is being waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from acp_agent.events import Waiting

if TYPE_CHECKING:
    from types import TracebackType

    from acp_agent.turn.feed import Feed

LONGEST_S = 300.0
"""Signs become rarer as a wait goes on, but not rarer than this."""


class Pulse:
    """Use as a context manager around a wait; `beat` says that something has come meanwhile.

    The first sign comes after `first_s` seconds of silence, each further one after twice as long.
    """

    def __init__(self, feed: Feed, what: str, first_s: float) -> None:
        self._feed = feed
        self._what = what
        self._first_s = self._next_s = first_s
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Pulse:
        self._since = self._loop.time()
        self._timer = self._loop.call_later(self._next_s, self._look)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer:
            self._timer.cancel()

    def beat(self) -> None:
        self._since = self._loop.time()
        self._next_s = self._first_s

    def _look(self) -> None:
        silent_s = self._loop.time() - self._since
        if silent_s >= self._next_s:
            self._feed.emit(Waiting(self._what, round(silent_s)))
            self._next_s = silent_s + min(silent_s, LONGEST_S)
        self._timer = self._loop.call_at(self._since + self._next_s, self._look)
