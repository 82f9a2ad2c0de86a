"""Bytes into lines: whatever the pieces they come in, the lines are the same."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from acp_agent.rpc.framing import OVERSIZED, LineBuffer

lines = st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line))


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(lines, st.lists(st.integers(min_value=0)))
def test_lines_do_not_depend_on_how_the_bytes_arrive(given_lines: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(line + b"\n" for line in given_lines)
    buffer = LineBuffer()
    found = [line for piece in pieces(stream, cuts) for line in buffer.feed(piece)]
    assert found == [line.removesuffix(b"\r") for line in given_lines if line.strip()]
    assert buffer.finish() == []


@given(
    lines, st.binary(min_size=1, max_size=30).filter(lambda line: b"\n" not in line and bool(line.strip()))
)
def test_a_last_line_without_newline_counts(given_lines: list[bytes], last: bytes) -> None:
    buffer = LineBuffer()
    buffer.feed(b"".join(line + b"\n" for line in given_lines))
    assert buffer.feed(last) == []
    assert buffer.finish() == [last.removesuffix(b"\r")]


@given(st.integers(min_value=11, max_value=60), st.lists(st.integers(min_value=0)))
def test_a_line_over_the_limit_is_skipped_and_the_next_is_whole(size: int, cuts: list[int]) -> None:
    buffer = LineBuffer(limit=10)
    stream = b"first\n" + b"x" * size + b"\nlast\n"
    # Cut often enough that no single piece is over the limit by itself.
    found = [
        line for piece in pieces(stream, [*cuts, *range(0, len(stream), 7)]) for line in buffer.feed(piece)
    ]
    assert found == [b"first", OVERSIZED, b"last"]
