"""The guarded files and the secrets that are really there, for a sandbox to keep from a command.

Found at the usual places and nowhere else: at the top of each root and of the home folder, and
what the patterns of the table name below it. That is some dozens of looks, whatever the size of a tree.
"""

from __future__ import annotations

import os
import re
from fnmatch import translate
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.permission.data import as_table, load, words
from acp_agent.permission.places import is_inside
from acp_agent.permission.protected import protected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Literal

    from acp_agent.permission.data import Table

    Access = Literal["write", "read", "hide"]

_ANYWHERE = "**/"
_IN_GIT = ("config", "config.worktree", "hooks", "info", "commondir", "gitdir")
"""What makes git run programs, or look elsewhere for what does. The rest changes with every commit."""
LONGEST_SETTINGS = 256 << 10
LONGEST_POINTER = 4096
"""Characters of a path."""
MOST_FOLDERS = 2000
"""Looked into for submodules."""
_MADE_EARLY = ("hooks", "info")
"""Folders that every repository may have: made where they are missing, so that nobody else makes them."""
_NAMES = re.compile(r"^[ \t]*(hookspath|path)[ \t]*=[ \t]*([^\n;#]+)", re.IGNORECASE | re.MULTILINE)
"""Settings of git that name a folder of hooks, or further settings."""
_WILD = re.compile(r"[*?[]")
_NEVER_HIDDEN = ("/proc/", "/dev/")
"""A sandbox has its own."""


class _Patterns(NamedTuple):
    anywhere: tuple[str, ...]
    """Relative to any folder."""
    home: tuple[str, ...]
    """Relative to the home folder."""
    absolute: tuple[str, ...]


def guarded_places(root: str, home: str) -> dict[str, Access]:
    """What a command may not change though it lies in the writable folder `root`, with real paths.

    Of a git repository this is what makes git run programs; all else of it may be written.
    """
    names = _Listing()
    patterns = _table()[0]
    own = patterns.home if is_inside(home, root) else ()
    found = (*_existing(root, patterns.anywhere, names), *_existing(home, own, names))
    places: dict[str, Access] = {}
    for path in found:
        real = os.path.realpath(path)
        if os.path.basename(path).casefold() != ".git" and is_inside(real, root):
            places[real] = "read"
    repository = _repository(root)
    if repository is None:
        return _firm(places, (root,))
    for path in _named(repository, root):
        if is_inside(path, root) and path != root:
            places[path] = "read"
    return _firm(places | _git(repository), (root, repository.common, repository.folder))


def hidden_places(home: str, own: Iterable[str] = ()) -> dict[str, Access]:
    """Secrets of home folder and system, and what is at the paths `own`; what is none among them is shown."""
    known, names, patterns = protected(home), _Listing(), _table()[1]
    found = [*_existing(home, (*patterns.anywhere, *patterns.home), names)]
    found += _existing("/", [each.lstrip("/") for each in patterns.absolute], names)
    places: dict[str, Access] = {os.path.realpath(path): "hide" for path in own if os.path.exists(path)}
    for path in found:
        if os.path.isdir(path):
            places[os.path.realpath(path)] = "hide"
            for name in names.of(path):
                shown = os.path.join(path, name)
                if not known.is_secret(shown):
                    places[os.path.realpath(shown)] = "read"
        elif known.is_secret(path):
            places[os.path.realpath(path)] = "hide"
    return places


def _named(repository: _Repository, root: str) -> Iterator[str]:
    """The folders of hooks and the files of settings that the repository's settings name."""
    for folder in {repository.common, repository.folder}:
        for name in ("config", "config.worktree"):
            for found in _NAMES.finditer(_text(os.path.join(folder, name))):
                value = os.path.expanduser(found[2].strip().strip('"'))
                base = root if found[1].lower() == "hookspath" else folder
                yield os.path.realpath(os.path.join(base, value))


def leads_astray(path: str) -> bool:
    """Whether it is a `commondir` by which git finds other settings than those of its own repository.

    Each worktree has one, which leads to the repository that it belongs to.
    """
    folder, name = os.path.split(path)
    if name != "commondir":
        return False
    own, holder = os.path.split(os.path.dirname(folder))
    leads_to = os.path.realpath(os.path.join(folder, _line(path)))
    return holder != "worktrees" or leads_to != os.path.realpath(own)


class _Repository(NamedTuple):
    folder: str
    """Holds the index and HEAD."""
    common: str
    """Holds the settings; the same but in a worktree."""
    pointer: str = ""
    """The file `.git` of a worktree or a submodule."""


def _git(found: _Repository) -> dict[str, Access]:
    """A repository, as far as a command may write it."""
    places: dict[str, Access] = {found.pointer: "read"} if found.pointer else {}
    for folder in (found.common, found.folder):
        places |= _internals(folder)
        for inner in _folders(os.path.join(folder, "worktrees")):
            places |= _internals(inner)
        for inner in _submodules(folder):
            places |= _internals(inner)
    for folder in (found.common, found.folder):
        places[folder] = "write"
    return places


