"""Output is readable however it comes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.console import overwrite, plain
from acp_agent.workspace import output
from acp_agent.workspace.output import Decoder, Kept, Whole, readable

if TYPE_CHECKING:
    from pathlib import Path

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


def styled(data: bytes, *cuts: int) -> str:
    decoder = Decoder(styled=True)
    places = [0, *sorted(cuts), len(data)]
    return "".join(decoder.feed(data[a:b]) for a, b in pairwise(places)) + decoder.feed(b"", final=True)


@given(st.lists(st.integers(0, len(RICH)), max_size=8))
def test_styled_pieces_keep_colours_alone(cuts: list[int]) -> None:
    decoder = Decoder(styled=True)
    places = [0, *sorted(cuts), len(RICH)]
    pieces = [*(decoder.feed(RICH[a:b]) for a, b in pairwise(places)), decoder.feed(b"", final=True)]
    assert "".join(pieces) == "grüße 🌍\x1b[1;31mred\x1b[0m\tend\nnext\n�!\n"
    assert all("\x1b" not in plain(piece) for piece in pieces)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_styled_text_holds_nothing_else(data: bytes, cut: int) -> None:
    text = plain(styled(data, min(cut, len(data))))
    assert not [char for char in overwrite(text) if char < " " and char not in "\n\t"]


@pytest.mark.parametrize(
    "data",
    [b"\x1b]52;c;aGk=\x07", b"\x1b[6n", b"\x1b[?1049h", b"\x1bc", b"\x1bP1$r\x1b\\", b"\x1b"],
)
def test_what_a_terminal_would_answer_or_remember_never_gets_through(data: bytes) -> None:
    assert "\x1b" not in styled(b"a" + data + b"b")


def test_a_whole_text_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "WHOLE_CHARACTERS", 10)
    whole = Whole()
    for piece in ("1234e", "67890", "abc"):
        whole.add(piece)
    whole.save(tmp_path / "folder" / "file", str.upper)
    text = (tmp_path / "folder" / "file").read_text(encoding="utf-8")
    assert text == "1234E67890\n[… 3 more characters left out …]\n"
    assert whole.characters == 13


def test_text_from_a_terminal_becomes_readable() -> None:
    assert readable("10%\r\x1b[32m100%\x1b[0m\r\ndone\r\n") == "100%\ndone\n"


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
