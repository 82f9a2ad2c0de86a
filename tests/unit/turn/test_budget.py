"""Budgets: when to warn, when to stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.config.schema import Budget, SpendingLimit
from acp_agent.spending.amounts import MICRO
from acp_agent.turn.budget import Limit, Limits, Watch, limits_of


@pytest.mark.parametrize(
    ("warn", "stop", "spent", "verdicts"),
    [
        (1.0, 2.0, [0.5, 0.99], "ok ok"),
        (1.0, 2.0, [0.5, 1.05, 1.5], "ok warn ok"),
        (1.0, 2.0, [1.05, 2.1, 3.0], "warn stop ok"),
        (1.0, 2.0, [2.1, 2.2, 4.09, 4.1, 6.0, 6.1], "stop ok ok stop ok stop"),
        (1.0, None, [0.5, 1.0, 50.0], "ok warn ok"),
        (None, 2.0, [1.99, 2.0], "ok stop"),
        (3.0, 2.0, [1.0, 2.0, 3.5, 4.0], "ok stop ok stop"),
        (0.0, None, [0.0, 0.0], "warn ok"),
        (None, 0.0, [0.0, 0.1], "stop stop"),
        (None, None, [1000.0], "ok"),
    ],
)
def test_each_is_said_once_and_again_after_as_much_again(
    warn: float | None, stop: float | None, spent: list[float], verdicts: str
) -> None:
    """The person always wants to go on."""
    watch = Watch(_limit(warn, stop))
    heard: list[str] = []
    for dollars in spent:
        micro = round(dollars * MICRO)
        heard.append(watch.judge(micro))
        if heard[-1] == "stop":
            watch.go_on(micro)
    assert heard == verdicts.split()


def test_it_stays_stopped_until_somebody_wants_to_go_on() -> None:
    watch = Watch(_limit(None, 1.0))
    assert [watch.judge(MICRO), watch.judge(MICRO)] == ["stop", "stop"]
    watch.go_on(MICRO)
    assert watch.judge(2 * MICRO - 1) == "ok"
    assert watch.judge(2 * MICRO) == "stop"


def test_another_day_begins_anew() -> None:
    watch = Watch(_limit(0.8, 1.0))
    assert watch.judge(900_000, "2026-11-21") == "warn"
    assert watch.judge(1_000_000, "2026-11-21") == "stop"
    watch.go_on(1_000_000)
    assert watch.judge(1_500_000, "2026-11-21") == "ok"
    assert watch.judge(0, "2026-11-22") == "ok"
    assert watch.judge(850_000, "2026-11-22") == "warn"
    assert watch.judge(1_000_000, "2026-11-22") == "stop"


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        (SpendingLimit(), Limit()),
        (SpendingLimit(stop=5.0), Limit(4 * MICRO, 5 * MICRO)),
        (SpendingLimit(warn=1.0), Limit(1 * MICRO)),
        (SpendingLimit(warn=0.1, stop=0.3), Limit(100_000, 300_000)),
        (SpendingLimit(stop=0.0), Limit(0, 0)),
        (SpendingLimit(stop=float("inf")), Limit(800_000_000_000_000, 10**15)),
    ],
)
def test_what_the_settings_say(said: SpendingLimit, limit: Limit) -> None:
    assert limits_of(Budget(said, SpendingLimit())) == Limits(limit, Limit())
    assert bool(limit) == (said != SpendingLimit())


@given(st.integers(0, 100), st.integers(1, 100), st.lists(st.integers(0, 50), max_size=20))
def test_no_stop_is_missed(warn: int, stop: int, steps: list[int]) -> None:
    """Between two questions at least as much as the limit is spent, and warned is at most once."""
    watch, spent, asked_at, warned = Watch(Limit(warn, stop)), 0, 0, 0
    for step in steps:
        spent += step
        verdict = watch.judge(spent)
        assert (verdict == "stop") == (spent - asked_at >= stop)
        warned += verdict == "warn"
        if verdict == "stop":
            watch.go_on(spent)
            asked_at = spent
    assert warned <= 1


def _limit(warn: float | None, stop: float | None) -> Limit:
    return Limit(*(None if each is None else round(each * MICRO) for each in (warn, stop)))
