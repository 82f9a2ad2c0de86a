"""How long the calls of a server may take: progress prolongs them, a question to a person stops the clock."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

CALL_MAX_S = 1800.0
"""For a call that shows progress again and again."""


class Deadlines:
    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._ends: dict[anyio.CancelScope, float] = {}
        """When each call that runs has to be over, whatever it shows."""
        self._questions = 0

    @contextmanager
    def call(self) -> Generator[Callable[[], None]]:
        """Ends the block when it takes too long; calling what it yields says that there is progress."""
        now = anyio.current_time()
        with anyio.CancelScope(deadline=math.inf if self._questions else now + self._limit_s) as scope:
            self._ends[scope] = now + CALL_MAX_S
            try:
                yield lambda: self._prolong(scope)
            finally:
                del self._ends[scope]

    @contextmanager
    def question(self) -> Generator[None]:
        """No call ends while a person is asked: which of them asks, servers do not say."""
        self._questions += 1
        for scope in self._ends:
            scope.deadline = math.inf
        try:
            yield
        finally:
            self._questions -= 1
            for scope in self._ends:
                self._prolong(scope)

    def _prolong(self, scope: anyio.CancelScope) -> None:
        if scope in self._ends and not self._questions:
            scope.deadline = min(anyio.current_time() + self._limit_s, self._ends[scope])
