"""What is known of programs: which command lines only read, and which run something else.

All of it is about the words alone; what lies on the disk is judged in `execution` and `toolchains`.
The table is programs.json, its form programs.schema.json.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.checks import CHECKS
from acp_agent.permission.data import Table, as_table, load, only, words
from acp_agent.permission.finding import find
from acp_agent.permission.usage import Spec, specs
from acp_agent.permission.wrappers import comes_down_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LONGEST_START = 3
"""Words of the longest start of a command line in the tables."""


class Use(NamedTuple):
    """What a command line of a known program does; indexes are those of its words."""

    refused: str = ""
    """The word because of which it may do more than read; empty when it only reads."""
    contents: tuple[int, ...] = ()
    """Files that it shows."""
    names: tuple[int, ...] = ()
    """Files and folders that it only names."""
    recursive: bool = False
    """It shows every file below the folders among `contents`, or below where it runs."""
    shows_hidden: bool = True
    """Whether that includes files whose names begin with a dot."""
    globs: tuple[str, ...] = ()
    """Names of the files that it looks into; empty for all."""
    files: tuple[str, ...] = ()
    """Values of options that name files which it shows."""
    follows: bool = False
    """A recursive reader shows the files that links lead to."""
    descends: bool = False
    """And those in the folders that links lead to, whatever the link is called."""
    unless: tuple[str, ...] = ()
    """Files by which a project decides what runs; one of them, and all this does not hold."""
    calls: tuple[str, ...] = ()
    """Programs that it runs, found as the shell finds them."""


def reads_only(argv: Sequence[str]) -> bool:
    """Whether the command line, run as the program it names, can do nothing but read."""
    inner = judged(argv)
    if not inner:
        return False
    name = program_name(inner[0])
    use = examine((name, *inner[1:])) if name else None
    return use is not None and not use.refused


def judged(argv: Sequence[str]) -> tuple[str, ...]:
    """The words that a command line comes down to once wrappers that add nothing are taken off."""
    rest = tuple(argv)
    while rest:
        inner = comes_down_to(rest)
        if inner is None:
            break
        rest = inner
    return rest


def program_name(word: str) -> str | None:
    """The program that a command word names; None for one named by a path that is not the system's."""
    folder, name = os.path.split(word)
    return name if not folder or folder in facts().system_folders else None


@lru_cache(maxsize=1024)
def examine(argv: tuple[str, ...]) -> Use | None:
    """Reads a command line; None when nothing is known of how the program `argv[0]` reads."""
    name = argv[0]
    if name == "command":
        return Use() if argv[1:2] in (("-v",), ("-V",)) else None
    spec = facts().reads.get(name)
    if spec is None:
        return None
    return _found(argv) if name == "find" else _use(argv, spec, 1)


def _use(argv: tuple[str, ...], spec: Spec, start: int) -> Use:
    rest = argv[start:]
    use = Use()
    if not (len(rest) == 1 and rest[0] in spec.alone):
        use = _subcommand(argv, spec, start) if spec.subcommands else _Words(argv, spec, start).use()
    return use._replace(unless=use.unless + spec.unless, calls=use.calls + spec.calls)


def _subcommand(argv: tuple[str, ...], spec: Spec, start: int) -> Use:
    index = start
    while index < len(argv) and argv[index] in spec.allowed.plain:
        index += 1
    if index == len(argv):
        return Use("" if spec.bare else argv[-1])
    if index + 1 == len(argv) and argv[index] in spec.alone:
        return Use()
    inner = spec.subcommands.get(argv[index])
    return Use(argv[index]) if inner is None else _use(argv, inner, index + 1)


