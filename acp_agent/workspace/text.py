"""Files as text and back, byte for byte: encoding, byte order mark, line endings, last newline.

The model sees plain text, with `\\n` at the end of a line; what the file really has is kept
beside it, and a change only touches what it replaces.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

Encoding = Literal["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "latin-1"]

MARKS: dict[Encoding, bytes] = {
    "utf-8-sig": b"\xef\xbb\xbf",
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
}
SAMPLE = 4096
"""Bytes, or characters of UTF-16, that are looked at to tell text from data."""
CONTROL_SHARE = 0.3
COMPARED_LINES = 2000 * 2000
"""Products of line counts beyond this are not compared line by line."""

_ENCODINGS: dict[str, Encoding] = {each: each for each in get_args(Encoding)}
_ENDING = re.compile(r"\r\n|\r|\n")
_ENDINGS = {"n": "\n", "r": "\r", "w": "\r\n"}
_LETTERS = {ending: letter for letter, ending in _ENDINGS.items()}
_RUN = re.compile(r"(\d+)([nrw])")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_CONTROLS = "".join(map(chr, {*range(0x20), 0x7F} - {*b"\t\n\r\f\v\b\x1b"}))


class Text(NamedTuple):
    """A file's text. `content` has the file's own line endings and no byte order mark."""

    content: str
    encoding: Encoding = "utf-8"

    @property
    def plain(self) -> str:
        """The text with `\\n` for every line ending."""
        return plain(self.content)

    @property
    def form(self) -> str:
        """What `plain` does not say: the encoding, and runs of line endings. Empty for UTF-8 with `\\n`."""
        if "\r" not in self.content:
            return f"{self.encoding} " if self.encoding != "utf-8" else ""
        endings = [_LETTERS[ending] for ending in _ENDING.findall(self.content)]
        runs = [(letter, len(list(run))) for letter, run in groupby(endings)]
        mixed = "".join(f"{length}{letter}" for letter, length in runs)
        return f"{self.encoding} {mixed if len(runs) > 1 else runs[0][0]}"

    @classmethod
    def formed(cls, text: str, form: str) -> Text:
        """The text whose `plain` and `form` these are."""
        encoding, _, lines = form.partition(" ")
        runs = _RUN.findall(lines)
        if not runs:
            content = text.replace("\n", _ENDINGS.get(lines, "\n"))
        else:
            letters = iter("".join(letter * int(length) for length, letter in runs))
            content = re.sub("\n", lambda _: _ENDINGS[next(letters, "n")], text)
        return cls(content, _ENCODINGS.get(encoding, "utf-8"))

    def encode(self) -> bytes:
        """The bytes of the file. Raises ToolError for characters that its encoding does not have."""
        codec = "utf-8" if self.encoding == "utf-8-sig" else self.encoding
        try:
            return MARKS.get(self.encoding, b"") + self.content.encode(codec)
        except UnicodeEncodeError as error:
            line = self.content.count("\n", 0, error.start) + 1
            raise ToolError(
                f"The file is {codec} and cannot hold {self.content[error.start]!r} (line {line}). "
                "Leave that out, or convert the file first."
            ) from error

    def replaced(self, new: str) -> Text:
        """The same kind of file with the plain text `new`; lines that stay keep their endings."""
        return Text(_with_endings(self.content, new, ""), self.encoding)

    def spliced(self, spans: Sequence[tuple[int, int]], new: str) -> Text:
        """With `new` in place of each span of the plain text; every byte outside them stays.

        Spans are (start, end) in order and do not overlap.
        """
        returns = [at - nth for nth, at in enumerate(m.start() for m in re.finditer("\r\n", self.content))]
        pieces: list[str] = []
        done = 0
        beside = _ENDING.search(self.content)
        for span in spans:
            start, end = (at + bisect_left(returns, at) for at in span)
            if beside and beside.start() < start:
                beside = _ENDING.search(self.content, start)
            ending = beside.group() if beside else _last_ending(self.content)
            pieces.append(self.content[done:start])
            pieces.append(_with_endings(self.content[start:end], new, ending))
            done = end
        return Text(_joined([*pieces, self.content[done:]]), self.encoding)


def plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def decode(data: bytes) -> Text:
    """The text of `data`; encoding it again gives the same bytes, whatever they are."""
    for encoding, mark in MARKS.items():
        if data.startswith(mark):
            codec = "utf-8" if encoding == "utf-8-sig" else encoding
            try:
                return Text(data[len(mark) :].decode(codec), encoding)
            except UnicodeDecodeError:
                break
    try:
        return Text(data.decode("utf-8"))
    except UnicodeDecodeError:
        return Text(data.decode("latin-1"), "latin-1")


def is_binary(data: bytes) -> bool:
    """Whether `data` is no text: a NUL or too many control characters near its start."""
    wide = data.startswith((MARKS["utf-16-le"], MARKS["utf-16-be"])) and decode(data).encoding != "latin-1"
    text = decode(data).content[:SAMPLE] if wide else data[:SAMPLE].decode("latin-1")
    if "\0" in text:
        return True
    return sum(map(text.count, _CONTROLS)) > len(text) * CONTROL_SHARE


def _last_ending(text: str) -> str:
    at = max(text.rfind("\n"), text.rfind("\r"))
    if at < 0:
        return ""
    return "\r\n" if text[at - 1 : at + 1] == "\r\n" else text[at]


def _with_endings(old: str, new: str, ending: str) -> str:
    """Plain text `new` with the line endings of `old`, which it replaces; `ending` where that has none."""
    kinds = set(_ENDING.findall(old))
    if not kinds:
        return new.replace("\n", ending) if ending else new
    new = plain(new)
    if len(kinds) == 1:
        return new.replace("\n", kinds.pop())
    return _merged(_LINE.findall(old), _LINE.findall(new))


def _merged(old: list[str], new: list[str]) -> str:
    """The lines `new`, with the endings of the lines of `old` that they are or replace."""
    before = [plain(line) for line in old]
    start = 0
    while start < min(len(old), len(new)) and before[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and before[-1 - end] == new[-1 - end]:
        end += 1
    endings = [ending for line in old if (ending := _last_ending(line))]
    ending = max(endings, key=endings.count)
    result = old[:start]
    changed_old, changed_new = old[start : len(old) - end], new[start : len(new) - end]
    for old_lines, new_lines in _blocks(changed_old, changed_new):
        for nth, line in enumerate(new_lines):
            if nth < len(old_lines):
                ending = _last_ending(old_lines[nth]) or ending
            result.append(line.replace("\n", ending))
    return _joined(result + old[len(old) - end :])


def _joined(pieces: Sequence[str]) -> str:
    """The pieces in a row; a CR and an LF that meet stay two line endings."""
    text: list[str] = []
    last = ""
    for piece in filter(None, pieces):
        if last == "\r" and piece[0] == "\n":
            text.append("\n")
        text.append(piece)
        last = piece[-1]
    return "".join(text)


def _blocks(old: list[str], new: list[str]) -> list[tuple[list[str], list[str]]]:
    """Which lines of `new` stand for which lines of `old`."""
    if not old or not new or len(old) * len(new) > COMPARED_LINES:
        return [(old, new)]
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, [plain(line) for line in old], new, autojunk=False)
    return [(old[a:b], new[c:d]) for _, a, b, c, d in matcher.get_opcodes()]
