"""What becomes of a request when models fail: who is asked, after how long, and what the person is told."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from acp_agent.errors import AuthRequired
from acp_agent.models.breaker import Breakers
from acp_agent.models.catalogue.providers import provider_types
from acp_agent.models.course import AGAIN_BEFORE_OTHERS, LONGEST_WAIT_S, Lane, Means, Patience
from acp_agent.models.keys import Key, OneKey
from acp_agent.models.messages import ModelRequest
from acp_agent.models.prices import Price
from acp_agent.models.routes import Route
from acp_agent.models.steady import Steady
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Delayed,
    Failed,
    Finished,
    Free,
    Rerouted,
    TextPiece,
    ThoughtPiece,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from acp_agent.models.keys import Keys
    from acp_agent.models.stream import FailureKind, StreamEvent

REQUEST = ModelRequest("be good", (), ())
DONE = Finished("end", Usage(1_000_000, 500_000))
FOR_EVER = CallStarted(99, "for ever")
"""In a script: nothing comes after it, and the stream does not end."""
LATER = CallStarted(98, "later")
"""In a script: what follows comes after more than a call may pause."""
TOOL_GAP_S = 0.05
WITHIN_S = 5
Script = tuple["StreamEvent", ...]


class Service:
    """Models that answer one request after another as they are told, and remember who asked by which key."""

    def __init__(self, **scripts: Iterable[Script]) -> None:
        self.scripts = {name: deque(answers) for name, answers in scripts.items()}
        self.asked: list[tuple[str, str | None]] = []

    def connect(self, route: Route) -> Asked:
        return Asked(self, route)


class Asked:
    def __init__(self, service: Service, route: Route) -> None:
        self.name, self.window, self.sees = route.name, route.window, True
        self._service, self._route = service, route

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        assert request is REQUEST
        self._service.asked.append((self._route.alias, self._route.key.value))
        for event in self._service.scripts[self._route.alias].popleft():
            if event is FOR_EVER:
                await anyio.sleep_forever()
            if event is LATER:
                await anyio.sleep(3 * TOOL_GAP_S)
                continue
            yield event


def route(alias: str, **fields: Any) -> Route:
    return Route(
        alias=alias, provider=provider_types()["custom"], base_url="http://127.0.0.1:9", model="m",
        key=Key(None, "none"), headers={}, window=1000, request_limit_s=1, silence_limit_s=1,
    )._replace(**fields)  # fmt: skip


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def steady(
    service: Service,
    *lanes: str | Lane,
    patience: Patience = Patience(first_wait_s=0.001, tool_gap_s=TOOL_GAP_S),  # noqa: B008
    breakers: Breakers | None = None,
) -> Steady:
    ways = [
        each if isinstance(each, Lane) else Lane(route(each), OneKey(Key(None, "none"))) for each in lanes
    ]
    return Steady(ways, Means(service.connect, breakers or Breakers(), patience, lambda: 0.0))


async def heard(model: Steady) -> list[StreamEvent]:
    with anyio.fail_after(WITHIN_S):
        return [event async for event in model.stream(REQUEST)]


def failed(kind: FailureKind = "server", message: str = "no", wait_s: float | None = None) -> Failed:
    return Failed(kind, message, wait_s=wait_s)


def waits(events: Sequence[StreamEvent]) -> list[float]:
    return [event.seconds for event in events if isinstance(event, Delayed)]


async def test_an_answer_passes_with_who_gave_it_and_what_it_cost() -> None:
    service = Service(one=[(ThoughtPiece("hm"), TextPiece("yes"), DONE)])
    priced = Lane(route("one", price=Price(3_000_000, 15_000_000)), OneKey(Key(None, "none")))
    *said, end = await heard(steady(service, priced))
    assert said == [ThoughtPiece("hm"), TextPiece("yes")]
    assert end == DONE._replace(model="one/m", cost=10_500_000)


@pytest.mark.parametrize("usage", [DONE.usage, None])
async def test_what_is_free_is_so_without_a_count(usage: Usage | None) -> None:
    free = Lane(route("one", price=Price(0, 0)), OneKey(Key(None, "none")))
    said, end = await heard(steady(Service(one=[(DONE._replace(usage=usage),)]), free))
    assert said == Free()
    assert end == DONE._replace(usage=usage, model="one/m", cost=0)


async def test_an_unknown_price_is_not_nothing() -> None:
    (end,) = await heard(steady(Service(one=[(DONE,)]), "one"))
    assert end == DONE._replace(model="one/m", cost=None)


@pytest.mark.parametrize("kind", ["rate_limit", "overloaded", "network", "timeout", "server"])
async def test_what_may_pass_is_asked_again(kind: FailureKind) -> None:
    service = Service(one=[(failed(kind),), (failed(kind),), (TextPiece("yes"), DONE)])
    events = await heard(steady(service, "one"))
    assert [type(event) for event in events] == [Delayed, Delayed, TextPiece, Finished]
    assert waits(events) == [0.001, 0.002]
    assert [(event.attempt, event.attempts) for event in events if isinstance(event, Delayed)] == [
        (2, 6),
        (3, 6),
    ]


@pytest.mark.parametrize(
    "kind", ["auth", "billing", "context_length", "not_found", "request", "protocol", "runaway"]
)
async def test_what_does_not_pass_is_not_asked_again(kind: FailureKind) -> None:
    service = Service(one=[(failed(kind),)])
    assert await heard(steady(service, "one")) == [failed(kind)]


async def test_it_gives_up_in_the_end() -> None:
    service = Service(one=[(failed(),)] * 3)
    patience = Patience(retries=2, first_wait_s=0.001)
    events = await heard(steady(service, "one", patience=patience))
    assert [type(event) for event in events] == [Delayed, Delayed, Failed]
    assert service.asked == [("one", None)] * 3


async def test_a_wait_that_the_service_asks_for_counts() -> None:
    service = Service(one=[(failed(wait_s=0.03),), (DONE,)])
    assert waits(await heard(steady(service, "one"))) == [0.03]


async def test_a_long_wait_is_left_to_the_person() -> None:
    limit = failed("rate_limit", wait_s=LONGEST_WAIT_S + 1)
    assert await heard(steady(Service(one=[(limit,)]), "one")) == [limit]


@pytest.mark.parametrize("piece", [TextPiece("so"), ThoughtPiece("hm")])
async def test_nothing_is_asked_again_once_it_was_seen(piece: TextPiece | ThoughtPiece) -> None:
    service = Service(one=[(piece, failed())], two=[(DONE,)])
    assert await heard(steady(service, "one", "two")) == [piece, failed()]


async def test_a_call_that_was_not_complete_may_be_made_anew() -> None:
    begun = (CallStarted(0, "read"), CallArguments(0, '{"pa'))
    service = Service(one=[(*begun, failed()), (*begun, CallArguments(0, 'th": 1}'), DONE)])
    events = await heard(steady(service, "one"))
    assert [type(event).__name__ for event in events] == [
        *("CallStarted", "CallArguments", "Delayed"),
        *("CallStarted", "CallArguments", "CallArguments", "Finished"),
    ]


async def test_a_call_that_stalls_is_ended() -> None:
    service = Service(one=[(TextPiece("so"), CallStarted(0, "read"), FOR_EVER)])
    *_, end = await heard(steady(service, "one"))
    assert isinstance(end, Failed)
    assert end.kind == "timeout"
    assert "0.05 s" in end.message


async def test_a_stalled_call_without_text_is_asked_again() -> None:
    service = Service(one=[(CallStarted(0, "read"), FOR_EVER), (TextPiece("yes"), DONE)])
    events = await heard(steady(service, "one"))
    assert [type(event) for event in events] == [CallStarted, Delayed, TextPiece, Finished]


async def test_after_a_whole_call_the_next_may_take_its_time() -> None:
    whole = (CallStarted(0, "read"), CallArguments(0, '{"path": {}}'))
    service = Service(one=[(*whole, LATER, *whole, DONE)])
    events = await heard(steady(service, "one"))
    assert [type(event) for event in events][-1] is Finished
    half = (CallStarted(0, "read"), CallArguments(0, '{"path": {}'))
    *_, end = await heard(steady(Service(one=[(TextPiece("so"), *half, FOR_EVER)]), "one"))
    assert isinstance(end, Failed)


async def test_thoughts_without_end_are_ended() -> None:
    service = Service(one=[(ThoughtPiece("x" * 40),) * 3])
    events = await heard(steady(service, "one", patience=Patience(most_thought=15)))
    assert [type(event) for event in events] == [ThoughtPiece, Failed]
    end = events[-1]
    assert isinstance(end, Failed)
    assert end.kind == "runaway"


@pytest.mark.parametrize("first", [TextPiece("so"), CallStarted(0, "read")])
async def test_long_thoughts_with_an_answer_are_well(first: StreamEvent) -> None:
    answer = (first, *(ThoughtPiece("x" * 40),) * 3, DONE)
    for patience in (Patience(most_thought=15), Patience(most_thought=0)):
        events = await heard(steady(Service(one=[answer]), "one", patience=patience))
        assert isinstance(events[-1], Finished)


async def test_a_stream_without_an_end_is_a_failure() -> None:
    (end,) = await heard(steady(Service(one=[()]), "one"))
    assert isinstance(end, Failed)
    assert end.kind == "protocol"


# Others --------------------------------------------------------------------------------------------


async def test_another_model_goes_on() -> None:
    service = Service(one=[(failed("billing"),)], two=[(TextPiece("yes"), DONE)])
    events = await heard(steady(service, "one", "two"))
    assert events[0] == Rerouted("two/m", failed("billing"))
    assert events[-1] == DONE._replace(model="two/m")


async def test_with_others_there_is_less_patience() -> None:
    service = Service(one=[(failed(),)] * 9, two=[(DONE,)])
    events = await heard(steady(service, "one", "two"))
    assert len(waits(events)) == AGAIN_BEFORE_OTHERS
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize("kind", ["request", "context_length"])
async def test_what_is_wrong_with_the_request_is_wrong_everywhere(kind: FailureKind) -> None:
    service = Service(one=[(failed(kind),)], two=[(DONE,)])
    assert await heard(steady(service, "one", "two")) == [failed(kind)]


async def test_one_message_for_all_that_was_tried() -> None:
    service = Service(one=[(failed("auth", "key?"),)], two=[(failed("not_found", "which?"),)])
    *_, end = await heard(steady(service, "one", "two"))
    assert isinstance(end, Failed)
    assert end.kind == "not_found"
    assert "- key?" in end.message
    assert "- which?" in end.message


async def test_a_model_that_failed_is_left_alone_and_then_tried_by_one() -> None:
    clock = Clock()
    breakers = Breakers(clock)
    service = Service(one=[(failed("auth"),)], two=[(DONE,)] * 3)
    model = steady(service, "one", "two", breakers=breakers)
    await heard(model)
    clock.now += 1.9
    events = await heard(model)
    assert isinstance(events[0], Rerouted)
    assert [alias for alias, _ in service.asked] == ["one", "two", "two"]
    clock.now += 0.2
    service.scripts["one"].append((DONE,))
    assert [event.model for event in await heard(model) if isinstance(event, Finished)] == ["one/m"]
    assert breakers.admit("one/m")


async def test_only_one_finds_out_whether_it_is_well_again() -> None:
    clock = Clock()
    breakers = Breakers(clock)
    breakers.failed("one/m")
    clock.now += 3
    assert [breakers.admit("one/m") for _ in range(3)] == [True, False, False]
    breakers.released("one/m")
    assert breakers.admit("one/m")
    breakers.failed("one/m")
    assert breakers.rest_s("one/m") == 4


async def test_who_is_cancelled_leaves_the_probe_to_others() -> None:
    clock = Clock()
    breakers = Breakers(clock)
    breakers.failed("one/m")
    clock.now += 3
    service = Service(one=[(TextPiece("so"), FOR_EVER)], two=[])
    model = steady(service, "one", "two", breakers=breakers)
    with anyio.fail_after(WITHIN_S):
        async with anyio.create_task_group() as tasks:
            async for _ in model.stream(REQUEST):
                tasks.cancel_scope.cancel()
    assert breakers.admit("one/m")


async def test_who_breaks_off_after_text_is_the_one_to_go_on() -> None:
    breakers = Breakers(Clock())
    broken = Service(one=[(TextPiece("so"), failed("network"))], two=[])
    events = await heard(steady(broken, "one", "two", breakers=breakers))
    assert [type(event) for event in events] == [TextPiece, Failed]
    assert breakers.admit("one/m")


@pytest.mark.parametrize(("wait_s", "asked"), [(29, "one"), (31, "two")])
async def test_nobody_is_waited_for_long_while_there_is_another(wait_s: float, asked: str) -> None:
    service = Service(one=[(failed("rate_limit", wait_s=wait_s),)], two=[(DONE,)])
    with anyio.move_on_after(WITHIN_S):
        async for event in steady(service, "one", "two").stream(REQUEST):
            if isinstance(event, Delayed):
                break
    assert service.asked[-1][0] == asked


async def test_when_all_are_left_alone_the_one_closest_to_its_end_is_asked() -> None:
    breakers = Breakers(Clock())
    breakers.failed("one/m", 500)
    breakers.failed("two/m", 20)
    service = Service(one=[(DONE,)], two=[(DONE,)])
    await heard(steady(service, "one", "two", breakers=breakers))
    assert service.asked == [("two", None)]


async def test_the_only_model_is_asked_whatever_it_did() -> None:
    breakers = Breakers(Clock())
    breakers.failed("one/m", 500)
    (end,) = await heard(steady(Service(one=[(DONE,)]), "one", breakers=breakers))
    assert isinstance(end, Finished)


@pytest.mark.parametrize(
    ("failures", "wait_s", "rest_s"),
    [*((n, None, 2**n) for n in range(1, 9)), (9, None, 256), (10, None, 256), (1, 77, 77), (3, 1000, 1000)],
)
def test_how_long_a_model_is_left_alone(failures: int, wait_s: float | None, rest_s: float) -> None:
    breakers = Breakers(Clock())
    for _ in range(failures):
        breakers.failed("m", wait_s)
    assert breakers.rest_s("m") == rest_s
    breakers.succeeded("m")
    assert breakers.rest_s("m") == 0


# Keys ----------------------------------------------------------------------------------------------


class Pool:
    """Keys that are used up by a failure."""

    def __init__(self, *values: str) -> None:
        self._left = [Key(value, f"key {value}") for value in values]
        self.reports: list[tuple[str | None, bool]] = []

    async def take(self) -> Key:
        if not self._left:
            raise AuthRequired("all keys are used up")
        return self._left[0]

    def report(self, key: Key, failed: Failed | None) -> None:
        self.reports.append((key.value, failed is None))
        if failed:
            self._left.remove(key)

    @property
    def spare(self) -> bool:
        return bool(self._left)


def conforms(pool: Pool) -> Keys:
    return pool


async def test_another_key_is_taken_at_once() -> None:
    pool = Pool("a", "b")
    service = Service(one=[(failed("rate_limit"),), (DONE,)])
    events = await heard(steady(service, Lane(route("one"), pool)))
    assert events == [Rerouted("one/m", failed("rate_limit"), "key b"), DONE._replace(model="one/m")]
    assert service.asked == [("one", "a"), ("one", "b")]
    assert pool.reports == [("a", False), ("b", True)]


async def test_without_a_key_another_model_is_asked() -> None:
    service = Service(one=[], two=[(DONE,)])
    events = await heard(steady(service, Lane(route("one"), Pool()), "two"))
    assert events[0] == Rerouted("two/m", Failed("auth", "all keys are used up"))
    assert service.asked == [("two", None)]
