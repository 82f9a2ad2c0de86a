"""Frames: the same whatever the pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_adapters.providers import frames
from acp_adapters.providers.frames import EventFrames, FrameTooLarge, LineFrames

one_line = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
data = one_line.map(str.encode)


@given(st.lists(data), st.integers(min_value=1, max_value=9), st.sampled_from([b"\n", b"\r\n"]))
def test_events_do_not_depend_on_how_the_bytes_arrive(texts: list[bytes], size: int, newline: bytes) -> None:
    stream = b"".join(b"event: x" + newline + b"data: " + text + newline * 2 for text in texts)
    reader = EventFrames()
    found = [event for at in range(0, len(stream), size) for event in reader.feed(stream[at : at + size])]
    assert found == texts


def test_line_separators_of_unicode_do_not_end_a_line() -> None:
    text = "a\u2028b\u0085c".encode()
    assert EventFrames().feed(b"data: " + text + b"\n\n") == [text]


def test_comments_and_other_fields_are_ignored_and_lines_of_data_joined() -> None:
    assert EventFrames().feed(b": keep-alive\n\nid: 1\nretry: 5\ndata: a\ndata:b\n\n") == [b"a\nb"]


def test_the_last_event_counts_without_its_blank_line() -> None:
    reader = EventFrames()
    assert reader.feed(b"data: a\n") == []
    assert reader.finish() == [b"a"]


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_FRAME_BYTES", 100)
    reader = EventFrames()
    with pytest.raises(FrameTooLarge):
        for _ in range(20):
            reader.feed(b"data: 1234567890\n")


@given(st.lists(st.binary(max_size=20)), st.integers(1, 7))
def test_lines_are_the_same_however_the_bytes_arrive(lines: list[bytes], size: int) -> None:
    content = b"\n".join(lines)
    reader = LineFrames()
    found = [line for at in range(0, len(content), size) for line in reader.feed(content[at : at + size])]
    found += reader.finish()
    assert found == [line for raw in content.split(b"\n") if (line := raw.removesuffix(b"\r"))]
