"""The little Markdown that answers are made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.console import coded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]<>])")


def code(text: str) -> str:
    """`text` as code, on one line, whatever backticks are in it."""
    return coded(" ".join(text.split()))


def plain(text: str) -> str:
    """`text` on one line, meaning nothing in Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """A table; its last `numbers` columns are aligned to the right. Cells hold no line breaks."""
    ruled = ["---"] * (len(head) - numbers) + ["--:"] * numbers
    cells = (head, ruled, *rows)
    return "\n".join(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in row)} |" for row in cells)


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def number(count: int) -> str:
    """`12,345`."""
    return f"{count:,}"