class _Words:
    """The words of one command line, told apart as its entry in the table says."""

    def __init__(self, argv: Sequence[str], spec: Spec, start: int) -> None:
        self._argv = argv
        self._spec = spec
        self.scan = spec.scan(argv, start)
        self.refused = "" if spec.anything else self.scan.refused or self._refused_for_operands()
        if spec.check and not self.refused:
            self.refused = CHECKS[spec.check](argv, self.scan, spec)

    def _refused_for_operands(self) -> str:
        spec, operands = self._spec, self.scan.operands
        if spec.operands == "never":
            return self._argv[-1]
        if len(operands) > spec.most_operands:
            return self._argv[operands[spec.most_operands]]
        if not all(self.scan.has(group) for group in spec.needs):
            return self._argv[0]
        if spec.first_operand and not (spec.bare and not operands):
            first = self._argv[operands[0]] if operands else ""
            if first not in spec.first_operand:
                return first or self._argv[-1]
        if spec.operands_only_with and operands and not self.scan.has(spec.operands_only_with):
            return self._argv[operands[0]]
        return ""

    def use(self) -> Use:
        spec, operands = self._spec, self.scan.operands
        files = tuple(self.scan.values_of(spec.files))
        if spec.operands in ("text", "none", "never"):
            return Use(self.refused, files=files)
        if spec.operands == "names" or self.scan.has(spec.without_pattern):
            return Use(self.refused, names=operands, files=files)
        if spec.operands == "pattern" and not self.scan.has(spec.patterns):
            operands = operands[1:]
        always = spec.recursive == ("always",)
        globs = tuple(self.scan.values_of(spec.globs))
        return Use(
            self.refused,
            contents=operands,
            recursive=always or self.scan.has(spec.recursive),
            shows_hidden=not always or any(not glob.startswith("!") for glob in globs),
            globs=() if self.scan.has(_LEFT_OUT) else globs,
            files=files,
            follows=_follows_links(self._argv),
            descends=_follows_links(self._argv),
        )


_LEFT_OUT = ("--exclude",)
"""With it grep also looks into files that no --include names, depending on which comes first."""


def _follows_links(argv: Sequence[str]) -> bool:
    """Whether a recursive reader goes where links lead: grep -R and diff do, grep -r and rg do not."""
    options = [word for word in argv[1:] if word.startswith("-")]
    spelled = any("R" in each for each in options if not each.startswith("--"))
    return argv[0].endswith("diff") or spelled or "--dereference-recursive" in options


def _found(argv: tuple[str, ...]) -> Use:
    """`find`; the commands that it runs are read as well."""
    found = find(argv)
    shows = False
    for command in found.commands:
        inner = judged(command)
        use = examine(inner) if inner and program_name(inner[0]) == inner[0] else None
        if use is None or use.refused or not _names_what_is_found(inner, use):
            return Use(command[0] if command else "-exec", names=found.places)
        shows = shows or bool(use.contents or use.files or use.recursive)
    if not shows or found.refused:
        return Use(found.refused, names=found.places)
    return Use(
        contents=found.places,
        names=found.places,
        recursive=True,
        globs=found.globs,
        follows=found.follows,
        descends=found.descends,
    )


def _names_what_is_found(argv: tuple[str, ...], use: Use) -> bool:
    """Whether each {} is an operand. In a script or an option, the name of a file would mean something."""
    spec = facts().reads[argv[0]]
    given = [index for index, word in enumerate(argv) if "{}" in word]
    operands = (*use.contents, *use.names)
    return spec.anything or all(argv[index] == "{}" and index in operands for index in given)


# What a wildcard in a rule does not reach ----------------------------------------------------------


def runs_others(argv: Sequence[str]) -> tuple[str, ...]:
    """The words by which this command line does what a wildcard in a rule does not allow.

    It may run another program, change where settings come from, or destroy what cannot be got back.
    """
    name = os.path.basename(argv[0])
    table = facts()
    found = list(_listed(argv, table.runs_others))
    many = any(prefix == name for prefix in table.by_subcommand)
    if many and len(argv) > 1 and argv[1].startswith("-") and argv[1] not in ("--version", "--help"):
        found.insert(0, argv[1])
    found.extend(word for word in _destructive(argv) if word not in found)
    return tuple(found)


def goes_further(argv: Sequence[str]) -> tuple[str, ...]:
    """The words by which this command line does more than others of its kind."""
    return tuple(_listed(argv, facts().goes_further))


