"""The ledger: by model, by turn, in all; what is not known is not guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.events import ModelUsed, Tokens, TurnEnded, TurnStarted, UsageChanged
from acp_agent.spending.amounts import Amount, amount, exact, said, together
from acp_agent.turn.ledger import Account, Ledger

ONE = ModelUsed("a/one", Tokens(1000, 50, 800, 20, 100), 1500)
FREE = ModelUsed("a/free", Tokens(10, 1), 0)
UNPRICED = ModelUsed("b/two", Tokens(7, 3), None)
UNCOUNTED = ModelUsed("b/two", None, None)


def test_by_model_and_together() -> None:
    ledger = Ledger()
    assert ledger.cost == 0
    assert (ledger.spent, ledger.turn, ledger.accounts()) == (None, Account(), ())
    for used in (ONE, FREE, ONE):
        ledger(used)
    assert ledger.accounts() == (
        Account("a/one", 2, 0, Tokens(2000, 100, 1600, 40, 200), Amount(3000)),
        Account("a/free", 1, 0, Tokens(10, 1), Amount(0)),
    )
    assert ledger.cost == 3000
    ledger(UNPRICED)
    ledger(UNCOUNTED)
    assert ledger.cost is None
    assert ledger.session.cost == Amount(3000, 2)
    assert ledger.session.silent == 1
    assert ledger.accounts()[-1] == Account("b/two", 2, 1, Tokens(7, 3), Amount(0, 2))


def test_a_prompt_counts_for_itself() -> None:
    ledger = Ledger()
    ledger.begin_prompt()
    ledger(TurnStarted("t-1"))
    ledger(ONE)
    ledger(ONE)
    ledger(TurnEnded("t-1", "end_turn"))
    assert ledger.spent == Tokens(2000, 100, 1600, 40, 200)
    ledger.begin_prompt()
    assert ledger.spent is None
    ledger(TurnStarted("t-2", local=True))
    assert ledger.turn.requests == 2, "a command that asks no model is not the last turn"
    ledger(TurnStarted("t-3"))
    ledger(UNCOUNTED)
    assert ledger.spent is None
    assert ledger.turn == Account("", 1, 1, Tokens(), Amount(0, 1))
    ledger(FREE)
    assert ledger.spent == Tokens(10, 1)
    assert ledger.session.requests == 4


def test_requests_of_others_count() -> None:
    ledger = Ledger()
    ledger.add(ONE)
    assert (ledger.cost, ledger.turn.requests) == (1500, 1)


def test_what_was_before_counts() -> None:
    events = [TurnStarted("t-1"), ONE, UsageChanged(5, 10), TurnEnded("t-1", "end_turn"), FREE]
    assert Ledger(events).session.cost == Amount(1500)
    assert Ledger(events).latest == UsageChanged(5, 10)
    assert Ledger(events).turn == Account("", 1, 0, Tokens(10, 1)), "it was asked beside the conversation"


tokens = st.builds(Tokens, *[st.integers(0, 10**9)] * 5)
requests = st.lists(
    st.builds(
        ModelUsed,
        st.sampled_from(["a/x", "a/y", "b/x"]),
        st.none() | tokens,
        st.none() | st.integers(0, 10**9),
    ),
    max_size=12,
)


@given(requests.flatmap(lambda used: st.tuples(st.just(used), st.permutations(used))))
def test_the_order_does_not_matter(both: tuple[list[ModelUsed], list[ModelUsed]]) -> None:
    one, other = Ledger(both[0]), Ledger(both[1])
    assert one.session == other.session
    assert sorted(one.accounts()) == sorted(other.accounts())
    assert together(account.cost for account in one.accounts()) == one.session.cost


@given(requests)
def test_no_more_than_all_comes_from_a_cache(used: list[ModelUsed]) -> None:
    share = Ledger(used).session.from_cache
    assert share is None or 0 <= share <= 1


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "$0.00"), (1, "$0.000001"), (21_075, "$0.021075"), (35_000, "$0.035"), (10_500_000, "$10.50"),
        (1_234_567_000_000, "$1,234,567.00"), (100, "$0.0001"), (-1_500_000, "-$1.50"),
    ],
)  # fmt: skip
def test_amounts_are_exact(micro: int, text: str) -> None:
    assert exact(micro) == text


@pytest.mark.parametrize(
    ("spent", "text"),
    [
        (Amount(), "$0.00"), (Amount(0, 1), "unknown"), (Amount(5_000_000, 2), "$5.00 + 2 unknown"),
        (amount(None), "unknown"), (amount(0), "$0.00"),
    ],
)  # fmt: skip
def test_unknown_is_never_nothing(spent: Amount, text: str) -> None:
    assert said(spent) == text
