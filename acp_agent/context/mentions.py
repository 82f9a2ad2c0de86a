"""`@path` in what a person writes: where it may stand and what it may mean. Looks at no file."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SCANNED_CHARACTERS = 200_000
"""What comes after is no longer written by hand."""
CONSIDERED = 1000
"""Signs in one text that may begin a mention."""
RANGE_CHARACTERS = 20
READINGS = 24
"""Of one mention at most."""


class Reading(NamedTuple):
    """One of the things that a mention may mean."""

    written: str
    """As it stands in the text, with the `@`."""
    path: str
    first: int | None = None
    """Lines from 1, both included; None for all."""
    last: int | None = None


_WIDE = r"\u3000-\u303f\uff00-\uff0f\uff1a-\uff20"
"""The punctuation of Chinese and Japanese, which no space follows."""
_OPENING = r"""(\[{<"',;:|*\xab\u2018\u201c""" + _WIDE
_CLOSING = r"""\])}>"'!?,;:|*(\[{<\xbb\u2019\u201d""" + _WIDE
# Never inside a word, so that an address is none.
_MENTION = re.compile(
    rf"""(?<![^\s{_OPENING}])@"""
    r"""(?=(?P<quoted>"[^"\n]{1,1024}"|'[^'\n]{1,1024}'|\u201c[^\u201d\n]{1,1024}\u201d)"""
    r"""(?P<after>[:#][L\d:-]{1,32})?|(?P<bare>(?:\\[ ]|[^\s`@]|@(?=\w)){1,1024}))"""
)
_RANGE = re.compile(
    r"(?::(?P<first>\d{1,7})(?:-(?P<last>\d{1,7})|:\d{1,7})?|#L(?P<one>\d{1,7})(?:-L?(?P<other>\d{1,7}))?)\Z"
)
_END = re.compile(f"[{_CLOSING}]")
"""Where a path may be over: any of these may also be a part of it."""
_TRAILING = "._~-\u2026"
_FENCE = re.compile(r"^ {0,3}(?:(`{3,})[^`\n]*|(~{3,})[^\n]*)$", re.MULTILINE)
_PARAGRAPHS = re.compile(r"(\n[ \t]*\n)")
_TICKS = re.compile(r"`+")


def mentions(text: str) -> Iterator[tuple[Reading, ...]]:
    """The mentions in order, each with its readings, the most likely first. Code is left alone."""
    prose = without_code(text[:SCANNED_CHARACTERS]) if "@" in text else ""
    for found in islice(_MENTION.finditer(prose), CONSIDERED):
        if quoted := found["quoted"]:
            readings = _quoted(quoted, found["after"] or "")
        else:
            readings = _bare(found["bare"])
        if readings := tuple(islice(filter(_is_possible, readings), READINGS)):
            yield readings


def _is_possible(reading: Reading) -> bool:
    return any(map(str.isalnum, reading.path)) and "\0" not in reading.path


def _quoted(quoted: str, after: str) -> Iterator[Reading]:
    path = quoted[1:-1]
    yield from _with_range(f"@{quoted}{after}", path + after)
    if after:
        yield Reading(f"@{quoted}", path)


def _bare(token: str) -> Iterator[Reading]:
    """The longest first: what follows a path without a space between is not a part of it."""
    ends = [found.start() for found in islice(_END.finditer(token), READINGS) if found.start()]
    for end in dict.fromkeys((len(token), *reversed(ends))):
        written = token[:end]
        for each in dict.fromkeys((written, written.rstrip(_TRAILING))):
            yield from _with_range(f"@{each}", each.replace("\\ ", " "))


def _with_range(written: str, path: str) -> Iterator[Reading]:
    yield Reading(written, path)
    found = _RANGE.search(path, max(0, len(path) - RANGE_CHARACTERS))
    if found and found.start():
        first = int(found["first"] or found["one"])
        last = int(found["last"] or found["other"] or first)
        if 1 <= first <= last:
            yield Reading(written, path[: found.start()], first, last)


def without_code(text: str) -> str:
    """`text` with blanks in place of what is code in Markdown."""
    return "".join(piece if is_prose else " " * len(piece) for piece, is_prose in _spans(text))


def _spans(text: str) -> Iterator[tuple[str, bool]]:
    start = 0
    for begin, end in _fenced(text):
        yield from _inline(text[start:begin])
        yield text[begin:end], False
        start = end
    yield from _inline(text[start:])


def _fenced(text: str) -> Iterator[tuple[int, int]]:
    """From each opening fence to its closing one, or to the end."""
    opened: tuple[int, str] | None = None
    for line in _FENCE.finditer(text):
        fence = line[1] or line[2]
        if opened is None:
            opened = line.start(), fence
        elif fence.startswith(opened[1]) and line[0].strip() == fence:
            yield opened[0], line.end()
            opened = None
    if opened:
        yield opened[0], len(text)


def _inline(text: str) -> Iterator[tuple[str, bool]]:
    """Spans begin and end with the same number of backticks and stay within a paragraph."""
    for paragraph in _PARAGRAPHS.split(text):
        runs = [(run.start(), run.end()) for run in _TICKS.finditer(paragraph)]
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for start, end in runs:
            by_length[end - start].append(start)
        done = 0
        for start, end in runs:
            if start < done:
                continue
            same = by_length[end - start]
            nth = bisect_left(same, end)
            if nth < len(same):
                yield paragraph[done:start], True
                done = same[nth] + end - start
                yield paragraph[start:done], False
        yield paragraph[done:], True
