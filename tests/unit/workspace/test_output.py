"""Output is readable however it comes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.workspace.output import Decoder, Kept, overwrite

RICH = "grüße 🌍\x1b[1;31mred\x1b[0m\x1b]0;title\x07\x1b(B\tend\r\nnext\r\n".encode() + b"\xff!\n"
READABLE = "grüße 🌍red\tend\nnext\n�!\n"


@given(st.lists(st.integers(0, len(RICH)), max_size=8))
def test_pieces_may_end_anywhere(cuts: list[int]) -> None:
    decoder = Decoder()
    places = [0, *sorted(cuts), len(RICH)]
    pieces = [decoder.feed(RICH[a:b]) for a, b in pairwise(places)]
    assert "".join(pieces) + decoder.feed(b"", final=True) == READABLE


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_control_character_is_left(data: bytes, cut: int) -> None:
    decoder = Decoder()
    text = decoder.feed(data[:cut]) + decoder.feed(data[cut:]) + decoder.feed(b"", final=True)
    assert not [char for char in overwrite(text) if char < " " and char not in "\n\t"]
    assert text == Decoder().feed(data, final=True)


def test_a_sequence_that_never_ends_holds_nothing_back_for_ever() -> None:
    decoder = Decoder()
    assert "x" * 4000 in decoder.feed(b"\x1b]" + b"x" * 5000)


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


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(2, 60))
def test_only_the_middle_is_ever_left_out(pieces: list[bytes], limit: int) -> None:
    kept = Kept(limit)
    for piece in pieces:
        kept.add(piece)
    data = b"".join(pieces)
    text = kept.text()
    assert kept.truncated == (len(data) > 2 * (limit // 2))
    if not kept.truncated:
        assert text == overwrite(Decoder().feed(data, final=True))


def test_beginning_and_end_are_kept_by_lines() -> None:
    kept = Kept(40)
    for number in range(100):
        kept.add(f"line {number:02}\n".encode())
    assert kept.text() == "line 00\nline 01\n[… 768 bytes left out …]\nline 98\nline 99\n"


def test_a_single_long_line_is_cut_within() -> None:
    kept = Kept(10)
    kept.add(b"0123456789abcdef")
    assert kept.text() == "01234\n[… 6 bytes left out …]\nbcdef"