def _listed(argv: Sequence[str], table: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The words that a table lists for a start of the command line, or of what that launches."""
    line = (os.path.basename(argv[0]), *argv[1:])
    starts = dict.fromkeys(" ".join(line[:count]) for count in range(1, LONGEST_START + 1))
    listed = [each for start in starts for each in table.get(start, ())]
    yield from (word for word in argv[1:] if any(_hits(word, each) for each in listed))
    for launcher in facts().launchers:
        count = launcher.count(" ") + 1
        if len(line) > count and " ".join(line[:count]) == launcher:
            yield from _listed(line[count:], table)


def destroys(argv: Sequence[str]) -> str:
    """Why what this command line does may not be got back, for a person; empty when nothing says so."""
    found = _destructive(argv)
    return f"`{found[0]}` destroys what cannot be got back" if found else ""


_STATEMENT = re.compile(
    r"\b(?:drop\s+\w+|truncate\s+\w+|delete\s+from|alter\s+table\b.*\bdrop)\b", re.I | re.S
)


def _destructive(argv: Sequence[str]) -> list[str]:
    table, found = facts(), list[str]()
    name = os.path.basename(argv[0]) if argv else ""
    if name in table.sql_clients:
        found.extend(word for word in argv[1:] if _STATEMENT.search(word))
    for named, spelled in table.destroys.get(name, ()):
        given = iter(argv[1:])
        if not all(any(word == each for word in given) for each in named):
            continue
        if not spelled:
            found.append(named[-1])
        found.extend(word for word in given if any(_hits(word, each) for each in spelled))
    return found


def _hits(word: str, listed: str) -> bool:
    if fnmatchcase(word, listed):
        return True
    if len(word) > 2 and word.startswith("--") and listed.startswith("--"):
        return listed.startswith(word.partition("=")[0])
    short = re.fullmatch(r"-(\w)\*?", listed)
    return bool(short and re.match(r"-\w", word) and short[1] in word.partition("=")[0])


# The table -----------------------------------------------------------------------------------------


class Facts(NamedTuple):
    programs: dict[str, Table]
    """Every entry as it stands in the table."""
    reads: dict[str, Spec]
    builtins: frozenset[str]
    system_folders: frozenset[str]
    changes_what_follows: frozenset[str]
    shells: frozenset[str]
    runs_others: dict[str, tuple[str, ...]]
    goes_further: dict[str, tuple[str, ...]]
    destroys: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]]
    """By program: words that have to be there in this order, and those of which one destroys."""
    sql_clients: frozenset[str]
    by_subcommand: tuple[str, ...]
    by_program: tuple[str, ...]
    interpreters: frozenset[str]
    launchers: tuple[str, ...]


@cache
def facts() -> Facts:
    """The table in programs.json."""
    table = load("programs.json")
    only(table, "programs.json", "$schema", "programs", *_LISTS, *_BY_START)
    programs = dict(_entries(as_table(table.get("programs"), "programs")))
    others, further, destroying = (dict(_by_start(table, key)) for key in _BY_START)
    return Facts(
        programs,
        dict(specs({name: entry["reads"] for name, entry in programs.items() if "reads" in entry})),
        frozenset(words(table, "builtins")),
        frozenset(words(table, "system_folders")),
        frozenset(words(table, "changes_what_follows")),
        frozenset(words(table, "shells")),
        others,
        further,
        _by_program(destroying),
        frozenset(words(table, "sql_clients")),
        words(table, "grant_by_subcommand"),
        words(table, "grant_by_program"),
        frozenset(words(table, "interpreters")),
        words(table, "launchers"),
    )


_BY_START = ("runs_others", "goes_further", "destroys")
_LISTS = (
    "builtins",
    "system_folders",
    "changes_what_follows",
    "shells",
    "grant_by_subcommand",
    "grant_by_program",
    "interpreters",
    "launchers",
    "sql_clients",
)


def _by_start(table: Table, key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Words by the start of a command line."""
    listed = as_table(table.get(key), key)
    return ((start, words(listed, start)) for start in listed if start != "about")


def _by_program(
    table: Mapping[str, tuple[str, ...]],
) -> dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]]:
    found: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for start, spelled in table.items():
        program, *named = start.split()
        found.setdefault(program, []).append((tuple(named), spelled))
    return found


def _entries(table: Table) -> Iterator[tuple[str, Table]]:
    for name, value in table.items():
        entry = as_table(value, name)
        same_as = entry.get("same_as")
        if isinstance(same_as, str):
            entry = {**as_table(table.get(same_as), same_as), **entry}
        only(entry, name, "same_as", "reads", "writes", "reaches", "examples")
        yield name, entry
