"""Waiting for the end of a usage limit, by a clock that can be set."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import ModelError
from acp_agent.events import ModelUsed, NoticeRaised, Parked, TextDelta, TurnStarted
from acp_agent.models.stream import Failed
from acp_agent.permission.asking import Answer
from acp_agent.turn.consent import Consent
from acp_agent.turn.feed import Feed
from acp_agent.turn.parking import Parking, WhenLimited, left_parked, when

if TYPE_CHECKING:
    from acp_agent.events import Event
    from acp_agent.permission.asking import Question

LIMIT = Failed("rate_limit", "the week is over", wait_s=7200.0)
WITHIN_S = 5


class Somebody:
    def __init__(self, *, agrees: bool) -> None:
        self._agrees = agrees
        self.asked: list[str] = []

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question.call.title)
        return Answer(question.options[0 if self._agrees else 1].id)


class Clock:
    """Says that two hours have gone by each time it is looked at."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        self.now += 7200.0
        return self.now


async def parked(
    when_limited: WhenLimited, *, agrees: bool = True, attended: bool = True
) -> tuple[bool, list[Event], list[str]]:
    events: list[Event] = []
    ids, person = count(1), Somebody(agrees=agrees)

    def new_id(kind: str) -> str:
        return f"{kind}-{next(ids)}"

    consent = Consent(Feed([events.append]), person, new_id, 60.0, attended)
    with anyio.fail_after(WITHIN_S):
        goes_on = await Parking(consent, when_limited, Clock())(LIMIT)
    return goes_on, events, person.asked


@pytest.mark.parametrize(("when_limited", "questions"), [("ask", 1), ("wait", 0)])
async def test_it_goes_on_when_it_is_time(when_limited: WhenLimited, questions: int) -> None:
    goes_on, events, asked = await parked(when_limited)
    assert goes_on
    assert len(asked) == questions
    assert events[0] == Parked(1_000_000.0 + 2 * 7200, "the week is over")
    assert isinstance(events[-1], NoticeRaised)


@pytest.mark.parametrize(("when_limited", "questions"), [("ask", 1), ("stop", 0)])
async def test_it_stops_with_what_goes_on(when_limited: WhenLimited, questions: int) -> None:
    goes_on, events, asked = await parked(when_limited, agrees=False)
    assert not goes_on
    assert len(asked) == questions
    assert isinstance(events[-1], TextDelta)
    assert "/resume" in events[-1].text


async def test_without_anybody_it_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(ModelError, match="when_limited"):
        await parked("ask", agrees=False, attended=False)


def test_the_day_is_told_when_it_is_another_one() -> None:
    assert " on " not in when(1_000_000.0, 1_000_000.0)
    assert " on " in when(1_000_000.0 + 86_400, 1_000_000.0)


def test_what_is_still_parked() -> None:
    limit = Parked(5.0, "why")
    begun = TurnStarted("t")
    assert left_parked([begun, limit]) == limit
    assert left_parked([begun, limit, ModelUsed("a/m")]) is None
    assert left_parked([begun, limit, TurnStarted("u")]) is None
    assert left_parked([begun, limit, TurnStarted("u", local=True)]) == limit
