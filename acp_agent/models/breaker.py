"""Which models are left alone for a while because they have failed, for all sessions of the process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_DOUBLINGS = 8
LONGEST_REST_S = 300.0
"""Of a rest that the service has not asked for itself."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    """In a row."""
    rests_until: float = 0.0
    probing: bool = False


class Breakers:
    """One breaker for each name.

    Closed, it admits everybody. A failure opens it for a time that doubles with each one in a row;
    after that one request is admitted, and what comes of it decides.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[str, _State] = {}

    def rest_s(self, name: str) -> float:
        """How long it still is left alone, in seconds; 0 when it may be asked."""
        state = self._states.get(name)
        return max(0.0, state.rests_until - self._clock()) if state else 0.0

    def admit(self, name: str) -> bool:
        """Whether a request may be made now. Who is admitted says what came of it, or that nothing did."""
        state = self._states.get(name)
        if state is None or not state.failures:
            return True
        if state.probing or self.rest_s(name):
            return False
        state.probing = True
        return True

    def succeeded(self, name: str) -> None:
        self._states.pop(name, None)

    def failed(self, name: str, wait_s: float | None = None) -> None:
        """`wait_s` is how long the service wants to be left alone, if it says so."""
        state = self._states.setdefault(name, _State())
        state.probing = False
        state.failures += 1
        own_s = min(2.0 ** min(state.failures, MOST_DOUBLINGS), LONGEST_REST_S)
        state.rests_until = self._clock() + (own_s if wait_s is None else wait_s)

    def released(self, name: str) -> None:
        """A request that was admitted has come to nothing: it was cancelled."""
        if state := self._states.get(name):
            state.probing = False
