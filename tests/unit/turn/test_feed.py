"""The feed: order is kept, text is joined, nothing waits long."""

from __future__ import annotations

import anyio
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.events import (
    Event,
    NoticeRaised,
    ShownText,
    TextDelta,
    ThoughtDelta,
    ToolCallProgress,
    UsageChanged,
)
from acp_agent.turn.feed import Feed

ids = st.sampled_from(["a", "b"])
some_events = st.one_of(
    st.builds(TextDelta, ids, st.text(min_size=1, max_size=3)),
    st.builds(ThoughtDelta, ids, st.text(min_size=1, max_size=3)),
    st.builds(ToolCallProgress, ids, st.tuples(st.builds(ShownText, st.text(max_size=3)))),
    st.builds(UsageChanged, st.integers(), st.just(1)),
)


def same_call(event: Event | None) -> Event | None:
    return event._replace(content=()) if isinstance(event, ToolCallProgress) else event


def joined(events: list[Event]) -> list[Event]:
    """Neighbouring text of one message as one event, and of neighbouring progress the last."""
    found: list[Event] = []
    for event in events:
        last = found[-1] if found else None
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


@given(st.lists(some_events, max_size=20))
def test_listeners_get_the_same_story_in_order(events: list[Event]) -> None:
    heard: list[Event] = []

    async def emit_all() -> None:
        feed = Feed((heard.append,))
        for event in events:
            feed.emit(event)
        feed.flush()

    anyio.run(emit_all)
    assert joined(heard) == joined(events)


async def test_the_first_text_leaves_at_once_and_the_rest_soon() -> None:
    heard: list[Event] = []
    later = anyio.Event()

    def listen(event: Event) -> None:
        heard.append(event)
        if len(heard) == 2:
            later.set()

    feed = Feed((listen,))
    for number in range(100):
        feed.emit(TextDelta("m", str(number)))
    assert heard == [TextDelta("m", "0")]
    with anyio.fail_after(5):
        await later.wait()
    assert heard[1] == TextDelta("m", "".join(map(str, range(1, 100))))


async def test_anything_else_flushes_what_waits_before_it() -> None:
    heard: list[Event] = []
    feed = Feed((heard.append,))
    feed.emit(TextDelta("m", "a"))
    feed.emit(TextDelta("m", "b"))
    feed.emit(NoticeRaised("info", "x"))
    assert heard == [TextDelta("m", "a"), TextDelta("m", "b"), NoticeRaised("info", "x")]
