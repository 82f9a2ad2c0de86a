"""Noticing changes in folders by looking at every file: for where nobody tells of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from acp_agent.workspace.touched import Touched

POLLED_FILES = 5000
"""Looking at them takes some 25 ms, twice for every command."""


class _Stamp(NamedTuple):
    size: int
    changed: int
    noted: int
    """The time of the last change of anything about it, which programs cannot set."""
    number: int
    folder: bool


class Polling:
    """Looks at files and folders one by one; a new folder is only named until it is watched too."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, _Stamp]] = {}
        self._files = 0

    def watch(self, folder: str) -> bool:
        """Raises OSError when there are too many files."""
        found = _look(folder)
        if found is None:
            return False
        self._files += len(found) - len(self._folders.get(folder, ()))
        self._folders[folder] = found
        if self._files > POLLED_FILES:
            raise OSError(
                f"there are more than {POLLED_FILES} files, and the system does not tell of changes"
            )
        return True

    def forget(self, folder: str) -> None:
        self._files -= len(self._folders.pop(folder, ()))

    def take(self, into: Touched) -> None:
        for folder, before in tuple(self._folders.items()):
            now = _look(folder) or {}
            self._folders[folder] = now
            self._files += len(now) - len(before)
            for name in before.keys() | now.keys():
                old, new = before.get(name), now.get(name)
                if old == new or (old and new and old.folder and new.folder and old.number == new.number):
                    continue
                _note(into, f"{folder}/{name}", old, new)

    def peek(self, into: Touched) -> None:
        """Nothing is quick here."""

    def close(self) -> None:
        self._folders.clear()


def _note(into: Touched, path: str, old: _Stamp | None, new: _Stamp | None) -> None:
    if old and old.folder:
        into.gone[path] = None
    if new and new.folder:
        into.appeared[path] = None
    if (old and not old.folder) or (new and not new.folder):
        into.files[path] = None


def _look(folder: str) -> dict[str, _Stamp] | None:
    found: dict[str, _Stamp] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                found[entry.name] = _Stamp(
                    status.st_size,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                    status.st_ino,
                    entry.is_dir(follow_symlinks=False),
                )
    except OSError:
        return None
    return found