def _repository(root: str) -> _Repository | None:
    """The repository that the folder `root` lies in, as git would find it."""
    folder = root
    while not os.path.lexists(os.path.join(folder, ".git")):
        if folder == os.path.dirname(folder):
            return None
        folder = os.path.dirname(folder)
    git = os.path.join(folder, ".git")
    if os.path.islink(git):
        return None
    if os.path.isdir(git):
        return _Repository(git, git)  # also without HEAD: a command may have put that away for a while
    return _linked(git)


def _submodules(folder: str) -> Iterator[str]:
    """The repositories of submodules that a repository holds, and of theirs; their names may have slashes."""
    left = [os.path.join(folder, "modules")]
    for _ in range(MOST_FOLDERS):
        if not left:
            return
        for inner in _folders(left.pop()):
            if os.path.lexists(os.path.join(inner, "config")) or os.path.lexists(os.path.join(inner, "HEAD")):
                yield inner
                left.append(os.path.join(inner, "modules"))
            else:
                left.append(inner)


def _linked(pointer: str) -> _Repository | None:
    """Where a file `.git` leads, if that leads back: anybody may write such a file, to have more opened."""
    folder = _line(pointer).removeprefix("gitdir: ")
    real = os.path.realpath(os.path.join(os.path.dirname(pointer), folder)) if folder else ""
    parent = os.path.dirname(real)
    if os.path.basename(parent) == "worktrees":
        common, back = os.path.dirname(parent), _line(os.path.join(real, "gitdir"))
        belongs = os.path.realpath(os.path.join(real, back)) == os.path.realpath(pointer)
        if belongs and os.path.isfile(os.path.join(common, "HEAD")):
            return _Repository(real, common, pointer)
    elif f"{os.sep}.git{os.sep}modules{os.sep}" in real:
        outer = real.partition(f"{os.sep}.git{os.sep}modules{os.sep}")[0]
        if is_inside(os.path.realpath(pointer), outer) and os.path.isfile(os.path.join(real, "HEAD")):
            return _Repository(real, real, pointer)
    return None


def _line(path: str) -> str:
    return _text(path, LONGEST_POINTER).rstrip("\r\n")


def _text(path: str, limit: int = LONGEST_SETTINGS) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(limit)
    except OSError:
        return ""


def _internals(folder: str) -> dict[str, Access]:
    for name in _MADE_EARLY:
        path = os.path.join(folder, name)
        if not os.path.lexists(path) and os.path.isfile(os.path.join(folder, "config")):
            try:
                os.mkdir(path)
            except OSError:
                continue  # then nobody else can make it either, or has just done so
    return {os.path.join(folder, name): "read" for name in _IN_GIT}


def _folders(parent: str) -> list[str]:
    try:
        with os.scandir(parent) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _firm(places: Mapping[str, Access], tops: Sequence[str]) -> dict[str, Access]:
    """With the folders between each place and its top, so that none can be moved away and made anew."""
    result: dict[str, Access] = {}
    for path, access in places.items():
        if not os.path.lexists(path) or os.path.islink(path):
            continue
        result[path] = access
        above = os.path.dirname(path)
        while above not in tops and any(is_inside(above, top) for top in tops):
            result.setdefault(above, "write")
            above = os.path.dirname(above)
    return result


# Patterns ------------------------------------------------------------------------------------------


class _Listing:
    """The names in folders, each folder looked at once."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, list[str]]] = {}

    def of(self, folder: str) -> Iterator[str]:
        for names in self._folded(folder).values():
            yield from names

    def matching(self, folder: str, part: str) -> list[str]:
        """The names that a part of a pattern stands for; upper and lower case are the same."""
        folded = self._folded(folder)
        if _WILD.search(part) is None:
            return folded.get(part, [])
        expression = _compiled(part)
        return [name for key, names in folded.items() if expression.match(key) for name in names]

    def _folded(self, folder: str) -> dict[str, list[str]]:
        found = self._known.get(folder)
        if found is None:
            found = self._known[folder] = {}
            try:
                for name in os.listdir(folder):
                    found.setdefault(name.casefold(), []).append(name)
            except OSError:
                pass  # not there, or not to be looked into: by commands neither
        return found


@cache
def _compiled(part: str) -> re.Pattern[str]:
    return re.compile(translate(part))


def _existing(base: str, patterns: Iterable[str], names: _Listing) -> Iterator[str]:
    for pattern in patterns:
        paths = [base]
        for part in pattern.removesuffix("/**").casefold().split("/"):
            paths = [os.path.join(path, name) for path in paths for name in names.matching(path, part)]
            if not paths:
                break
        yield from paths


@cache
def _table() -> tuple[_Patterns, _Patterns]:
    """The patterns of what is guarded and of what is secret."""
    table = load("protected.json")
    kinds = [as_table(kind, "guarded") for kind in cast("list[object]", table["guarded"])]
    secrets: Table = as_table(table["secrets"], "secrets")
    guarded = [pattern for kind in kinds for pattern in words(kind, "paths")]
    return _sorted(guarded), _sorted(words(secrets, "paths"))


def _sorted(patterns: Iterable[str]) -> _Patterns:
    known = tuple(patterns)
    return _Patterns(
        tuple(each.removeprefix(_ANYWHERE) for each in known if each.startswith(_ANYWHERE)),
        tuple(each.removeprefix("~/") for each in known if each.startswith("~/")),
        tuple(each for each in known if each.startswith("/") and not each.startswith(_NEVER_HIDDEN)),
    )
