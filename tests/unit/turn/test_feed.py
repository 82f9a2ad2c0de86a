"""The feed: order is kept, text is joined, nothing waits long. Time passes by itself here."""

from __future__ import annotations

import asyncio
import selectors
from collections import defaultdict
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from acp_agent.events import (
    Event,
    NoticeRaised,
    OutputDelta,
    ShownText,
    TextDelta,
    ThoughtDelta,
    ToolCallProgress,
    UsageChanged,
)
from acp_agent.turn.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

EYE_S = 0.05
"""No text may be held longer."""
UPDATES_A_SECOND = 64

Delta = TextDelta | ThoughtDelta | OutputDelta
Timed = tuple[float, Event]

ids = st.sampled_from(["a", "b"])
piece = st.text(min_size=1, max_size=3)
some_events = st.one_of(
    st.builds(TextDelta, ids, piece),
    st.builds(ThoughtDelta, ids, piece),
    st.builds(OutputDelta, ids, piece),
    st.builds(ToolCallProgress, ids, st.tuples(st.builds(ShownText, st.text(max_size=3)))),
    st.builds(UsageChanged, st.integers(), st.just(1)),
)
gaps = st.sampled_from([0.0, 0.001, 0.005, 0.017, 0.06, 0.3])


class Clock(selectors.SelectSelector):
    """Waits by moving its time on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select()
        self.now += max(timeout, 0)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await story()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def told(schedule: Iterable[tuple[float, Event]]) -> tuple[list[Timed], list[Timed]]:
    """Events emitted with these gaps before them, and what a listener heard, each with its time."""
    emitted: list[Timed] = []
    heard: list[Timed] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        feed = Feed((lambda event: heard.append((loop.time(), event)),))
        for gap, event in schedule:
            await asyncio.sleep(gap)
            emitted.append((loop.time(), event))
            feed.emit(event)
        await asyncio.sleep(1)  # of the loop's own time

    run(story)
    return emitted, heard


def same_call(event: Event | None) -> Event | None:
    return event._replace(content=()) if isinstance(event, ToolCallProgress) else event


def joined(events: Iterable[Event]) -> list[Event]:
    """Neighbouring text of one message as one event, of neighbouring progress the last.

    The output of calls that run side by side is joined for each of them.
    """
    found: list[Event] = []
    run_of_output: dict[str, int] = {}
    for event in events:
        last = found[-1] if found else None
        if not isinstance(event, OutputDelta):
            run_of_output.clear()
        elif (at := run_of_output.get(event.call_id)) is not None:
            before = found[at]
            assert isinstance(before, OutputDelta)
            found[at] = before._replace(text=before.text + event.text)
            continue
        else:
            run_of_output[event.call_id] = len(found)
        if isinstance(event, TextDelta | ThoughtDelta) and type(last) is type(event):
            assert isinstance(last, TextDelta | ThoughtDelta)
            if last.message_id == event.message_id:
                found[-1] = last._replace(text=last.text + event.text)
                continue
        if isinstance(event, ToolCallProgress) and ToolCallProgress(event.call_id, ()) == same_call(last):
            found[-1] = event
            continue
        found.append(event)
    return found


def characters(events: Iterable[Timed]) -> dict[tuple[type[Delta], str], list[float]]:
    """For each message and call, the time of each of its characters."""
    found: dict[tuple[type[Delta], str], list[float]] = defaultdict(list)
    for at, event in events:
        if isinstance(event, Delta):
            found[type(event), event[0]] += [at] * len(event.text)
    return found


@given(st.lists(st.tuples(gaps, some_events), max_size=30))
def test_listeners_get_the_same_story_in_order_and_soon(schedule: list[tuple[float, Event]]) -> None:
    emitted, heard = told(schedule)
    assert joined(event for _, event in heard) == joined(event for _, event in emitted)
    came = characters(heard)
    for of, times in characters(emitted).items():
        assert all(late - early <= EYE_S + 1e-6 for early, late in zip(times, came[of], strict=True))


@given(
    st.sampled_from([TextDelta, ThoughtDelta, OutputDelta]),
    st.lists(st.sampled_from([0.0, 0.0001, 0.001, 0.015]), min_size=100, max_size=400),
)
def test_a_fast_stream_becomes_few_events(kind: type[Delta], waits: list[float]) -> None:
    _, heard = told((wait, kind("a", "x")) for wait in waits)
    times = [at for at, _ in heard]
    for start in times:
        assert sum(start <= at < start + 1 for at in times) <= UPDATES_A_SECOND
    assert sum(len(event.text) for _, event in heard if isinstance(event, Delta)) == len(waits)


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=100, max_size=300))
def test_commands_side_by_side_do_not_hurry_each_other(calls: list[str]) -> None:
    _, heard = told((0.001, OutputDelta(call, "x")) for call in calls)
    assert len(heard) <= 3 * (1 + len(calls) / 50 + 1)


def test_the_first_text_leaves_at_once_and_the_rest_soon() -> None:
    _, heard = told((0, TextDelta("m", str(number))) for number in range(100))
    assert [event for _, event in heard] == [
        TextDelta("m", "0"),
        TextDelta("m", "".join(map(str, range(1, 100)))),
    ]
    assert heard[0][0] == 1000


def test_anything_else_flushes_what_waits_before_it() -> None:
    heard: list[Event] = []

    async def story() -> None:
        feed = Feed((heard.append,))
        feed.emit(TextDelta("m", "a"))
        feed.emit(TextDelta("m", "b"))
        feed.emit(NoticeRaised("info", "x"))

    run(story)
    assert heard == [TextDelta("m", "a"), TextDelta("m", "b"), NoticeRaised("info", "x")]
