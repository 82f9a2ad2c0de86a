"""What a program that is given the names of files by another one reads: `find … | xargs grep x`."""

from __future__ import annotations

import itertools
import os
import re
from fnmatch import translate
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.claims import Claim
from acp_agent.permission.places import real, resolve
from acp_agent.permission.programs import examine
from acp_agent.permission.protected import protected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acp_agent.permission.places import Places
    from acp_agent.permission.script import Word
    from acp_agent.permission.wrappers import Feeding

MOST_LOOKED_AT = 20_000
"""Files and folders below the places that are searched: some tens of milliseconds."""


class Source(NamedTuple):
    """The names that a command writes, one after another."""

    places: tuple[str, ...]
    """They are names of what is below these."""
    names: tuple[str, ...] = ()
    """Patterns of which their last parts match one; empty when all may be there."""
    links: bool = True
    """Links are among them."""
    prefixed: bool = False
    """Each begins with the place it is below."""


def source_of(line: tuple[Word, ...]) -> Source | None:
    """The names that a command line writes; None for one that is not known to write nothing else."""
    argv = tuple(word.text for word in line)
    use = examine(argv)
    if use is None or use.refused or any(word.pattern is not None or word.tilde for word in line[1:]):
        return None
    if argv[0] == "find":
        if any(word.startswith("-printf") or word in ("-ls", "-exec") for word in argv):
            return None
        places = tuple(argv[index] for index in use.names) or (".",)
        follows = "-L" in argv or "-follow" in argv
        return Source(places, _named(argv), links=follows or "f" not in _types(argv), prefixed=True)
    options = _LISTS.get(" ".join(argv[:2]) if argv[0] == "git" else argv[0])
    if options is None or not _only(argv[1:], options):
        return None
    if argv[0] == "git":
        return None if any(".." in word for word in argv[2:]) else Source((".",))
    names = tuple(glob for glob in use.globs if not glob.startswith("!"))
    shown = names if not any(_strange(glob) for glob in names) else ()
    return Source(tuple(argv[index] for index in use.contents or use.names) or (".",), shown)


_LISTS = {
    "grep": (re.compile(r"-[rRinwEFsHI]*l[rRinwEFlsHI]*"), re.compile(r"-[rRinwEFsHI]+|--include=.*")),
    "rg": (re.compile(r"-l|--files|--files-with-matches"), re.compile(r"-[iwFSsgt]|--glob=.*|--type=.*")),
    "git ls-files": (
        re.compile(r"ls-files"),
        re.compile(r"-[cmo]|--cached|--modified|--others|--exclude-standard"),
    ),
}
"""For programs that can list names: the word that makes them, and the other options under which they do."""


def _only(words: Sequence[str], options: tuple[re.Pattern[str], re.Pattern[str]]) -> bool:
    makes, others = options
    if not any(makes.fullmatch(word) for word in words):
        return False
    return all(not word.startswith("-") or makes.fullmatch(word) or others.fullmatch(word) for word in words)


_FILTERS = {
    "sort": re.compile(r"-[urnVf]+"),
    "uniq": re.compile(r"(?!)"),
    "head": re.compile(r"-n?\d+|-n|\d+", re.ASCII),
    "tail": re.compile(r"-n?\d+|-n|\d+", re.ASCII),
    "grep": re.compile(r"-[viEFw]+|[^-].*"),
}


def passes(line: tuple[Word, ...]) -> bool:
    """Whether a command line writes some of the lines that it reads, and nothing else."""
    allowed = _FILTERS.get(line[0].text)
    if allowed is None or any(word.pattern is not None or word.unknown for word in line[1:]):
        return False
    if line[0].text == "grep" and sum(not word.text.startswith("-") for word in line[1:]) != 1:
        return False
    return all(allowed.fullmatch(word.text) for word in line[1:])


# The tests of find ---------------------------------------------------------------------------------


def _types(argv: Sequence[str]) -> Sequence[str]:
    """What -type asks of everything that is found."""
    if {"-o", "-or", ",", "!", "-not"} & set(argv):
        return ()
    return [after for test, after in itertools.pairwise(argv) if test == "-type"]


def _named(argv: Sequence[str]) -> tuple[str, ...]:
    """Names one of which everything has that is found; empty when that cannot be said."""
    if "," in argv:
        return ()
    prints = "-print" in argv or "-print0" in argv
    found: list[str] = []
    for part in _alternatives(argv):
        names = [after for test, after in itertools.pairwise(part) if test in ("-name", "-iname")]
        if names and not _strange(names[0]):
            found.append(names[0])
        elif not (prints and part[-1:] == ["-prune"]):
            return ()
    return tuple(found)


def _alternatives(argv: Sequence[str]) -> Iterator[list[str]]:
    """The tests, taken apart where one or the other is enough, without those that are negated."""
    part: list[str] = []
    index = 1
    while index < len(argv):
        word = argv[index]
        if word in ("!", "-not"):
            if argv[index + 1 : index + 2] == ("(",):
                yield []
            index += 3
            continue
        if word in ("-o", "-or"):
            yield part
            part = []
        elif word not in ("(", ")"):
            part.append(word)
        index += 1
    yield part


def _strange(glob: str) -> bool:
    return any(char in glob for char in "/\\[]{}!")


# What is read --------------------------------------------------------------------------------------


def read_by(feeding: Feeding, source: Source, folder: str, places: Places) -> Iterator[Claim]:
    """What must not be read unasked among the files that xargs gives to a program."""
    use = examine(feeding.line)
    wanted = () if use and use.recursive else source.names
    matcher = re.compile("|".join(translate(glob.casefold()) for glob in wanted))
    known = protected(places.home)
    for path, is_link in _below(source, folder):
        if path is None:
            yield Claim("read", folder, None, False, "more files than can be looked at for secrets")
            return
        if wanted and not matcher.match(os.path.basename(path).casefold()):
            continue
        named = os.path.join(folder, path)
        if is_link and source.links and (os.path.isdir(named) or not places.inside(real(named))):
            yield Claim("read", real(named), None, False, "a link leads to it")
        elif known.is_secret(resolve(folder, path)):
            yield Claim("read", resolve(folder, path), None, places.inside(resolve(folder, path)))
        elif _taken_apart(path, feeding.apart) or (not source.prefixed and path.startswith("-")):
            yield Claim("read", named, None, False, "xargs would take its name for something else")


def _taken_apart(path: str, apart: str) -> bool:
    if apart:
        return apart in path
    return any(char.isspace() or char in "'\"\\" for char in path)


def _below(source: Source, folder: str) -> Iterator[tuple[str | None, bool]]:
    """What is below the places, as it is named from `folder`, and whether it is a link; None for too much."""
    budget = MOST_LOOKED_AT
    pending = list(source.places)
    while pending:
        place = pending.pop()
        path = os.path.join(folder, place)
        yield place, os.path.islink(path)
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    budget -= 1
                    if budget < 0:
                        yield None, False
                        return
                    name = (
                        entry.name
                        if place == "." and not source.prefixed
                        else os.path.join(place, entry.name)
                    )
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(name)
                    else:
                        yield name, entry.is_symlink()
        except OSError:
            continue
