"""What in a repository makes git run programs: its hooks, settings and attributes, which are not watched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOOKS = 100
"""Hooks that are looked at."""
INERT = ".sample"
"""Git runs no hook that ends in this."""
_FILES = ("config", "config.worktree", "info/attributes")
_LINK_BYTES = 4096


class Stamp(NamedTuple):
    size: int
    changed: int
    noted: int
    number: int
    mode: int


Stamps = dict[str, Stamp]


def internals(folders: Iterable[str]) -> Stamps:
    """Of the repositories that begin in, or right above, `folders`: what there is, by absolute path."""
    found: Stamps = {}
    for folder in {repository for each in folders if (repository := _repository(each))}:
        for path in _paths(folder):
            try:
                status = os.stat(path)
            except OSError:
                continue
            found[path] = Stamp(
                status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode
            )
    return found


def different(before: Stamps, now: Stamps) -> tuple[str, ...]:
    """What is new or has changed; what is gone runs nothing any more."""
    return tuple(path for path, stamp in now.items() if before.get(path) != stamp)


def _paths(repository: str) -> Iterator[str]:
    yield from (os.path.join(repository, name) for name in _FILES)
    folder = os.path.join(repository, "hooks")
    try:
        names = sorted(name for name in os.listdir(folder) if not name.endswith(INERT))
    except OSError:
        return
    yield from (os.path.join(folder, name) for name in names[:HOOKS])


def _repository(folder: str) -> str:
    """The folder that holds settings and hooks; empty when there is none."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above
    found = os.path.join(folder, ".git")
    if os.path.isdir(found):
        return found
    linked = os.path.join(folder, _first_line(found).removeprefix("gitdir: "))
    common = _first_line(os.path.join(linked, "commondir"))
    return os.path.normpath(os.path.join(linked, common))


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(_LINK_BYTES).partition("\n")[0]
    except OSError:
        return ""
