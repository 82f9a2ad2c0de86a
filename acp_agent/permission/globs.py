"""Which files a pattern in a command names, as bash expands it: * and ?, and no hidden files unasked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acp_agent.permission.patterns import is_literal, path_pattern, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_STARS = 4
"""In one part of a path."""
MAX_LOOKED_AT = 4000
"""Folder entries looked at for one pattern."""


def expand(pattern: str, folder: str) -> list[str] | None:
    """The paths, relative to `folder` as the pattern is; None when that is more than is looked at."""
    budget = [MAX_LOOKED_AT]
    parts = pattern.split("/")
    if any(part.count("*") > MOST_STARS for part in parts):
        return None  # matching could take for ever
    start = "/" if pattern.startswith("/") else ""
    try:
        return list(_expand(start, [part for part in parts if part], folder, budget))
    except _TooMany:
        return None


class _TooMany(Exception):
    pass


def _expand(prefix: str, parts: list[str], folder: str, budget: list[int]) -> Iterator[str]:
    if not parts:
        yield prefix
        return
    part, *rest = parts
    if is_literal(part):
        yield from _deeper(prefix + unescaped(part), rest, folder, budget)
        return
    names = path_pattern(part)
    hidden = part.startswith((".", "\\."))
    for name in _entries(os.path.join(folder, prefix), budget):
        if (hidden or not name.startswith(".")) and names.fullmatch(name):
            yield from _deeper(prefix + name, rest, folder, budget)


def _deeper(path: str, rest: list[str], folder: str, budget: list[int]) -> Iterator[str]:
    if not rest:
        if os.path.lexists(os.path.join(folder, path)):
            yield path
    elif os.path.isdir(os.path.join(folder, path)):
        yield from _expand(path + "/", rest, folder, budget)


def _entries(folder: str, budget: list[int]) -> Iterator[str]:
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                budget[0] -= 1
                if budget[0] < 0:
                    raise _TooMany
                yield entry.name
    except OSError:
        return
