"""What a request costs, in whole numbers: a micro-dollar is a millionth of a dollar."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from acp_agent.models.stream import Usage

MICRO = 1_000_000
MOST_DOLLARS = 1e9
"""A price may be written as any number."""


class Price(NamedTuple):
    """Micro-dollars for a million tokens, which is picodollars for one."""

    input: int
    output: int
    cache_read: int | None = None
    """None: as input."""
    cache_write: int | None = None
    """None: as input."""
    tiers: tuple[tuple[int, Price], ...] = ()
    """From how many tokens of input on another price holds for the whole request, the lowest first."""


def micro(dollars: float | None) -> int | None:
    """Micro-dollars of an amount that the settings say, rounded; None for none."""
    return None if dollars is None else round(min(dollars, MOST_DOLLARS) * MICRO)


def is_free(price: Price | None) -> bool:
    """Whether it is known that nothing is charged, however much is used."""
    if price is None or any((*price[:2], price.cache_read, price.cache_write)):
        return False
    return all(is_free(other) for _, other in price.tiers)


def cost(price: Price, usage: Usage) -> int:
    """Micro-dollars for one request, rounded half up."""
    for start, other in price.tiers:
        if usage.input >= start:
            price = other
    fresh = max(0, usage.input - usage.cached - usage.written)
    read = price.input if price.cache_read is None else price.cache_read
    written = price.input if price.cache_write is None else price.cache_write
    whole = fresh * price.input + usage.cached * read + usage.written * written + usage.output * price.output
    return (whole + MICRO // 2) // MICRO


def dollars(micro: int) -> str:
    """An amount for a person: cents, and as many more digits as a small one needs."""
    if micro == 0 or micro >= MICRO // 100:
        return f"${micro / MICRO:,.2f}"
    return f"${micro / MICRO:.6f}".rstrip("0")
