"""Limits on what may be spent: when to warn, when to stop. Knows only numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.spending.amounts import MICRO

if TYPE_CHECKING:
    from acp_agent.config.schema import Budget, SpendingLimit

Verdict = Literal["ok", "warn", "stop"]
MOST_DOLLARS = 1e9
"""A limit may be written as any number, an endless one too."""
WARN_AT = (4, 5)
"""The part of `stop` at which it is warned unless the settings say."""


class Limit(NamedTuple):
    """Micro-dollars; None is no limit."""

    warn: int | None = None
    stop: int | None = None

    def __bool__(self) -> bool:
        return self != (None, None)


class Limits(NamedTuple):
    session: Limit = Limit()
    day: Limit = Limit()


def limits_of(settings: Budget) -> Limits:
    return Limits(_limit(settings.session), _limit(settings.day))


def _limit(said: SpendingLimit) -> Limit:
    warn, stop = _micro(said.warn), _micro(said.stop)
    if warn is not None:
        return Limit(warn, stop)
    return Limit(None if stop is None else stop * WARN_AT[0] // WARN_AT[1], stop)


def _micro(dollars: float | None) -> int | None:
    return None if dollars is None else round(min(dollars, MOST_DOLLARS) * MICRO)


class Watch:
    """Judges what is spent in one period by one limit."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._period = ""
        self._next = limit.stop
        self._warned = False

    def judge(self, spent: int, period: str = "") -> Verdict:
        """`spent` in micro-dollars. warn comes once; stop as long as nobody has said to go on.

        Another `period` than the last time begins anew.
        """
        if period != self._period:
            self._period, self._next, self._warned = period, self.limit.stop, False
        if self._next is not None and spent >= self._next:
            self._warned = True  # more has been said than that
            return "stop"
        if self.limit.warn is not None and spent >= self.limit.warn and not self._warned:
            self._warned = True
            return "warn"
        return "ok"

    def go_on(self, spent: int) -> None:
        """The person wants to; the next stop is when as much again as `stop` has been spent."""
        if self.limit.stop is not None:
            self._next = spent + self.limit.stop
