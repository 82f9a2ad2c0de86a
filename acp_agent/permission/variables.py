"""Variables: those whose value is known before a command runs, and those that it may be given."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.data import as_table, load, only, text, words
from acp_agent.permission.patterns import literal
from acp_agent.permission.script import Word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_NUMBERS = frozenset("?#$")
_PLAIN = re.compile(r"[^\s*?\[\]\\]+")
"""A value that stays one word, and is no pattern, where it is not quoted."""


class Unknown(Exception):
    """A variable whose value is not known, or which the shell would take apart; the text says which."""


def values_in(folders: Sequence[str]) -> dict[str, str]:
    """The variables that are known in a command that runs in one of `folders`."""
    home = os.environ.get("HOME", "")
    found = {"HOME": home} if home.startswith("/") else {}
    if len(folders) == 1:
        found["PWD"] = folders[0]
    return found


def known(word: Word, values: Mapping[str, str], *, splits: bool = True) -> Word:
    """The word with the values of its variables. Raises Unknown.

    `splits` says that the shell would take an unquoted value apart, as it does outside assignments.
    """
    if not word.pieces:
        return word
    names = {piece.text for piece in word.pieces if piece.variable}
    if names <= _NUMBERS:
        return word._replace(unknown=False, pieces=(), number=True)
    parts: list[str] = []
    patterns: list[str] = []
    for piece in word.pieces:
        if not piece.variable:
            parts.append(piece.text)
            patterns.append(piece.pattern)
            continue
        value = values.get(piece.text)
        if value is None or (splits and not piece.quoted and not _PLAIN.fullmatch(value)):
            raise Unknown(f"the variable {piece.text}")
        parts.append(value)
        patterns.append(literal(value))
    return Word("".join(parts), "".join(patterns) if word.pattern is not None else None)


def harmless(assignment: str) -> bool:
    """Whether a program given `NAME=value` can do nothing that it could not do without."""
    name, _, value = assignment.partition("=")
    return any(
        fnmatchcase(name, pattern) and expression.fullmatch(value) is not None
        for pattern, expression in _table().harmless.items()
    )


def obeyed(assignment: str) -> bool:
    """Whether the shell itself would go by the variable from then on, other than by harmless values of it."""
    name = assignment.partition("=")[0].rstrip("+")
    return any(fnmatchcase(name, each) for each in _table().of_the_shell) and not harmless(assignment)


class _Table(NamedTuple):
    harmless: dict[str, re.Pattern[str]]
    of_the_shell: tuple[str, ...]


@cache
def _table() -> _Table:
    table = load("variables.json")
    only(table, "variables.json", "harmless", "of_the_shell")
    values = as_table(table.get("harmless"), "harmless")
    return _Table(
        {name: re.compile(text(values, name), re.ASCII) for name in values}, words(table, "of_the_shell")
    )
