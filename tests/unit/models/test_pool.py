"""Several keys: which one is taken, how long one rests that was refused. Clock and chance are given."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import AuthRequired
from acp_agent.models.keys import Key
from acp_agent.models.pool import Pool, rest_s
from acp_agent.models.stream import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.config.schema import Pool as Strategy
    from acp_agent.models.stream import FailureKind

STRATEGIES: tuple[Strategy, ...] = ("fill_first", "round_robin", "least_used", "random")
NAMES = ("a", "b", "c")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Fixed:
    """models.pool.Holder."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.value: str | None = f"key of {name}"
        self.broken = False
        self.told: list[Failed | None] = []

    def now(self) -> str | None:
        return self.value

    async def key(self) -> Key:
        if self.broken or self.value is None:
            raise AuthRequired(f"{self.name} cannot be renewed")
        return Key(self.value, self.name)

    def report(self, key: Key, failed: Failed | None) -> None:
        self.told.append(failed)


class Bench:
    def __init__(self, strategy: Strategy, names: Sequence[str] = NAMES, seed: int = 7) -> None:
        self.clock = Clock()
        self.holders = {name: Fixed(name) for name in names}
        self.pool = Pool(list(self.holders.values()), strategy, self.clock, Random(seed))

    async def ask(self, kind: FailureKind | None = None, wait_s: float | None = None) -> str:
        """Takes a key for a request that goes so; whose it was."""
        key = await self.pool.take()
        self.pool.report(key, Failed(kind, "no", wait_s=wait_s) if kind else None)
        return key.source

    async def several(self, count: int) -> str:
        return "".join([await self.ask() for _ in range(count)])


def failed(kind: FailureKind, wait_s: float | None = None) -> Failed:
    return Failed(kind, "no", wait_s=wait_s)


@pytest.mark.parametrize(
    ("failure", "limited", "failures", "seconds"),
    [
        (failed("billing"), 0, 0, 86400),
        (failed("rate_limit"), 1, 0, 0),
        (failed("rate_limit"), 2, 0, 3600),
        (failed("rate_limit"), 3, 0, 3600),
        (failed("server"), 0, 1, 2),
        (failed("overloaded"), 0, 1, 2),
        (failed("overloaded"), 0, 3, 8),
        (failed("network"), 0, 2, 4),
        (failed("timeout"), 0, 5, 32),
        (failed("server"), 0, 8, 256),
        (failed("server"), 0, 9, 256),
        (failed("server"), 0, 500, 256),
        (failed("rate_limit", 20.0), 1, 0, 20),
        (failed("rate_limit", 20.0), 2, 0, 3600),
        (failed("rate_limit", 18000.0), 2, 0, 18000),
        (failed("overloaded", 30.0), 0, 1, 30),
        (failed("server", 1.0), 0, 3, 8),
        (failed("billing", 5.0), 0, 0, 86400),
        (failed("request"), 0, 1, 0),
        (failed("not_found"), 0, 1, 0),
        (failed("context_length"), 0, 1, 0),
        (failed("protocol"), 0, 1, 0),
    ],
)
def test_how_long_a_key_rests(failure: Failed, limited: int, failures: int, seconds: float) -> None:
    assert rest_s(failure, limited, failures) == seconds


async def test_strategies() -> None:
    assert await Bench("fill_first").several(6) == "aaaaaa"
    assert await Bench("round_robin").several(7) == "abcabca"
    assert await Bench("least_used").several(7) == "abcabca"
    chosen = await Bench("random").several(60)
    assert set(chosen) == set(NAMES)
    assert chosen != await Bench("random", seed=8).several(60)
    assert chosen == await Bench("random").several(60)


async def test_the_first_429_is_waited_out_the_second_in_a_row_is_not() -> None:
    bench = Bench("fill_first")
    assert await bench.ask("rate_limit") == "a"
    assert not bench.pool.spare
    assert await bench.ask("rate_limit") == "a"
    assert bench.pool.spare
    assert await bench.several(3) == "bbb"
    bench.clock.now += 3599
    assert await bench.ask() == "b"
    bench.clock.now += 1
    assert await bench.ask() == "a"


async def test_success_begins_anew() -> None:
    bench = Bench("fill_first")
    for _ in range(5):
        assert await bench.ask("rate_limit") == "a"
        assert await bench.ask() == "a"
    assert await bench.ask("rate_limit") == "a"
    assert await bench.ask("server") == "a"  # between the two: they are not in a row
    bench.clock.now += 2
    assert await bench.ask("rate_limit") == "a"
    assert await bench.ask() == "a"


