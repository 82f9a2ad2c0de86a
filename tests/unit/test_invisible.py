"""What a person does not see is written out, and nothing else is touched."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.invisible import PADDING, reveal, visible, visible_lines

LEFT_ALONE = [
    "plain ascii\twith tabs\nand lines\r\nof both kinds\r\n",
    "\ufeffa mark at the beginning",
    "grüße, 世界, Привет, שלום, مرحبا, ção, naïve\u00a0space, \u3000wide",
    "👩\u200d👩\u200d👧\u200d👦 family, 👩🏽\u200d💻, 🏳\ufe0f\u200d🌈, ❤\ufe0f, ❤\ufe0f\u200d🔥",
    "☺\ufe0e, 1\ufe0f\u20e3 #\ufe0f\u20e3, ↔\ufe0f ‼\ufe0f \u2139\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f England",
    "می\u200cرود بچ\u200cگی",
    "क्\u200dष न्\u200d ശരി അവന്\u200d বাংলা",
    "combining e\u0301, math \U0001d49c ≤ ∑, box ─┼─, braille ⠿⠀⠿, \U0001fae8 and \U0001f9d9\U0001f3fb",
    "\u0600\u06dd",
]  # fmt: skip

HIDDEN = {
    "tags": "do\U000e0064\U000e006f it",
    "a flag's tags with something else to say": "🏴\U000e0072\U000e006d\U000e007f",
    "zero width space": "a\u200bb",
    "zero width joiner between letters": "a\u200db",
    "zero width non-joiner between letters": "a\u200cb",
    "a row of joiners in a Persian word": "می\u200c\u200c\u200dرود",
    "word joiner": "a\u2060b",
    "a mark that is not at the beginning": "a\ufeffb",
    "right-to-left override": "a\u202eb",
    "isolate": "\u2066a\u2069",
    "soft hyphen": "a\u00adb",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "selectors that carry bytes": "😀\ufe0f\ufe01\U000e0101\U000e01ef",
    "a selector after a letter": "a\ufe0f",
    "private use": "\ue000 \U000f0000",
    "noncharacter": "\uffff\ufdd0",
    "unassigned": "\u0378",
    "hangul filler": "\u3164",
    "combining grapheme joiner": "a\u034fb",
    "escape": "\x1b[31mred",
    "a return that ends no line": "good\rbad",
    "next line": "a\x85b",
    "half a surrogate pair": "\ud800",
    "delete": "a\x7fb",
}


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_has_a_use_is_left_alone(text: str) -> None:
    assert reveal(text) == (text, 0)


@pytest.mark.parametrize("case", HIDDEN)
def test_what_hides_is_written_out(case: str) -> None:
    found = reveal(HIDDEN[case])
    assert found.hidden >= 1
    assert found.text.count("\\u{") == found.hidden
    assert reveal(found.text) == (found.text, 0)


def test_each_is_written_as_its_number() -> None:
    assert reveal("a\u200b\U000e0041") == ("a\\u{200b}\\u{e0041}", 2)


@given(st.text(st.characters(codec=None), max_size=30))
def test_no_format_or_unassigned_character_stands_alone(text: str) -> None:
    found = reveal("a" + text)
    shown = reveal(found.text)
    assert shown.hidden == 0
    for char in "\u200b\u2060\u202a\u202e\u2066\u2028\u2029\U000e0041\U000e0001\u00ad\x1b\x00":
        assert char not in found.text
    assert found.text.replace("\\u{", "").count("{") <= text.count("{")


@given(st.text(st.characters(codec=None), max_size=30))
def test_a_title_has_nothing_but_what_is_seen(text: str) -> None:
    shown = visible(text)
    assert all(char == " " or unicodedata.category(char)[0] not in "CZ" for char in shown)
    assert not any("\ufe00" <= char <= "\ufe0f" or char == "\u3164" for char in shown)


def test_a_title_is_one_line() -> None:
    assert visible("a\nb\u00a0c d") == "a\\u{a}b\\u{a0}c d"


UNSEEN = (
    "\x00\x1b\x7f\x85\xa0\xad\u034f\u115f\u180e\u200b\u200e\u2028"
    "\u202e\u2066\u2800\u3164\ufe0f\ufeff\U000e0041"
)


@pytest.mark.parametrize("char", UNSEEN)
def test_what_does_not_show_in_a_title_is_written_out(char: str) -> None:
    for written in (visible(f"a{char}b"), visible_lines(f"a{char}b")):
        assert written == f"a\\u{{{ord(char):x}}}b"


@pytest.mark.parametrize("text", ["", "ls -la", "grüße 世界 🌍", "a  b   c"])
def test_what_shows_in_a_title_stays(text: str) -> None:
    assert visible(text) == visible_lines(text) == text


def test_padding_is_counted() -> None:
    assert visible("ls" + " " * 300 + "; rm -rf x") == "ls[300 blanks]; rm -rf x"
    assert visible("a\nb\tc") == "a\\u{a}b\\u{9}c"
    assert visible_lines("if x:\n        y\n\tz\n") == "if x:\n        y\n\tz\n"
    assert visible_lines("a" + "  \n" * 40 + "b") == "a\n[40 line breaks]\nb"
    assert visible_lines("a" + "\t" * 30 + "b") == "a[30 blanks]b"


@given(st.text())
def test_nothing_hides_in_a_title(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert " " * PADDING not in shown
