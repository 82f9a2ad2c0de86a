"""How the words of a command line are told apart: options, their values, and operands."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.data import flag, number, only, text, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.permission.data import Table


def is_number(text: str) -> bool:
    """Whether a shell takes it for digits: other scripts' are letters to it."""
    return text.isascii() and text.isdecimal()


class Allowed:
    """The options a program may be given, noted as `-a`, `-n:` with a value, `--x?` perhaps with one."""

    def __init__(self, notation: Sequence[str]) -> None:
        self.valued = frozenset(word[:-1] for word in notation if word.endswith(":"))
        self.optional = frozenset(word[:-1] for word in notation if word.endswith("?"))
        self.plain = frozenset(word for word in notation if word[-1] not in ":?")


class Scan(NamedTuple):
    """A command line read with the options that are allowed."""

    operands: tuple[int, ...]
    """Indexes of the words that are neither options nor values of options."""
    given: tuple[tuple[str, str], ...]
    """The options, each with its value or an empty text."""
    refused: str
    """The first word that is not allowed; empty when there is none."""

    def value_of(self, *names: str) -> str | None:
        return next((value for name, value in self.given if name in names), None)


def scan(
    argv: Sequence[str], start: int, allowed: Allowed, *, numbers: bool = False, first_only: bool = False
) -> Scan:
    """Reads `argv` from the index `start` on: `numbers` allows -5, `first_only` ends at the first operand."""
    reader = _Reader(argv, allowed)
    index = start
    while index < len(argv):
        word = argv[index]
        if word == "--":
            reader.operands.extend(range(index + 1, len(argv)))
            break
        if word == "-" or not word.startswith("-"):
            reader.operands.append(index)
            if first_only:
                break
        elif numbers and is_number(word[1:]):
            reader.given.append((word, ""))
        else:
            index = reader.long(index) if word.startswith("--") else reader.short(index)
        index += 1
    return Scan(tuple(reader.operands), tuple(reader.given), reader.refused)


class _Reader:
    def __init__(self, argv: Sequence[str], allowed: Allowed) -> None:
        self._argv = argv
        self._allowed = allowed
        self.operands: list[int] = []
        self.given: list[tuple[str, str]] = []
        self.refused = ""

    def long(self, index: int) -> int:
        """Takes a long option and returns the index of its last word."""
        name, equals, value = self._argv[index].partition("=")
        if name in self._allowed.valued:
            return index if equals and self._take(name, value) else self._next(index, name)
        known = name in self._allowed.optional or (not equals and name in self._allowed.plain)
        if known:
            self._take(name, value)
        else:
            self._refuse(self._argv[index])
        return index

    def short(self, index: int) -> int:
        """Takes a cluster of short options."""
        word = self._argv[index]
        for position, letter in enumerate(word[1:], 1):
            name, rest = "-" + letter, word[position + 1 :]
            if name in self._allowed.valued:
                return index if rest and self._take(name, rest) else self._next(index, name)
            if name in self._allowed.optional:
                self._take(name, rest)
                return index
            if name not in self._allowed.plain:
                self._refuse(word)
                return index
            self._take(name, "")
        return index

    def _next(self, index: int, name: str) -> int:
        if index + 1 >= len(self._argv):
            self._refuse(name)
            return index
        self._take(name, self._argv[index + 1])
        return index + 1

    def _take(self, name: str, value: str) -> bool:
        self.given.append((name, value))
        return True

    def _refuse(self, word: str) -> None:
        self.refused = self.refused or word


class Spec:
    """One entry of the table of programs that only read."""

    def __init__(self, table: Table, where: str) -> None:
        only(table, where, *_SPEC_KEYS)
        self.operands = text(table, "operands", "contents")
        if self.operands not in _OPERANDS:
            raise ValueError(f"{where}: operands cannot be {self.operands}")
        self.anything = flag(table, "anything")
        self.numbers = flag(table, "numbers")
        self.counts_operands = "most_operands" in table
        self.most_operands = number(table, "most_operands", 0 if self.operands == "none" else 1_000_000)
        self.first_operand = words(table, "first_operand")
        self.bare = flag(table, "bare")
        self.operands_only_with = words(table, "operands_only_with")
        self.patterns = words(table, "patterns")
        self.without_pattern = words(table, "without_pattern")
        self.globs = words(table, "globs")
        self.recursive = words(table, "recursive")
        self._options = words(table, "options")

    @cached_property
    def allowed(self) -> Allowed:
        return Allowed(self._options)


_OPERANDS = ("contents", "names", "text", "pattern", "none")
_SPEC_KEYS = (
    "operands",
    "options",
    "anything",
    "numbers",
    "most_operands",
    "first_operand",
    "bare",
    "operands_only_with",
    "patterns",
    "without_pattern",
    "globs",
    "recursive",
    "special",
)