async def test_trouble_rests_longer_each_time() -> None:
    bench = Bench("fill_first", ["a", "b"])
    for seconds in (2, 4, 8, 16):
        assert await bench.ask("overloaded") == "a"
        (resting,) = bench.pool.resting()
        assert (resting.name, resting.seconds) == ("a", seconds)
        assert await bench.ask() == "b"
        bench.clock.now += seconds
    assert await bench.ask() == "a"
    assert await bench.ask("overloaded") == "a"
    assert [each.seconds for each in bench.pool.resting()] == [2]


async def test_a_key_that_is_not_taken_is_out_until_it_is_another() -> None:
    bench = Bench("fill_first")
    assert await bench.ask("auth") == "a"
    assert bench.pool.spare
    bench.clock.now += 1e9
    assert await bench.several(2) == "bb"
    assert [(each.name, each.seconds) for each in bench.pool.resting()] == [("a", None)]
    bench.holders["a"].value = "another key"
    assert await bench.several(2) == "aa"
    assert list(bench.pool.resting()) == []


async def test_an_account_without_money_rests_for_a_day() -> None:
    bench = Bench("round_robin", ["a", "b"])
    assert await bench.ask("billing") == "a"
    assert await bench.several(3) == "bbb"
    bench.clock.now += 24 * 3600
    assert set(await bench.several(2)) == {"a", "b"}


async def test_when_all_rest_the_one_that_rests_least_is_asked() -> None:
    """Nothing but asking tells that a key is taken again: no state of ours ends a session."""
    bench = Bench("fill_first")
    assert await bench.ask("auth") == "a"
    assert await bench.ask("billing") == "b"
    assert await bench.ask("overloaded", 500.0) == "c"
    assert not bench.pool.spare
    assert await bench.ask("overloaded", 600.0) == "c"
    assert await bench.ask("auth") == "c"
    assert await bench.ask() == "b"


async def test_who_has_no_key_is_passed_over() -> None:
    """Such as a login that has expired and cannot be renewed."""
    bench = Bench("fill_first")
    bench.holders["a"].value = None
    assert await bench.several(2) == "bb"
    bench.holders["a"].value = "back"
    assert await bench.ask() == "a"


async def test_a_key_that_cannot_be_renewed_now_gives_way() -> None:
    bench = Bench("fill_first")
    bench.holders["a"].broken = True
    assert await bench.ask() == "b"
    assert [each.reason for each in bench.pool.resting()] == ["a cannot be renewed"]
    for holder in bench.holders.values():
        holder.broken = True
    with pytest.raises(AuthRequired, match="cannot be renewed"):
        await bench.pool.take()


async def test_nobody_has_a_key() -> None:
    bench = Bench("least_used")
    for holder in bench.holders.values():
        holder.value = None
    with pytest.raises(AuthRequired, match="a cannot"):
        await bench.pool.take()
    assert not bench.pool.spare


async def test_holders_are_told_and_strangers_are_not_minded() -> None:
    bench = Bench("fill_first")
    await bench.ask()
    await bench.ask("auth")
    assert [each and each.kind for each in bench.holders["a"].told] == [None, "auth"]
    bench.pool.report(Key("x", "somebody"), failed("billing"))
    assert await bench.ask() == "b"


KINDS = st.sampled_from(["auth", "billing", "rate_limit", "overloaded", "network", "request", None])


@given(
    strategy=st.sampled_from(STRATEGIES),
    steps=st.lists(st.tuples(KINDS, st.integers(0, 5000)), max_size=40),
    seed=st.integers(0, 5),
)
async def test_spare_says_what_is_taken_next(
    strategy: Strategy, steps: list[tuple[FailureKind | None, int]], seed: int
) -> None:
    """And a key that rests is never taken while another one does not."""
    bench = Bench(strategy, seed=seed)
    for kind, later in steps:
        key = await bench.pool.take()
        bench.pool.report(key, failed(kind) if kind else None)
        spare, resting = bench.pool.spare, {each.name for each in bench.pool.resting()}
        following = await bench.pool.take()
        if spare:
            assert following.source != key.source
            assert following.source not in resting
        elif len(resting) < len(NAMES):
            assert following.source == key.source
        bench.pool.report(following, None)
        bench.clock.now += later
