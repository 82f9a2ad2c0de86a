"""Events as JSON: there and back, and nothing but events."""

from __future__ import annotations

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent import content, events
from acp_agent.errors import JournalError
from acp_agent.session.records import from_json, to_json
from tests.unit.session.given import some_events

CLASSES = (*typing.get_args(events.Event), *typing.get_args(content.Part))
FIELDS = sorted({field for kind in CLASSES for field in kind._fields})

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=6,
)


@given(some_events)
def test_an_event_survives_json(event: events.Event) -> None:
    assert from_json(to_json(event)) == event


@given(some_events, st.sampled_from(FIELDS), json_values)
def test_whatever_a_field_holds_it_is_an_event_or_an_error(
    event: events.Event, field: str, value: object
) -> None:
    data = {**to_json(event), field: value}
    try:
        found = from_json(data)
    except JournalError:
        return
    assert from_json(to_json(found)) == found


@pytest.mark.parametrize("kind", CLASSES)
def test_every_event_has_a_form(kind: type) -> None:
    with pytest.raises(JournalError, match=kind.__name__):
        from_json({"type": kind.__name__})


def test_what_a_newer_version_adds_to_an_event_is_left_out() -> None:
    data: dict[str, object] = {"type": "TurnStarted", "turn_id": "t", "mood": "good"}
    assert from_json(data) == events.TurnStarted("t")
