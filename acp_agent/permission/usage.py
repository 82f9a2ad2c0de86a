"""How the words of a command line are told apart: options, their values, and operands."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from acp_agent.permission.data import as_table, flag, number, only, text, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from acp_agent.permission.data import Table


T = TypeVar("T")


def is_number(text: str) -> bool:
    """Whether a shell takes it for digits: other scripts' are letters to it."""
    return text.isascii() and text.isdecimal()


class Allowed:
    """The options a program may be given, noted as `-a`, `-n:` with a value, `--x?` perhaps with one.

    `--x::` takes two words, of which the second is its value.
    """

    def __init__(self, notation: Sequence[str]) -> None:
        self.twice = frozenset(word[:-2] for word in notation if word.endswith("::"))
        self.valued = frozenset(word.rstrip(":") for word in notation if word.endswith(":"))
        self.optional = frozenset(word[:-1] for word in notation if word.endswith("?"))
        self.plain = frozenset(word for word in notation if word[-1] not in ":?")

    def with_plain(self, names: Sequence[str]) -> Allowed:
        """These, and options without a value that are not among them."""
        known = self.valued | self.optional
        self.plain |= {name for name in names if name not in known}
        return self


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

    def values_of(self, names: Sequence[str]) -> Iterator[str]:
        return (value for name, value in self.given if name in names)

    def has(self, names: Sequence[str]) -> bool:
        return any(name in names for name, _ in self.given)


def scan(
    argv: Sequence[str],
    start: int,
    allowed: Allowed,
    *,
    numbers: bool = False,
    first_only: bool = False,
    single: bool = False,
) -> Scan:
    """Reads `argv` from the index `start` on.

    `numbers` allows -5, `first_only` ends at the first operand; with `single` an option of one dash is
    one name however long it is, and no cluster of letters.
    """
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
        elif word.startswith("--"):
            index = reader.long(index)
        else:
            index = reader.single(index) if single else reader.short(index)
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

    def single(self, index: int) -> int:
        """Takes an option of one dash that is one name; a number may be attached to it."""
        word = self._argv[index]
        if word in self._allowed.valued:
            return self._next(index, word)
        if word in self._allowed.plain:
            self._take(word, "")
        elif word[:2] in self._allowed.valued and is_number(word[2:]):
            self._take(word[:2], word[2:])
        else:
            self._refuse(word)
        return index

    def _next(self, index: int, name: str) -> int:
        index += 2 if name in self._allowed.twice else 1
        if index >= len(self._argv):
            self._refuse(name)
            return index
        self._take(name, self._argv[index])
        return index

    def _take(self, name: str, value: str) -> bool:
        self.given.append((name, value))
        return True

    def _refuse(self, word: str) -> None:
        self.refused = self.refused or word


class Spec:
    """How a program, or one subcommand of it, is used to read; an entry of the table."""

    def __init__(self, table: Table, where: str) -> None:
        only(table, where, *_SPEC_KEYS)
        self.operands = text(table, "operands", "contents")
        if self.operands not in _OPERANDS:
            raise ValueError(f"{where}: operands cannot be {self.operands}")
        self.anything = flag(table, "anything")
        self.numbers = flag(table, "numbers")
        self.single = flag(table, "single")
        self.counts_operands = "most_operands" in table
        self.most_operands = number(table, "most_operands", 0 if self.operands == "none" else 1_000_000)
        self.first_operand = words(table, "first_operand")
        self.bare = flag(table, "bare")
        self.alone = words(table, "alone")
        self.needs = tuple(tuple(group.split()) for group in groups(table, "needs"))
        self.operands_only_with = words(table, "operands_only_with")
        self.patterns = words(table, "patterns")
        self.without_pattern = words(table, "without_pattern")
        self.globs = words(table, "globs")
        self.recursive = words(table, "recursive")
        self.files = words(table, "files")
        self.check = text(table, "check")
        self.unless = words(table, "unless")
        self.calls = words(table, "calls")
        self.subcommands = dict(specs(as_table(table.get("subcommands", {}), where)))
        self._options = words(table, "options")

    @cached_property
    def allowed(self) -> Allowed:
        return Allowed(self._options)

    def scan(self, argv: Sequence[str], start: int) -> Scan:
        return scan(argv, start, self.allowed, numbers=self.numbers, single=self.single)


def specs(table: Table) -> Iterator[tuple[str, Spec]]:
    """The entries of a table by name; one may be the same as another."""
    for name, value in table.items():
        entry = as_table(value, name)
        same_as = entry.get("same_as")
        if isinstance(same_as, str):
            entry = as_table(table.get(same_as), same_as)
        yield name, Spec(entry, name)


def groups(table: Table, key: str) -> tuple[str, ...]:
    """A list of texts, each of which is a list of words; a text alone is one such list."""
    value = table.get(key, [])
    return (value,) if isinstance(value, str) else words(table, key)


_OPERANDS = ("contents", "names", "text", "pattern", "none", "never")
_SPEC_KEYS = (
    "operands",
    "options",
    "anything",
    "numbers",
    "single",
    "most_operands",
    "first_operand",
    "bare",
    "alone",
    "needs",
    "operands_only_with",
    "patterns",
    "without_pattern",
    "globs",
    "recursive",
    "files",
    "check",
    "unless",
    "calls",
    "subcommands",
)


def subcommand(argv: Sequence[str], globals_: Allowed, known: Mapping[str, T]) -> tuple[T | None, int]:
    """What is known of the subcommand in `argv`, and the index after it.

    A rough reading: an option that is not known is taken to have no value. Names may be two words
    long, and the longer one counts. "*" stands for every subcommand that is not named.
    """
    found = scan(argv, 1, globals_, first_only=True)
    if not found.operands:
        return known.get(""), len(argv)
    index = found.operands[0]
    two = " ".join(argv[index : index + 2])
    if two in known and index + 1 < len(argv):
        return known[two], index + 2
    return known.get(argv[index], known.get("*")), index + 1


def by_name(table: Table, make: Callable[[Table, str], T]) -> dict[str, T]:
    """The entries of a table whose keys are lists of names, joined by |."""
    made: dict[str, T] = {}
    for names, value in table.items():
        entry = make(as_table(value, names), names)
        made.update(dict.fromkeys(names.split("|"), entry))
    return made
