"""What requests cost, by examples worked by hand. Prices are dollars for a million tokens here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.models.prices import MICRO, Price, cost
from acp_agent.models.stream import Usage

SONNET = Price(3 * MICRO, 15 * MICRO)
OPUS = Price(15 * MICRO, 75 * MICRO)
HAIKU = Price(1 * MICRO, 5 * MICRO)
CACHED = Price(3 * MICRO, 15 * MICRO, cache_read=300_000, cache_write=3_750_000)
FREE = Price(0, 0)
TIERED = Price(1_250_000, 10 * MICRO, 125_000, None, ((200_000, Price(2_500_000, 15 * MICRO, 250_000)),))
"""Dearer for the whole request from 200,000 tokens of input on."""


@pytest.mark.parametrize(
    ("price", "usage", "dollars"),
    [
        (SONNET, Usage(1_000_000, 500_000), 10.50),
        (OPUS, Usage(10_000, 5_000), 0.525),
        (HAIKU, Usage(10_000, 5_000), 0.035),
        (SONNET, Usage(1000, 500), 0.0105),
        # 100 fresh at 3, 500 read at 0.30, 1,500 written at 3.75, 1,000 said at 15
        (CACHED, Usage(2100, 1000, cached=500, written=1500), 0.021075),
        (SONNET, Usage(2100, 1000, cached=500, written=1500), 0.0213),
        (SONNET, Usage(0, 0), 0),
        (FREE, Usage(123_456, 789), 0),
        (TIERED, Usage(199_999, 0), 0.249999),
        (TIERED, Usage(200_000, 0), 0.5),
        (TIERED, Usage(200_000, 1000, cached=100_000), 0.29),
        (SONNET, Usage(1, 0), 0.000003),
        (Price(100_000, 0), Usage(4, 0), 0),
        (Price(100_000, 0), Usage(5, 0), 0.000001),
        (SONNET, Usage(10, 0, cached=20), 0.00006),
    ],
)
def test_the_cost_of_a_request(price: Price, usage: Usage, dollars: float) -> None:
    assert cost(price, usage) == round(dollars * MICRO)


counts = st.integers(0, 10**7)
rates = st.integers(0, 10**8)


@given(
    st.builds(Price, rates, rates, rates, rates, st.just(())),
    st.builds(Usage, counts, counts, counts, counts, counts),
)
def test_more_never_costs_less(price: Price, usage: Usage) -> None:
    assert cost(price, usage._replace(output=usage.output + 1000)) >= cost(price, usage) >= 0
    assert cost(price, usage._replace(reasoning=0)) == cost(price, usage), "thoughts are part of the output"
