"""What is known of programs: which command lines only read, and which run something else.

All of it is about the words alone; what lies on the disk is judged in `shell`.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.data import as_table, load, only, words
from acp_agent.permission.usage import Spec, scan
from acp_agent.permission.wrappers import comes_down_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from acp_agent.permission.data import Table
    from acp_agent.permission.usage import Scan


LONGEST_START = 3
"""Words of the longest start of a command line in `runs_others`."""


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


def examine(argv: tuple[str, ...]) -> Use | None:
    """Reads a command line; None when nothing is known of the program `argv[0]`."""
    name = argv[0]
    if name == "command":
        return Use() if argv[1:2] in (("-v",), ("-V",)) else None
    spec = facts().reads.get(name)
    if spec is None:
        return None
    if name == "find":
        return _find(argv)
    if name == "git":
        return _git(argv)
    found = _Words(argv, spec, 1)
    check = _CHECKS.get(name)
    if check and not found.refused:
        found.refused = check(argv, found.scan)
    return found.use()


def runs_others(argv: Sequence[str]) -> tuple[str, ...]:
    """The words by which this command line may run another program or change where settings come from."""
    name = os.path.basename(argv[0])
    table = facts()
    found = list(_listed(argv, table.runs_others))
    many = any(prefix == name for prefix in table.by_subcommand)
    if many and len(argv) > 1 and argv[1].startswith("-") and argv[1] not in ("--version", "--help"):
        found.insert(0, argv[1])
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


def _hits(word: str, listed: str) -> bool:
    if fnmatchcase(word, listed):
        return True
    if len(word) > 2 and word.startswith("--") and listed.startswith("--"):
        return listed.startswith(word.partition("=")[0])
    short = re.fullmatch(r"-(\w)\*?", listed)
    return bool(short and re.match(r"-\w", word) and short[1] in word.partition("=")[0])


# Single programs -----------------------------------------------------------------------------------


class _Words:
    """The words of one command line, told apart as its entry in the table says."""

    def __init__(self, argv: Sequence[str], spec: Spec, start: int) -> None:
        self._argv = argv
        self._spec = spec
        self.scan = scan(argv, start, spec.allowed, numbers=spec.numbers)
        self.refused = "" if spec.anything else self.scan.refused or self._operands_refused()

    def _operands_refused(self) -> str:
        spec, operands = self._spec, self.scan.operands
        if len(operands) > spec.most_operands:
            return self._argv[operands[spec.most_operands]]
        if spec.first_operand and not (spec.bare and not operands):
            first = self._argv[operands[0]] if operands else ""
            if first not in spec.first_operand:
                return first or self._argv[-1]
        if spec.operands_only_with and operands and not self._has(spec.operands_only_with):
            return self._argv[operands[0]]
        return ""

    def _has(self, names: Sequence[str]) -> bool:
        return any(name in names for name, _ in self.scan.given)

    def use(self) -> Use:
        spec, operands = self._spec, self.scan.operands
        if spec.operands in ("text", "none"):
            return Use(self.refused)
        if spec.operands == "names" or self._has(spec.without_pattern):
            return Use(self.refused, names=operands)
        if spec.operands == "pattern" and not self._has(spec.patterns):
            operands = operands[1:]
        always = spec.recursive == ("always",)
        globs = tuple(value for name, value in self.scan.given if name in spec.globs)
        return Use(
            self.refused,
            contents=operands,
            recursive=always or self._has(spec.recursive),
            shows_hidden=not always,
            globs=globs,
        )


def _printf(argv: Sequence[str], found: Scan) -> str:
    # %n assigns to a variable, whose name may hold a command substitution.
    form = argv[found.operands[0]] if found.operands else ""
    return form if re.search(r"%[^a-zA-Z%]*[hlLjzt]*n", form) else ""


_SED_SCRIPT = re.compile(
    r"(?:\d+|\$)(?:,(?:\d+|\$))?[pdq]"
    r"|/(?:[^/\\\n]|\\[^\n])*/[pd]"
    r"|s/(?:[^/\\\n]|\\[^\n])*/(?:[^/\\\n]|\\[^\n])*/[gpiI0-9]*"
)


def _sed(argv: Sequence[str], found: Scan) -> str:
    script = argv[found.operands[0]] if found.operands else "sed"
    return "" if _SED_SCRIPT.fullmatch(script) else script


def _date(argv: Sequence[str], found: Scan) -> str:
    return next((argv[index] for index in found.operands if not argv[index].startswith("+")), "")


_CHECKS = {"printf": _printf, "sed": _sed, "date": _date}

_FIND_TESTS = {
    0: "-empty -executable -readable -writable -print -print0 -ls -prune -quit -not -a -o -and -or "
    "-true -false -depth -xdev -mount -follow -nouser -nogroup -daystart -noleaf -ignore_readdir_race "
    "-noignore_readdir_race ! ( ) , -H -L -P",
    1: "-name -iname -path -ipath -wholename -iwholename -lname -ilname -regex -iregex "
    "-regextype -type -xtype -maxdepth -mindepth -size -mtime -mmin -atime -amin -ctime -cmin "
    "-newer -anewer -cnewer -perm -user -group -uid -gid -links -inum -samefile -printf -used -fstype",
}
_FIND_ARITY = {test: count for count, tests in _FIND_TESTS.items() for test in tests.split()}


def _find(argv: Sequence[str]) -> Use:
    index, places = 1, list[int]()
    while index < len(argv) and argv[index] in ("-H", "-L", "-P"):
        index += 1
    while index < len(argv) and not argv[index].startswith("-") and argv[index] not in ("!", "(", ","):
        places.append(index)
        index += 1
    while index < len(argv):
        test = argv[index]
        arity = 1 if re.fullmatch(r"-newer[aBcm][aBcmt]", test) else _FIND_ARITY.get(test)
        if arity is None or index + arity >= len(argv):
            return Use(test, names=tuple(places))
        index += 1 + arity
    return Use(names=tuple(places))


def _git(argv: tuple[str, ...]) -> Use:
    table, index = facts(), 1
    while index < len(argv) and argv[index] in table.git_globals:
        index += 1
    if argv[index:] in ((), ("--version",), ("version",)):
        return Use()
    spec = table.git.get(argv[index])
    if spec is None:
        return Use(argv[index])
    return _Words(argv, spec, index + 1).use()


# The table -----------------------------------------------------------------------------------------


class Facts(NamedTuple):
    reads: dict[str, Spec]
    git: dict[str, Spec]
    git_globals: frozenset[str]
    builtins: frozenset[str]
    system_folders: frozenset[str]
    changes_what_follows: frozenset[str]
    shells: frozenset[str]
    runs_others: dict[str, tuple[str, ...]]
    goes_further: dict[str, tuple[str, ...]]
    by_subcommand: tuple[str, ...]
    by_program: tuple[str, ...]
    interpreters: frozenset[str]
    launchers: tuple[str, ...]


@cache
def facts() -> Facts:
    """The table in programs.json."""
    table = load("programs.json")
    only(table, "programs.json", "reads", "git", *_LISTS, "runs_others", "goes_further")
    git = as_table(table.get("git"), "git")
    only(git, "git", "global", "subcommands")
    others = as_table(table.get("runs_others"), "runs_others")
    further = as_table(table.get("goes_further"), "goes_further")
    return Facts(
        dict(_specs(as_table(table.get("reads"), "reads"))),
        dict(_specs(as_table(git.get("subcommands"), "subcommands"))),
        frozenset(words(git, "global")),
        frozenset(words(table, "builtins")),
        frozenset(words(table, "system_folders")),
        frozenset(words(table, "changes_what_follows")),
        frozenset(words(table, "shells")),
        {name: words(others, name) for name in others if name != "about"},
        {name: words(further, name) for name in further if name != "about"},
        words(table, "grant_by_subcommand"),
        words(table, "grant_by_program"),
        frozenset(words(table, "interpreters")),
        words(table, "launchers"),
    )


_LISTS = (
    "builtins",
    "system_folders",
    "changes_what_follows",
    "shells",
    "grant_by_subcommand",
    "grant_by_program",
    "interpreters",
    "launchers",
)


def _specs(table: Table) -> Iterator[tuple[str, Spec]]:
    for name, value in table.items():
        entry = as_table(value, name)
        same_as = entry.get("same_as")
        if isinstance(same_as, str):
            entry = as_table(table.get(same_as), same_as)
        yield name, Spec(entry, name)
