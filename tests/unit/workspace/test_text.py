"""Texts keep every byte that a change does not touch."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acp_agent.errors import ToolError
from acp_agent.workspace.text import Text, decode, is_binary, plain

ENDINGS = st.sampled_from(["\n", "\r\n", "\r"])
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8)
LINES = st.lists(st.tuples(WORDS, ENDINGS), max_size=12)


def joined(lines: list[tuple[str, str]], last: str = "") -> str:
    return "".join(word + ending for word, ending in lines) + last


CONTENTS = st.builds(joined, LINES, WORDS)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
PLAIN = st.text(st.sampled_from("ab\n"), max_size=12)


@given(st.binary())
@example(b"\xef\xbb\xbfa\r\n\xff")
@example(b"\xff\xfea\x00\r\x00\n\x00")
@example(b"\xff\xfea")
@example(b"gr\xfc\xdfe\r")
def test_decoding_and_encoding_gives_the_same_bytes(data: bytes) -> None:
    text = decode(data)
    assert text.encode() == data
    assert text.replaced(text.plain).encode() == data


@given(CONTENTS, ENCODINGS)
def test_every_encoding_is_recognised(content: str, encoding: str) -> None:
    text = Text(content.removeprefix("\ufeff"), encoding)  # pyright: ignore[reportArgumentType]
    again = decode(text.encode())
    assert again.encode() == text.encode()
    assert again.plain.removeprefix("\ufeff") == text.plain.removeprefix("\ufeff")


@given(st.binary())
@example(b"\xef\xbb\xbfa\r\n\xff")
@example(b"a\r\n\rb\n")
@example("é\r\n".encode("utf-16"))
def test_plain_and_form_are_all_there_is_to_a_text(data: bytes) -> None:
    text = decode(data)
    assert Text.formed(text.plain, text.form) == text


def test_forms_are_short() -> None:
    assert Text("a\nb\n").form == ""
    assert Text("a\r\nb\r\n" * 1000).form == "utf-8 w"
    assert Text("a\nb\r\n", "latin-1").form == "latin-1 1n1w"


@given(LINES, WORDS, st.data())
def test_replacing_a_line_leaves_all_others(
    lines: list[tuple[str, str]], word: str, data: st.DataObject
) -> None:
    lines = [*lines, ("", "")]
    at = data.draw(st.integers(0, len(lines) - 1))
    text = Text(joined(lines))
    start = len(plain(joined(lines[:at])))
    changed = text.spliced([(start, start + len(lines[at][0]))], word)
    assert changed.plain == text.plain[:start] + word + text.plain[start + len(lines[at][0]) :]
    if not crossing(lines, at, word):
        expected = [*lines[:at], (word, lines[at][1]), *lines[at + 1 :]]
        assert changed.content == joined(expected)


def crossing(lines: list[tuple[str, str]], at: int, word: str) -> bool:
    """Whether lines that are no lines stand there: a CR and an LF that meet are one line ending."""
    before = lines[at - 1][1] if at else ""
    return before == "\r" and lines[at][1] == "\n" and not (word and lines[at][0])


@given(CONTENTS, PLAIN, st.data())
def test_splicing_changes_the_plain_text_as_asked(content: str, new: str, data: st.DataObject) -> None:
    text = Text(content)
    start = data.draw(st.integers(0, len(text.plain)))
    end = data.draw(st.integers(start, len(text.plain)))
    changed = text.spliced([(start, end)], new)
    assert changed.plain == text.plain[:start] + new + text.plain[end:]


@given(CONTENTS, CONTENTS)
def test_replacing_everything_gives_the_new_text(content: str, new: str) -> None:
    assert Text(content).replaced(plain(new)).plain == plain(new)


@given(st.lists(WORDS, min_size=1), ENDINGS, st.lists(WORDS, min_size=1))
def test_one_kind_of_line_ending_stays_the_only_one(old: list[str], ending: str, new: list[str]) -> None:
    text = Text("".join(word + ending for word in old)).replaced("\n".join(new))
    assert set(re.findall(r"\r\n|\r|\n", text.content)) <= {ending}


def test_lines_that_stay_keep_their_endings_in_a_mixed_file() -> None:
    text = Text("one\r\ntwo\nthree\rfour\r\nfive")
    assert text.replaced("one\n2\n2b\nthree\nfour\nfive\nsix").content == (
        "one\r\n2\n2b\nthree\rfour\r\nfive\r\nsix"
    )


def test_a_new_line_ends_like_the_one_it_is_put_into() -> None:
    text = Text("one\r\ntwo\r\nthree")
    assert text.spliced([(3, 3)], "\nbetween").content == "one\r\nbetween\r\ntwo\r\nthree"
    assert text.spliced([(13, 13)], "\nfour").content == "one\r\ntwo\r\nthree\r\nfour"


def test_several_places_at_once() -> None:
    text = Text("x\r\ny x\nx")
    assert text.spliced([(0, 1), (4, 5), (6, 7)], "ab").content == "ab\r\ny ab\nab"


def test_a_file_without_line_endings_takes_those_it_is_given() -> None:
    assert Text("one").replaced("one\r\ntwo\r\n").content == "one\r\ntwo\r\n"


@pytest.mark.parametrize(
    ("data", "binary"),
    [
        (b"", False),
        (b"plain text\n", False),
        ("grüße 世界 🌍\n".encode(), False),
        ("grüße 世界 🌍\n".encode("utf-16"), False),
        (b"\xfe\xff" + "🌍".encode("utf-16-be") * 3000, False),
        (b"gr\xfc\xdfe\n", False),
        (b"\x1b[31mred\x1b[0m\n", False),
        (b"a\0b", True),
        (b"\xff\xfea\0\0\0", True),
        (bytes(range(1, 9)) * 4, True),
        (b"\x01" * 30 + b"a" * 70, False),
        (b"\x01" * 31 + b"a" * 69, True),
        (b"a" * 5000 + b"\0", False),
    ],
)
def test_what_is_binary(data: bytes, binary: bool) -> None:
    assert is_binary(data) is binary


def test_what_an_encoding_cannot_hold_is_refused() -> None:
    with pytest.raises(ToolError, match=r"latin-1 and cannot hold '→' \(line 2\)"):
        Text("a\n→", "latin-1").encode()
    with pytest.raises(ToolError, match="utf-8 and cannot hold"):
        Text("\ud83d").encode()
