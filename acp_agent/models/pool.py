"""One of several keys for each request, and how long one that was refused rests. Knows no clock by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol

from acp_agent.errors import AuthRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from acp_agent.config.schema import Pool as Strategy
    from acp_agent.models.keys import Key, Keys
    from acp_agent.models.stream import Failed

WITHOUT_MONEY_S = 24 * 3600.0
"""How long a key rests whose account has no money left (402)."""
LIMITED_S = 3600.0
"""After a second 429 in a row; the first may be of a short limit, which a repeated request waits out."""
MOST_TROUBLE_S = 300.0
"""After other trouble it is 2, 4, 8 … 256 s, one step for each failure in a row, and never more than this."""
MOST_DOUBLINGS = 8
_TROUBLE = ("overloaded", "server", "network", "timeout")


class Holder(Protocol):
    """Has one key of a pool."""

    @property
    def name(self) -> str:
        """The source of its keys; no other holder of the pool has the same."""
        ...

    def now(self) -> str | None:
        """What tells its key from the one it had before; None while it has none that can be used."""
        ...

    async def key(self) -> Key:
        """The key, renewed if need be. Raises AuthRequired saying what to do."""
        ...

    def report(self, key: Key, failed: Failed | None) -> None:
        """What came of a request with `key`."""
        ...


class Resting(NamedTuple):
    """A key that is not used for now."""

    name: str
    seconds: float | None
    """Until it is used again; None until it is another one."""
    reason: str


def rest_s(failed: Failed, limited: int, failures: int) -> float:
    """How long a key rests after a failure, the `limited`th 429 or the `failures`th other one in a row.

    What the service says of it counts where that is longer. Auth is not about time: see Pool.
    """
    said = failed.wait_s or 0.0
    if failed.kind == "billing":
        return max(WITHOUT_MONEY_S, said)
    if failed.kind == "rate_limit":
        return max(LIMITED_S if limited > 1 else 0.0, said)
    if failed.kind in _TROUBLE:
        return max(_trouble_s(failures), said)
    return 0.0


def _trouble_s(failures: int) -> float:
    return min(2.0 ** min(failures, MOST_DOUBLINGS), MOST_TROUBLE_S)


@dataclass(slots=True)
class _Slot:
    holder: Holder
    taken: int = 0
    limited: int = 0
    failures: int = 0
    free_at: float = 0.0
    refused: str | None = None
    """The key that the service does not take."""
    reason: str = ""


class Pool:
    """models.keys.Keys over several. A key that rests, or was refused, is taken only when all others are."""

    def __init__(
        self,
        holders: Sequence[Holder],
        strategy: Strategy,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self._slots = [_Slot(holder) for holder in holders]
        self._strategy: Strategy = strategy
        self._clock = clock
        self._random = random or Random()
        self._last_taken = -1
        self._reported: _Slot | None = None
        self._next: _Slot | None = None
        """Decided, but not taken yet."""

    async def take(self) -> Key:
        while True:
            slot = self._decided()
            self._next = None
            slot.taken += 1
            self._last_taken = self._slots.index(slot)
            try:
                return await slot.holder.key()
            except AuthRequired as error:
                slot.failures += 1
                slot.free_at = self._clock() + _trouble_s(slot.failures)
                slot.reason = str(error)
                if not self._is_free(self._decided()):
                    raise

    def report(self, key: Key, failed: Failed | None) -> None:
        slot = next((each for each in self._slots if each.holder.name == key.source), None)
        if slot is None:
            return
        self._reported = slot
        if slot is self._next or failed:
            self._next = None
        slot.holder.report(key, failed)
        if failed is None:
            slot.limited = slot.failures = 0
            slot.free_at, slot.refused = 0.0, None
            return
        if failed.kind == "auth":
            slot.refused = key.value
        elif failed.kind == "rate_limit":
            slot.limited += 1
        elif failed.kind in _TROUBLE:
            slot.failures += 1
            slot.limited = 0
        rest = rest_s(failed, slot.limited, slot.failures)
        if rest or failed.kind == "auth":
            slot.free_at = max(slot.free_at, self._clock() + rest)
            slot.reason = failed.message

    @property
    def spare(self) -> bool:
        slot = self._decided()
        return slot is not self._reported and self._is_free(slot)

    def resting(self) -> Iterator[Resting]:
        """The keys that are not used now, for a person."""
        now = self._clock()
        for slot in self._slots:
            if self._is_refused(slot):
                yield Resting(slot.holder.name, None, slot.reason)
            elif slot.free_at > now:
                yield Resting(slot.holder.name, slot.free_at - now, slot.reason)

    # Choosing -----------------------------------------------------------------------------

    def _decided(self) -> _Slot:
        if self._next is None or not self._is_free(self._next):
            self._next = self._choose()
        return self._next

    def _choose(self) -> _Slot:
        free = [slot for slot in self._slots if self._is_free(slot)]
        if not free:  # asking is the only way to learn that one is taken again: the one that rests least
            there = [slot for slot in self._slots if slot.holder.now() is not None] or self._slots
            return min(there, key=lambda slot: (self._is_refused(slot), slot.free_at))
        match self._strategy:
            case "fill_first":
                return free[0]
            case "least_used":
                return min(free, key=lambda slot: slot.taken)
            case "random":
                return self._random.choice(free)
            case "round_robin":
                after = [slot for slot in free if self._slots.index(slot) > self._last_taken]
                return (after or free)[0]

    def _is_free(self, slot: _Slot) -> bool:
        return slot.free_at <= self._clock() and slot.holder.now() is not None and not self._is_refused(slot)

    def _is_refused(self, slot: _Slot) -> bool:
        """Until it is another key."""
        return slot.refused is not None and slot.refused == slot.holder.now()


if TYPE_CHECKING:

    def conforms(pool: Pool) -> Keys:
        return pool
