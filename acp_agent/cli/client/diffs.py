"""The difference between two texts, as lines to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.cli.client.screen import Style

CONTEXT_LINES = 3
MOST_LINES = 200
"""More of a difference is left out: a person does not read it on a terminal."""
LARGEST_PART = 4000
"""Changed parts of more lines are not compared, which would take seconds."""
NO_NEWLINE = "\\ No newline at end of file"


class DiffLine(NamedTuple):
    text: str
    style: Style


def diff_lines(old: str | None, new: str) -> Iterator[DiffLine]:
    """The unified difference; `old` None is a new file."""
    before = _lines(old or "")
    after = _lines(new)
    if _changed_part(before, after) > LARGEST_PART:
        yield DiffLine(f"{len(before)} lines become {len(after)}; too many to compare", "dim")
        return
    shown = 0
    for line in _unified(before, after):
        shown += 1
        if shown <= MOST_LINES:
            yield DiffLine(line, _style(line))
    if shown > MOST_LINES:
        yield DiffLine(f"… {shown - MOST_LINES} more lines", "dim")


def _unified(before: list[str], after: list[str]) -> Iterator[str]:
    import difflib

    lines = difflib.unified_diff(before, after, n=CONTEXT_LINES, lineterm="")
    for number, line in enumerate(lines):
        if number < 2:  # the file names, which the caller shows
            continue
        text, newline, _ = line.partition("\n")
        yield text
        if not newline and not text.startswith("@@"):
            yield NO_NEWLINE


def _style(line: str) -> Style:
    first = line[:1]
    if first == "+":
        return "green"
    if first == "-":
        return "red"
    return "cyan" if first == "@" else "dim"


def _lines(text: str) -> list[str]:
    """The lines with their newline, so that a missing one at the end is a difference."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _changed_part(before: list[str], after: list[str]) -> int:
    """How many lines lie between the common start and the common end."""
    shorter = min(len(before), len(after))
    start = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    rest = shorter - start
    end = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
    return max(len(before), len(after)) - start - end
