"""Text of commands: styled, plain, cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.console import (
    STYLE,
    last_lines,
    overwrite,
    pieces,
    plain,
)

styles = st.sampled_from(["\x1b[31m", "\x1b[0m", "\x1b[2K", "\x1b[38;5;196m", "\x1b[1A"])
styled = st.lists(styles | st.text("ab\n\r🌍", min_size=1, max_size=5), max_size=30).map("".join)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain\n", "plain\n"),
        ("10%\r20%\r100%\ndone\n", "100%\ndone\n"),
        ("10%\r20%\r", "20%"),
        ("a\rb\nc\rd", "b\nd"),
    ],
)
def test_what_is_written_over_is_gone(text: str, left: str) -> None:
    assert overwrite(text) == left


@given(styled, st.integers(20, 60))
def test_pieces_are_the_text_and_cut_no_sequence(text: str, limit: int) -> None:
    found = list(pieces(text, limit))
    assert "".join(found) == text
    assert all(0 < len(piece) <= limit for piece in found)
    assert all("\x1b" not in STYLE.sub("", piece) for piece in found)


@given(styled)
def test_plain_text_has_no_style(text: str) -> None:
    assert "\x1b" not in plain(text)


@pytest.mark.parametrize(
    ("text", "limit", "end"),
    [
        ("one\ntwo\n", 9, "one\ntwo\n"),
        ("one\ntwo\nthree\n", 9, "three\n"),
        ("one\ntwo\nthree\n", 6, "three\n"),
        ("a long line", 4, "line"),
        ("a long line\n", 5, "line\n"),
    ],
)
def test_the_last_lines(text: str, limit: int, end: str) -> None:
    assert last_lines(text, limit) == end
