"""What a command writes, as a person is shown it."""

from __future__ import annotations

import re
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
