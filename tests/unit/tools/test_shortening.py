"""Long texts are cut in the middle, and it is said how much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.console import fenced
from acp_agent.tools.shortening import RELAY_BYTES, one_line, relayed, without_middle


def test_short_output_is_whole() -> None:
    text = "\n".join("line" for _ in range(200))
    assert relayed(text) == text


def test_many_lines() -> None:
    lines = [str(number) for number in range(1, 302)]
    assert relayed("\n".join(lines)).split("\n") == [*lines[:50], "[… 201 lines left out …]", *lines[-50:]]


def test_long_lines() -> None:
    text = "ü" * 5000
    head, marker, tail = relayed(text).split("\n")
    assert (len(head), len(tail), marker) == (2048, 2048, "[… 904 characters left out …]")


def test_many_long_lines() -> None:
    marker = relayed("\n".join("x" * 200 for _ in range(300))).split("\n")
    assert "[… 200 lines and 11906 characters left out …]" in marker


@given(st.text(max_size=50), st.integers(1, 1000))
def test_the_bound_holds(piece: str, times: int) -> None:
    assert len(relayed(piece * times).encode("utf-8", "replace")) <= RELAY_BYTES + 100


def test_without_middle() -> None:
    assert without_middle("abcdef", 6) == "abcdef"
    assert without_middle("abcdefg", 6) == "abc\n[… 1 characters left out …]\nefg"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("pytest -q", "pytest -q"),
        ("cat <<E\nx\nE\n", "cat <<E…"),
        ("x" * 81, "x" * 79 + "…"),
        ("a::b", "a∶∶b"),  # noqa: RUF001 -- no colon, at which clients cut titles
    ],
)
def test_titles(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text(alphabet="`a\n", max_size=30))
def test_a_fence_holds_what_is_in_it(text: str) -> None:
    first, *inner, last = fenced(text, "x").split("\n")
    assert first == f"{last}x"
    assert last not in inner
    assert "\n".join(inner) == text.rstrip("\n")
