"""What a command writes, as a person is shown it."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STYLE_TAIL = r"\[[0-9;:]*[A-HJKSTfm]"
STYLE = re.compile(rf"\x1b{STYLE_TAIL}")
"""The sequences that live output may hold: colours, moves of the cursor, erasing. Nothing that a terminal
would answer, remember or pass on."""
STYLE_CHARACTERS = 64
"""No sequence that means anything is longer."""


def plain(text: str) -> str:
    """`text` without colours and the like."""
    return STYLE.sub("", text) if "\x1b" in text else text


def overwrite(text: str) -> str:
    """`text` as a terminal would leave it: of a line that was written over, the last state."""
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def last_lines(text: str, limit: int) -> str:
    """The end of `text`, at most `limit` characters, from the beginning of a line where there is one."""
    if len(text) <= limit:
        return text
    end = text[-limit:]
    return end[end.find("\n") + 1 :] or end


def pieces(text: str, limit: int) -> Iterator[str]:
    """`text` in pieces of at most `limit` characters; no sequence is cut in two."""
    start = 0
    while start < len(text):
        end = min(start + limit, len(text))
        if end < len(text):
            escape = text.rfind("\x1b", max(start + 1, end - STYLE_CHARACTERS), end)
            if escape >= 0 and not STYLE.match(text, escape, end):
                end = escape
        yield text[start:end]
        start = end


PADDING = 24
"""More blanks or line breaks in a row are counted, not shown: they push text out of sight."""
_PADDED = re.compile(rf" {{{PADDING},}}|(?:[ \t]*\n){{{PADDING},}}|\t{{{PADDING},}}")
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0")
"""What shows as nothing, beside the categories of control characters and separators."""


def visible(text: str) -> str:
    """The text on one line, with every character that a person would not see written out."""
    return _written_out(text, " ")


def visible_lines(text: str) -> str:
    """The same of several lines, indented by tabs or blanks."""
    return _written_out(text, " \n\t")


def _written_out(text: str, kept: str) -> str:
    if not (text.isascii() and text.isprintable()):
        text = "".join(char if char in kept or _is_seen(char) else f"\\u{{{ord(char):x}}}" for char in text)
    return _PADDED.sub(_counted, text) if "  " in text or "\n" in text or "\t" in text else text


def _is_seen(char: str) -> bool:
    if char in _BLANK or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return False
    return unicodedata.category(char)[0] not in "CZ"


def _counted(padding: re.Match[str]) -> str:
    lines = padding[0].count("\n")
    return f"\n[{lines} line breaks]\n" if lines else f"[{len(padding[0])} blanks]"


def coded(text: str) -> str:
    """`text`, which is one line, as code in Markdown, whatever backticks are in it."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else "``"


def fenced(text: str, language: str = "") -> str:
    """`text` as a block of code for clients, which show Markdown."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}"
