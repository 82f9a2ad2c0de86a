"""What two have made of one text, put together where they have changed different places of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.workspace.text import Text, decode, is_binary

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPARED_LINES = 2000 * 2000
"""Of longer texts (the product of their lines) all between the first and the last change is one place."""


class _Hunk(NamedTuple):
    """`lines` stand for those of the base from `start` up to `end`."""

    start: int
    end: int
    lines: list[str]


def merged(base: bytes, mine: bytes, other: bytes) -> bytes | None:
    """`mine` with what leads from `base` to `other`; None when that touches what leads to `mine`.

    Places touch when no line that is the same in all lies between them.
    """
    if mine in (base, other):
        return other
    if other == base:
        return mine
    if any(map(is_binary, (base, mine, other))):
        return None
    texts = [decode(data) for data in (base, mine, other)]
    encodings = {text.encoding for text in texts}
    if len(encodings) > 1:
        if not encodings <= {"utf-8", "latin-1"}:
            return None
        texts = [Text(data.decode("latin-1"), "latin-1") for data in (base, mine, other)]
    lines = [text.content.splitlines(keepends=True) for text in texts]
    together = _together(_hunks(lines[0], lines[1]), _hunks(lines[0], lines[2]))
    if together is None:
        return None
    return texts[0]._replace(content="".join(_applied(lines[0], together))).encode()


def _hunks(base: Sequence[str], new: Sequence[str]) -> list[_Hunk]:
    start, end = 0, 0
    shorter = min(len(base), len(new))
    while start < shorter and base[start] == new[start]:
        start += 1
    while end < shorter - start and base[-1 - end] == new[-1 - end]:
        end += 1
    old, other = base[start : len(base) - end], new[start : len(new) - end]
    if not old or not other or len(old) * len(other) > COMPARED_LINES:
        return [_Hunk(start, len(base) - end, list(other))]
    from difflib import SequenceMatcher

    codes = SequenceMatcher(None, old, other, autojunk=False).get_opcodes()
    return [_Hunk(start + a, start + b, list(other[c:d])) for tag, a, b, c, d in codes if tag != "equal"]


def _together(ours: Sequence[_Hunk], others: Sequence[_Hunk]) -> list[_Hunk] | None:
    hunks = sorted({(each.start, each.end, tuple(each.lines)) for each in (*ours, *others)})
    found: list[_Hunk] = []
    for start, end, lines in hunks:
        if found and start <= found[-1].end:
            return None
        found.append(_Hunk(start, end, list(lines)))
    return found


def _applied(base: Sequence[str], hunks: Sequence[_Hunk]) -> list[str]:
    result: list[str] = []
    done = 0
    for hunk in hunks:
        result += [*base[done : hunk.start], *hunk.lines]
        done = hunk.end
    return [*result, *base[done:]]
