"""Commands that run the command that follows them: sudo, env, timeout, xargs and their like."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.data import as_table, flag, load, number, only, words
from acp_agent.permission.usage import Allowed, scan

if TYPE_CHECKING:
    from collections.abc import Sequence

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")


class Wrapped(NamedTuple):
    """A command within a command."""

    inner: int | None
    """Index of the word with which the inner command begins; None when there is none."""
    transparent: bool = False
    """What runs is the inner command and nothing but that."""
    unclear: bool = False
    """Where the inner command begins could not be told."""


class _Wrapper(NamedTuple):
    allowed: Allowed
    skip: int
    numbers: bool
    assignments: bool
    transparent: bool
    unclear: bool


def peel(argv: Sequence[str]) -> Wrapped | None:
    """The command that `argv` runs; None when it is no wrapper, or `command -v`, which only looks up."""
    wrapper = _table().get(os.path.basename(argv[0]))
    if wrapper is None:
        return None
    if wrapper.unclear:
        return Wrapped(None, unclear=True)
    if argv[0] == "command" and len(argv) > 1 and argv[1] in ("-v", "-V"):
        return None
    found = scan(argv, 1, wrapper.allowed, numbers=wrapper.numbers, first_only=True)
    if found.refused:
        return Wrapped(None, unclear=True)
    if not found.operands:
        return Wrapped(None)
    start = found.operands[0] + wrapper.skip
    while wrapper.assignments and start < len(argv) and ASSIGNMENT.match(argv[start]):
        start += 1
    if start >= len(argv):
        return Wrapped(None)
    # An assignment or a reserved word after `time` would be read by the shell itself.
    if argv[0] == "time" and (ASSIGNMENT.match(argv[start]) or argv[start] in _RESERVED):
        return Wrapped(None, unclear=True)
    return Wrapped(start, wrapper.transparent and "/" not in argv[0])


_RESERVED = ("!", "{", "[[", "if", "while", "until", "for", "case", "select", "function", "coproc", "time")


@cache
def _table() -> dict[str, _Wrapper]:
    table = load("wrappers.json")
    return {name: _wrapper(value, name) for name, value in table.items() if name != "about"}


def _wrapper(value: object, name: str) -> _Wrapper:
    entry = as_table(value, name)
    only(entry, name, "options", "skip", "numbers", "assignments", "transparent", "unclear")
    return _Wrapper(
        Allowed(words(entry, "options")),
        number(entry, "skip", 0),
        flag(entry, "numbers"),
        flag(entry, "assignments"),
        flag(entry, "transparent"),
        flag(entry, "unclear"),
    )
