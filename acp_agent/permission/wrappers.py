"""Commands that run the command that follows them: sudo, env, timeout, xargs and their like."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.conditions import looks_only
from acp_agent.permission.data import as_table, flag, load, number, only, words
from acp_agent.permission.usage import Allowed, scan
from acp_agent.permission.variables import ASSIGNMENT, harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

FOUND = "{}"
"""What find puts the names of what it has found in the place of."""
NOTHING = ("true",)
"""What a command line comes down to that does nothing by itself."""


class Wrapped(NamedTuple):
    """A command within a command."""

    inner: int | None
    """Index of the word with which the inner command begins; None when there is none."""
    transparent: bool = False
    """What runs is the inner command and nothing but that."""
    unclear: bool = False
    """Where the inner command begins could not be told."""
    joined: bool = False
    """The words from `inner` on are joined and given to a shell."""


class _Wrapper(NamedTuple):
    allowed: Allowed
    skip: int
    numbers: bool
    assignments: bool
    transparent: bool
    unclear: bool
    joined: bool
    feeds: frozenset[str]
    """The programs that can do nothing but read, whatever further words it gives them."""


def peel(argv: Sequence[str]) -> Wrapped | None:
    """The command that `argv` runs; None when it is no wrapper, or `command -v`, which only looks up."""
    wrapper = _table().get(os.path.basename(argv[0]))
    if wrapper is None:
        return None
    if wrapper.unclear:
        return Wrapped(None, unclear=True)
    if argv[0] == "command" and len(argv) > 1 and argv[1] in ("-v", "-V"):
        return None
    start = _start(argv, wrapper)
    if start is None:
        return Wrapped(None, unclear=True)
    if start >= len(argv):
        return Wrapped(None)
    # What looks like an option was not taken for one here; the wrapper itself may see it otherwise.
    # An assignment or a reserved word after `time` would be read by the shell itself.
    if argv[start].startswith("-") or (
        argv[0] == "time" and (ASSIGNMENT.match(argv[start]) or argv[start] in _RESERVED)
    ):
        return Wrapped(None, unclear=True)
    return Wrapped(start, wrapper.transparent and "/" not in argv[0], joined=wrapper.joined)


def _start(argv: Sequence[str], wrapper: _Wrapper) -> int | None:
    """Where the inner command begins, beyond the end when there is none; None when that cannot be told."""
    start = 1
    while True:
        found = scan(argv, start, wrapper.allowed, numbers=wrapper.numbers, first_only=True)
        if found.refused:
            return None
        if not found.operands:
            return len(argv)
        start = found.operands[0]
        if not wrapper.assignments or not _sets(argv[start]):
            return start + wrapper.skip
        while start < len(argv) and _sets(argv[start]):
            start += 1
        if start >= len(argv):
            return start
        if not argv[start].startswith("-"):  # sudo takes options between assignments too
            return start


def _sets(word: str) -> bool:
    """Whether env and sudo take it for an assignment, which may have any name, or for `env -`."""
    return word == "-" or ("=" in word and not word.startswith("/"))


_RESERVED = ("!", "{", "[[", "if", "while", "until", "for", "case", "select", "function", "coproc", "time")


# What a command line comes down to -------------------------------------------------------------------

_SHELL_OPTION = re.compile(r"-[ceux]*o?")
_SHELL_OPTIONS = frozenset(("pipefail", "errexit", "nounset", "xtrace"))
_WITHOUT_STARTUP = frozenset(("--norc", "--noprofile"))
READABLE_SHELLS = frozenset(("bash", "sh", "dash"))
"""Shells whose language is known well enough to say what a text will do in them."""


def comes_down_to(argv: tuple[str, ...]) -> tuple[str, ...] | None:
    """The command line that does the same, with one thing less round it; None when there is none.

    What it does besides is claimed in `shell`: the script of `bash -c`, the files that xargs is
    given, the folder of `git -C`.
    """
    reduced = _REDUCED.get(argv[0])
    if reduced:
        return reduced(argv)
    wrapped = peel(argv)
    if wrapped is None or not wrapped.transparent or wrapped.inner is None:
        return None
    return argv[wrapped.inner :]


def _env(argv: tuple[str, ...]) -> tuple[str, ...] | None:
    start = 1
    while start < len(argv) and ASSIGNMENT.match(argv[start]) and harmless(argv[start]):
        start += 1
    if start in (1, len(argv)) or argv[start].startswith("-") or "=" in argv[start]:
        return None
    return argv[start:]


def _test(argv: tuple[str, ...]) -> tuple[str, ...] | None:
    return NOTHING if looks_only(argv) else None


def _shell(argv: tuple[str, ...]) -> tuple[str, ...] | None:
    runs, index = False, 1
    while index < len(argv) - 1:
        word = argv[index]
        if word in _WITHOUT_STARTUP:
            index += 1
        elif word[:1] == "-" and len(word) > 1 and _SHELL_OPTION.fullmatch(word):
            runs = runs or "c" in word
            index += 1
            if word.endswith("o"):
                if argv[index] not in _SHELL_OPTIONS:
                    return None
                index += 1
        else:
            return None
    return NOTHING if runs and index == len(argv) - 1 and argv[index][:1] not in ("-", "+") else None


def _set(argv: tuple[str, ...]) -> tuple[str, ...] | None:
    return NOTHING if sets_how_it_ends(argv) else None


def sets_how_it_ends(argv: Sequence[str]) -> bool:
    """Whether it is `set -e` or its like, or `exit`: after it fewer commands may run, and no others."""
    if argv[0] == "exit":
        return len(argv) == 1 or (len(argv) == 2 and bool(re.fullmatch(r"[0-9]+|\"?\$\?\"?", argv[1])))
    if argv[0] != "set" or len(argv) == 1:
        return False
    index = 1
    while index < len(argv):
        if not re.fullmatch(r"[-+][eux]*o?", argv[index]) or len(argv[index]) == 1:
            return False
        if argv[index].endswith("o"):
            index += 1
            if index == len(argv) or argv[index] not in _SHELL_OPTIONS:
                return False
        index += 1
    return True


def _xargs(argv: tuple[str, ...]) -> tuple[str, ...] | None:
    given = feeding(argv)
    return given.line if given else None


class Feeding(NamedTuple):
    """What xargs runs with words that it reads."""

    line: tuple[str, ...]
    apart: str
    """What ends a word: "\\0", "\\n", or nothing for blanks, quotes and backslashes as in a shell."""


def feeding(argv: tuple[str, ...]) -> Feeding | None:
    """How xargs feeds a program that can do nothing but read; None for any other."""
    wrapper = _table()["xargs"]
    found = scan(argv, 1, wrapper.allowed, first_only=True)
    names = {name for name, _ in found.given}
    if found.refused or names & {"-a", "--arg-file", "-J", "-R", "-e", "--eof", "-E"}:
        return None
    line = argv[found.operands[0] :] if found.operands else ("echo",)
    mark = mark_of(argv)
    if line[0] not in wrapper.feeds or any(mark and mark in word and mark != word for word in line):
        return None
    delimiter = found.value_of("-d", "--delimiter")
    if delimiter not in (None, "\\n", "\n", "\\0"):
        return None
    apart = "\0" if names & {"-0", "--null"} or delimiter == "\\0" else "\n" if delimiter else ""
    return Feeding(line, apart)


def mark_of(argv: Sequence[str]) -> str:
    """What xargs puts the words that it reads in the place of; empty when they go at the end."""
    found = scan(argv, 1, _table()["xargs"].allowed, first_only=True)
    for name, value in found.given:
        if name in ("-I", "-J"):
            return value
        if name in ("-i", "--replace"):
            return value or "{}"
    return ""


def _git(argv: tuple[str, ...]) -> tuple[str, ...] | None:
    rest = argv[1:]
    while len(rest) > 1 and rest[0] == "-C":
        rest = rest[2:]
    return None if len(rest) == len(argv) - 1 else ("git", *rest)


_REDUCED = {
    "env": _env,
    "[": _test,
    "[[": _test,
    "test": _test,
    "set": _set,
    "exit": _set,
    "xargs": _xargs,
    "git": _git,
    **dict.fromkeys(READABLE_SHELLS, _shell),
}


# The table -----------------------------------------------------------------------------------------


@cache
def _table() -> dict[str, _Wrapper]:
    table = load("wrappers.json")
    return {name: _wrapper(value, name) for name, value in table.items() if name != "about"}


def _wrapper(value: object, name: str) -> _Wrapper:
    entry = as_table(value, name)
    keys = ("options", "skip", "numbers", "assignments", "transparent", "unclear", "joined", "feeds")
    only(entry, name, *keys)
    return _Wrapper(
        Allowed(words(entry, "options")),
        number(entry, "skip", 0),
        flag(entry, "numbers"),
        flag(entry, "assignments"),
        flag(entry, "transparent"),
        flag(entry, "unclear"),
        flag(entry, "joined"),
        frozenset(words(entry, "feeds")),
    )
