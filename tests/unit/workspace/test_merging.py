"""Two changes of one text put together: all of both, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.workspace.merging import merged

BASE = b"".join(b"line %d\n" % number for number in range(10))

numbers = st.lists(st.integers(0, 9), max_size=12).map(lambda found: b"".join(b"%d\n" % n for n in found))


def changed(number: int, line: bytes) -> bytes:
    return BASE.replace(b"line %d\n" % number, line)


@pytest.mark.parametrize(
    ("base", "mine", "other", "expected"),
    [
        (BASE, changed(1, b"mine\n"), changed(7, b""), changed(1, b"mine\n").replace(b"line 7\n", b"")),
        (BASE, changed(1, b"x\r\n"), changed(3, b"y\n"), changed(1, b"x\r\n").replace(b"line 3\n", b"y\n")),
        (BASE, changed(1, b"same\n"), changed(1, b"same\n"), changed(1, b"same\n")),
        (BASE, changed(1, b"mine\n"), changed(1, b"other\n"), None),
        (BASE, changed(1, b"mine\n"), changed(2, b"other\n"), None),
        (BASE, b"new\n" + BASE, b"other\n" + BASE, None),
        (BASE, BASE + b"more", b"first\n" + BASE, b"first\n" + BASE + b"more"),
        (BASE, b"", changed(1, b""), None),
        (b"\0a\nb\nc\nd\n", b"\0x\nb\nc\nd\n", b"\0a\nb\nc\ny\n", None),
        (b"a\n\n\nb\n", b"\xff\n\n\nb\n", b"a\n\n\nc\n", b"\xff\n\n\nc\n"),
        (b"a\n\n\nb\n", b"a\n\n\nc\n", "x\n\n\nb\n".encode("utf-16"), None),
    ],
    ids=["apart", "endings", "same", "line", "neighbours", "place", "ends", "none", "data", "coding", "wide"],
)  # fmt: skip
def test_what_comes_of_two_changes(base: bytes, mine: bytes, other: bytes, expected: bytes | None) -> None:
    assert merged(base, mine, other) == expected


def test_utf_16() -> None:
    def wide(text: bytes) -> bytes:
        return text.decode().encode("utf-16")

    mine, other = changed(1, "ਊ\n".encode()), changed(7, b"other\n")
    both = mine.replace(b"line 7\n", b"other\n")
    assert merged(wide(BASE), wide(mine), wide(other)) == wide(both)


@given(numbers, numbers, numbers)
def test_who_comes_first_does_not_matter(base: bytes, mine: bytes, other: bytes) -> None:
    assert merged(base, mine, other) == merged(base, other, mine)


@given(numbers, numbers)
def test_a_change_alone_is_taken_as_it_is(base: bytes, mine: bytes) -> None:
    assert merged(base, mine, base) == mine
    assert merged(base, base, mine) == mine
    assert merged(base, mine, mine) == mine


@given(numbers, numbers, numbers, numbers)
def test_changes_of_two_halves_are_both_there(a: bytes, b: bytes, c: bytes, d: bytes) -> None:
    middle = b"".join(b"middle %d\n" % number for number in range(3))
    assert merged(a + middle + b, c + middle + b, a + middle + d) == c + middle + d
