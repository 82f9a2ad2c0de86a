"""Days of local time."""

from __future__ import annotations

import time
from typing import NamedTuple


class Span(NamedTuple):
    """A time, in seconds since the epoch; None has no end."""

    start: float | None = None
    end: float | None = None


def today() -> str:
    """`2026-11-21`."""
    return time.strftime("%Y-%m-%d")


def span_of(day: str, days: int = 1) -> Span:
    """A day, and those after it. Raises ValueError for what is no day."""
    year, month, number = time.strptime(day, "%Y-%m-%d")[:3]
    return Span(_midnight(year, month, number), _midnight(year, month, number + days))


def last(days: int) -> Span:
    """Today and the days before it, that many together."""
    year, month, number = time.localtime()[:3]
    return Span(_midnight(year, month, number - days + 1))


def _midnight(year: int, month: int, day: int) -> float:
    """`day` may be beyond the month at either end."""
    return time.mktime((year, month, day, 0, 0, 0, 0, 0, -1))
