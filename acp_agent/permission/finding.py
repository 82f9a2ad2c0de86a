"""How `find` reads its words: places, tests, and the commands that it runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_TESTS = {
    0: "-empty -executable -readable -writable -print -print0 -ls -prune -quit -not -a -and -o -or "
    "-true -false -depth -xdev -mount -follow -nouser -nogroup -daystart -noleaf -ignore_readdir_race "
    "-noignore_readdir_race ! ( ) , -H -L -P",
    1: "-name -iname -path -ipath -wholename -iwholename -lname -ilname -regex -iregex "
    "-regextype -type -xtype -maxdepth -mindepth -size -mtime -mmin -atime -amin -ctime -cmin "
    "-newer -anewer -cnewer -perm -user -group -uid -gid -links -inum -samefile -printf -used -fstype",
}
_ARITY = {test: count for count, tests in _TESTS.items() for test in tests.split()}
_CHOICES = frozenset(("!", "-not", "-o", "-or", ",", "(", ")"))


class Found(NamedTuple):
    """One command line of find."""

    refused: str
    """The word because of which it may do more than look and run `commands`."""
    places: tuple[int, ...]
    """Indexes of where it begins."""
    commands: tuple[tuple[str, ...], ...]
    """What it runs for what it has found, with {} in the place of that."""
    globs: tuple[str, ...]
    """Names that what it finds must have; empty when that cannot be said of all of it."""
    follows: bool
    """A command may be given links."""
    descends: bool
    """What is in folders that links lead to is found as well."""


def find(argv: Sequence[str]) -> Found:
    """Reads the words of `find`; every test and action that is not known is refused."""
    index, places = 1, list[int]()
    while index < len(argv) and argv[index] in ("-H", "-L", "-P"):
        index += 1
    while index < len(argv) and not argv[index].startswith("-") and argv[index] not in ("!", "(", ","):
        places.append(index)
        index += 1
    tests = list[tuple[str, str]]()
    commands = list[tuple[str, ...]]()
    refused = ""
    while index < len(argv) and not refused:
        test = argv[index]
        arity = 1 if re.fullmatch(r"-newer[aBcm][aBcmt]", test) else _ARITY.get(test)
        if test == "-exec":
            end = next((at for at in range(index, len(argv)) if argv[at] in (";", "+")), len(argv))
            commands.append(tuple(argv[index + 1 : end]))
            refused = "" if index + 1 < end < len(argv) else test
            index = end + 1
        elif arity is None or index + arity >= len(argv):
            refused = test
        else:
            tests.append((test, argv[index + 1] if arity else ""))
            index += 1 + arity
    plain = not any(test in _CHOICES for test, _ in tests)
    names = tuple(value for test, value in tests if test in ("-name", "-iname"))
    descends = "-L" in argv or "-follow" in argv
    follows = ("-type", "f") not in tests or not plain or descends
    return Found(refused, tuple(places), tuple(commands), names[:1] if plain else (), follows, descends)
