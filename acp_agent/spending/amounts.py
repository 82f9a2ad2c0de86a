"""Sums of money of which a part may not be known, in whole micro-dollars. Nothing is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

MICRO = 1_000_000
"""Micro-dollars in a dollar."""
_CENTS = 2


class Amount(NamedTuple):
    """What some requests have cost together."""

    known: int = 0
    """Micro-dollars of those whose cost is known."""
    unknown: int = 0
    """How many there are whose cost is not."""

    @property
    def total(self) -> int | None:
        """Micro-dollars; None when it is not all known."""
        return None if self.unknown else self.known


def amount(cost: int | None) -> Amount:
    """Of one request."""
    return Amount(0, 1) if cost is None else Amount(cost)


def together(amounts: Iterable[Amount]) -> Amount:
    known = unknown = 0
    for each in amounts:
        known += each.known
        unknown += each.unknown
    return Amount(known, unknown)


def exact(micro: int) -> str:
    """`$0.021075`: cents, and as many more digits as it takes to say all of it."""
    whole, part = divmod(abs(micro), MICRO)
    digits = f"{part:06d}".rstrip("0").ljust(_CENTS, "0")
    return f"{'-' if micro < 0 else ''}${whole:,}.{digits}"


def said(spent: Amount) -> str:
    """For a person: `$1.05`, `unknown`, or what is known and how many requests are missing in it."""
    if not spent.unknown:
        return exact(spent.known)
    if not spent.known:
        return "unknown"
    return f"{exact(spent.known)} + {spent.unknown} unknown"
