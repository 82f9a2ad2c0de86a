"""May a model be asked? The person says so at the end of a budget, once for all who want to know."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import BudgetReached, PeerError, SpendingError
from acp_agent.events import ModelUsed, ToolCallFinished, ToolCallStarted, TurnStarted, UsageChanged
from acp_agent.permission.asking import Answer
from acp_agent.spending.amounts import MICRO, Amount
from acp_agent.turn.allowance import Allowance
from acp_agent.turn.budget import Limit, Limits
from acp_agent.turn.consent import Consent
from acp_agent.turn.feed import Feed
from acp_agent.turn.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acp_agent.events import Event
    from acp_agent.permission.asking import Question

DOLLAR = Limit(MICRO * 4 // 5, MICRO)


class Day:
    """turn.allowance.Spending with a day that a test makes."""

    def __init__(self) -> None:
        self.day = "2026-11-21"
        self.models: dict[str, Amount] = {}
        self.trouble = ""

    async def today(self) -> tuple[str, Mapping[str, Amount]]:
        if self.trouble:
            raise SpendingError(self.trouble)
        return self.day, self.models


class Person:
    """An Asker who answers so, one after the other."""

    def __init__(self, *answers: bool | PeerError) -> None:
        self.answers = list(answers)
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        await anyio.lowlevel.checkpoint()
        answer = self.answers.pop(0)
        if isinstance(answer, PeerError):
            raise answer
        return Answer(question.options[0 if answer else 1].id)


class Bench:
    def __init__(self, *answers: bool | PeerError, session: Limit = Limit(), day: Limit = Limit()) -> None:  # noqa: B008
        self.person = Person(*answers)
        self.day = Day()
        self.warned: list[str] = []
        self.events: list[Event] = []
        self.ledger = Ledger()
        self.allowance = Allowance(Limits(session, day), self.ledger, self.day, self.warned.append)
        self.feed = Feed((self.ledger, self.allowance, self.events.append))
        self._ids = count(1)
        self.consent = Consent(self.feed, self.person, self.new_id, 25.0)

    def new_id(self, kind: str) -> str:
        return f"{kind}-{next(self._ids)}"

    def spend(self, dollars: float | None, model: str = "a/m") -> None:
        cost = None if dollars is None else round(dollars * MICRO)
        self.feed.emit(ModelUsed(model, None, cost))
        self.feed.emit(UsageChanged(5, 10, self.ledger.cost))

    async def may_ask(self) -> bool:
        try:
            await self.allowance.may_ask(self.consent)
        except BudgetReached as reached:
            assert reached.answered
            return False
        return True


async def test_without_a_budget_nothing_is_asked() -> None:
    bench = Bench()
    bench.spend(1000)
    bench.spend(None)
    assert await bench.may_ask()
    assert (bench.warned, bench.person.asked) == ([], [])


async def test_a_session_warns_at_once_then_asks() -> None:
    bench = Bench(True, False, session=DOLLAR)
    bench.spend(0.79)
    assert bench.warned == []
    bench.spend(0.01, "b/m")
    assert bench.warned == ["$0.80 spent of the budget of $1.00 for this session."]
    bench.spend(0.1)
    assert await bench.may_ask()
    bench.spend(0.2)
    assert await bench.may_ask()
    assert await bench.may_ask()
    (question,) = bench.person.asked
    assert question.call.title == "Go on over the budget of $1.00 for this session?"
    assert "$1.10, $1.09 by a/m, $0.01 by b/m" in question.explanation
    assert "budget.session.stop" in question.explanation
    bench.spend(1.0)
    assert not await bench.may_ask()
    assert len(bench.person.asked) == 2
    assert len(bench.warned) == 1


async def test_a_no_holds_for_the_turn_and_is_shown_with_the_cost() -> None:
    bench = Bench(False, True, session=DOLLAR)
    bench.spend(1.5)
    assert not await bench.may_ask()
    assert isinstance(bench.events[-1], UsageChanged)
    assert bench.events[-1].cost == 1_500_000
    assert [type(event) for event in bench.events[-3:-1]] == [ToolCallStarted, ToolCallFinished]
    assert not await bench.may_ask()
    assert len(bench.person.asked) == 1
    bench.feed.emit(TurnStarted("turn-2"))
    assert await bench.may_ask()
    assert len(bench.person.asked) == 2


@pytest.mark.parametrize("answers", [(True,), (False,)])
async def test_who_asks_at_the_same_time_shares_the_answer(answers: tuple[bool]) -> None:
    bench = Bench(*answers, session=DOLLAR)
    bench.spend(2)
    results: list[bool] = []

    async def want() -> None:
        results.append(await bench.may_ask())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(want)
    assert results == [answers[0]] * 3
    assert len(bench.person.asked) == 1


async def test_nobody_answers() -> None:
    bench = Bench(PeerError("nobody is there"), session=DOLLAR)
    bench.spend(2)
    assert not await bench.may_ask()


@pytest.mark.parametrize("of", ["session", "day"])
async def test_nobody_can_be_asked(of: str) -> None:
    bench = Bench(session=DOLLAR) if of == "session" else Bench(day=DOLLAR)
    bench.day.models["a/m"] = Amount(MICRO)
    bench.spend(1)
    with pytest.raises(BudgetReached, match=f"budget.{of}.stop") as reached:
        await bench.allowance.may_ask(bench.consent._replace(attended=False))
    assert not reached.value.answered
    assert ("--max-cost" in str(reached.value)) == (of == "session")


async def test_a_day_is_of_all_sessions_and_ends() -> None:
    bench = Bench(True, day=DOLLAR)
    assert await bench.may_ask()
    bench.day.models["a/m"] = Amount(850_000)
    assert await bench.may_ask()
    assert bench.warned == ["$0.85 spent of the budget of $1.00 for today."]
    bench.day.models["b/m"] = Amount(200_000)
    assert await bench.may_ask()
    assert "for today?" in bench.person.asked[0].call.title
    bench.day.day, bench.day.models = "2026-11-22", {}
    assert await bench.may_ask()
    bench.day.models["a/m"] = Amount(900_000)
    assert await bench.may_ask()
    assert len(bench.warned) == 2
    assert len(bench.person.asked) == 1


async def test_what_cannot_be_judged_is_said_once() -> None:
    bench = Bench(session=DOLLAR, day=DOLLAR)
    bench.spend(None, "far/odd")
    bench.spend(None, "far/odd")
    assert len(bench.warned) == 1
    assert "far/odd is not known" in bench.warned[0]
    bench.day.models["far/odd"] = Amount(0, 2)
    assert await bench.may_ask()
    assert len(bench.warned) == 2
    bench.day.trouble = "the disk is gone."
    assert await bench.may_ask()
    assert await bench.may_ask()
    assert bench.warned[2:] == ["The budget of today is not watched: the disk is gone."]


async def test_what_is_known_stops_all_the_same() -> None:
    bench = Bench(False, session=DOLLAR)
    bench.spend(None)
    bench.spend(1)
    assert not await bench.may_ask()
    assert "$1.00 + 1 unknown" in bench.person.asked[0].explanation
