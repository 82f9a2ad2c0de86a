"""Events for property tests, and journals with chosen times."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st

from acp_agent import events
from acp_agent.content import Image, Resource, ResourceLink, Text
from acp_agent.session.journal import FORMAT
from acp_agent.session.records import to_json

if TYPE_CHECKING:
    from pathlib import Path

on_disk = settings(deadline=None)
"""For properties that write files: how long that takes is not what they are about."""

text = st.text(max_size=40)
plain = st.dictionaries(text, st.none() | st.integers() | text | st.lists(text, max_size=2), max_size=3)
locations = st.builds(events.Location, text, st.none() | st.integers(min_value=1))
shown = st.one_of(
    st.builds(events.ShownText, text),
    st.builds(events.ShownDiff, text, st.none() | text, text),
    st.builds(events.ShownCommand, text, text, text, st.none() | st.integers(), st.none() | text, text, text),
)
parts = (
    st.builds(Text, text)
    | st.builds(Image, text, text)
    | st.builds(ResourceLink, text, text)
    | st.builds(Resource, text, text)
)
choices = st.lists(st.builds(events.Choice, text, text), max_size=2).map(tuple)
some_events = st.one_of(
    st.builds(events.UserMessage, text, st.lists(parts, max_size=2).map(tuple)),
    st.builds(events.TextDelta, text, text),
    st.builds(events.ThoughtDelta, text, text),
    st.builds(events.ToolCallStarted, text, text, text, text, st.just("read")),
    st.builds(
        events.ToolCallUpdated, text, arguments=st.none() | text, raw_input=st.none() | plain,
        locations=st.none() | st.lists(locations, max_size=2).map(tuple),
    ),
    st.builds(
        events.ToolCallFinished, text, st.booleans(), text,
        content=st.none() | st.lists(shown, max_size=2).map(tuple), record=st.none() | plain,
    ),
    st.builds(events.PlanChanged, st.lists(st.builds(events.PlanEntry, text), max_size=2).map(tuple)),
    st.builds(events.UsageChanged, st.integers(min_value=0), st.integers(min_value=0)),
    st.builds(
        events.OptionsChanged,
        st.lists(st.builds(events.Option, text, text, text, text, choices), max_size=2).map(tuple),
    ),
    st.builds(events.TitleChanged, text, st.booleans()),
    st.builds(events.Archived, st.booleans()),
    st.builds(events.TurnEnded, text, st.none() | st.just("end_turn"), st.none() | text),
)  # fmt: skip


def asked(prompt: str) -> events.UserMessage:
    return events.UserMessage("m-1", (Text(prompt),))


def line(number: int, event: events.Event, *, parent: int | None = None, at: float = 1000.0) -> str:
    """A record's line, as the journal writes it."""
    head = {"n": number, "p": number - 1 if parent is None else parent, "t": at}
    return json.dumps({**head, **to_json(event)}, separators=(",", ":")) + "\n"


def plant(
    data: Path, session_id: str, *given: events.Event, at: float = 1000.0, cwd: str = "/project"
) -> Path:
    """A journal as another process may have left it, everything in it at one time."""
    header = {"type": "session", "format": FORMAT, "session_id": session_id, "cwd": cwd, "created": at}
    lines = [line(number, event, at=at) for number, event in enumerate(given, start=1)]
    path = data / "sessions" / f"{session_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(header) + "\n" + "".join(lines), encoding="utf-8")
    return path
