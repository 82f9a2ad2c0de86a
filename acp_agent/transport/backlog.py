"""What waits to be read by the other side: how much it may be, and how long it may lie."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Limits(NamedTuple):
    """The bounds that the protocol's own TypeScript SDK has too."""

    high_bytes: int = 1 << 20
    """From here on those who produce are asked to wait."""
    low_bytes: int = 1 << 18
    """Until it is down to this."""
    most_bytes: int = 64 << 20
    """With more than this the connection is given up."""
    stall_s: float = 60.0
    """And when nothing at all has been taken for so long."""


LIMITS = Limits()


class Backlog:
    """Watches one connection. `waiting` says how many bytes wait; `give_up` is called at most once."""

    def __init__(self, limits: Limits, waiting: Callable[[], int], give_up: Callable[[], None]) -> None:
        self._limits = limits
        self._waiting = waiting
        self._give_up = give_up
        self._relaxed = asyncio.Event()
        self._relaxed.set()
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.TimerHandle | None = None
        self._queued = 0
        self._taken = 0
        self._over = False

    def grew(self, size: int) -> None:
        """`size` bytes have been queued."""
        self._queued += size
        waiting = self._waiting()
        if self._over or not waiting:
            return
        if waiting > self._limits.most_bytes:
            self._fail()
            return
        if waiting > self._limits.high_bytes:
            self._relaxed.clear()
        if self._watch is None:
            self._taken = self._queued - waiting
            self._watch = self._loop.call_later(self._limits.stall_s, self._look)

    def shrank(self) -> None:
        """Some of it has been taken."""
        if self._waiting() <= self._limits.low_bytes:
            self._relaxed.set()

    async def drain(self) -> None:
        """Waits while there is too much; for a reader that takes nothing, at most twice the stall limit."""
        await self._relaxed.wait()

    def close(self) -> None:
        """The connection is gone: nobody waits any more."""
        self._over = True
        self._relaxed.set()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _look(self) -> None:
        self._watch = None
        waiting = self._waiting()
        taken = self._queued - waiting
        if self._over or not waiting:
            return
        if taken == self._taken:
            self._fail()
            return
        self._taken = taken
        self._watch = self._loop.call_later(self._limits.stall_s, self._look)

    def _fail(self) -> None:
        self.close()
        self._give_up()
