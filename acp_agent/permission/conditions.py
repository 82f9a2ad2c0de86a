"""Tests: `[ … ]`, `test …` and `[[ … ]]`, of which most can do nothing but look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BRACKETS = {"[": "]", "[[": "]]"}
_OF_FILES = frozenset(
    [
        "-a",
        "-b",
        "-c",
        "-d",
        "-e",
        "-f",
        "-g",
        "-h",
        "-k",
        "-L",
        "-N",
        "-O",
        "-G",
        "-p",
        "-r",
        "-s",
        "-S",
        "-u",
        "-w",
        "-x",
    ]
)
_OF_TWO_FILES = frozenset(("-nt", "-ot", "-ef"))
_OF_TEXTS = frozenset(("-n", "-z"))
_COMPARES = frozenset(("=", "==", "!="))
_OF_NUMBERS = frozenset(("-eq", "-ne", "-lt", "-le", "-gt", "-ge"))
_ACTS = frozenset(("-v", "-R"))
"""They look at a variable, whose name may hold a command substitution."""
_NUMBER = re.compile(r"-?[0-9]+|\"?\$[?#$]\"?", re.ASCII)


def looks_only(argv: Sequence[str]) -> bool:
    """Whether a test can do nothing but look at files and compare."""
    closer = BRACKETS.get(argv[0], "")
    if closer and argv[-1] != closer:
        return False
    inner = argv[1:-1] if closer else argv[1:]
    if argv[0] != "[[":
        return _ACTS.isdisjoint(inner)
    return _looks(tuple(inner))


def _looks(inner: tuple[str, ...]) -> bool:
    """For double brackets, which take what they compare as numbers for an expression and work it out."""
    term: list[str] = []
    for word in (*inner, "&&"):
        if word not in ("&&", "||"):
            term.append(word)
            continue
        while term and term[0] == "!":
            term.pop(0)
        if not _term(term):
            return False
        term = []
    return True


def _term(term: Sequence[str]) -> bool:
    if len(term) == 1:
        return not term[0].startswith("-")
    if len(term) == 2:
        return term[0] in _OF_FILES or term[0] in _OF_TEXTS
    if len(term) != 3:
        return False
    left, operator, right = term
    if operator in _OF_NUMBERS:
        return bool(_NUMBER.fullmatch(left) and _NUMBER.fullmatch(right))
    return operator in _COMPARES or operator in _OF_TWO_FILES


def files_of(argv: Sequence[str]) -> Iterator[int]:
    """Indexes of the words that name files which a test looks at."""
    for index, word in enumerate(argv):
        if word in _OF_FILES and index + 1 < len(argv):
            yield index + 1
        elif word in _OF_TWO_FILES and 0 < index < len(argv) - 1:
            yield from (index - 1, index + 1)
