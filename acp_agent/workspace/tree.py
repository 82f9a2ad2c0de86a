"""Which files are in which folders, as last looked at: little memory, and quick to ask about one path."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

REPOSITORY = ".git"


class Tree:
    """Files by absolute path; whatever is no folder counts as one."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        """The names of a folder's files, each between two NUL."""

    def __contains__(self, path: str) -> bool:
        """Whether it is one of the files, or one of the folders."""
        if path in self._folders:
            return True
        folder, _, name = path.rpartition("/")
        return f"\0{name}\0" in self._folders.get(folder, "")

    def put(self, folder: str, names: Iterable[str]) -> None:
        self._folders[folder] = "".join(("\0", *(f"{name}\0" for name in names)))

    def note(self, path: str, *, there: bool) -> None:
        """One file has come or gone. Says nothing of folders that are not looked at."""
        folder, _, name = path.rpartition("/")
        names = self._folders.get(folder)
        if names is not None and (f"\0{name}\0" in names) != there:
            self._folders[folder] = names + f"{name}\0" if there else names.replace(f"\0{name}\0", "\0", 1)

    def below(self, folder: str) -> list[str]:
        """The folder and those in it, as far as they are known."""
        if folder not in self._folders:
            return []
        inner = folder + "/"
        return [folder, *(each for each in self._folders if each.startswith(inner))]

    def files(self, folder: str) -> list[str]:
        """Those right in a folder."""
        return [f"{folder}/{name}" for name in self._folders.get(folder, "").split("\0") if name]

    def all(self) -> list[str]:
        return [path for folder in self._folders for path in self.files(folder)]

    def add(self, other: Tree) -> None:
        self._folders |= other._folders

    def forget(self, folder: str) -> None:
        self._folders.pop(folder, None)


def walk(
    start: str,
    tree: Tree,
    watch: Callable[[str], bool],
    leave_out: Container[str],
    names: Container[str] = (),
) -> list[str]:
    """Puts the folders from `start` on into `tree`, each watched before it is read.

    Leaves out the folders whose paths are in `leave_out` and those called one of `names`, and follows
    no links. Returns the repositories that were met, and not gone into. Raises OSError when `watch` does.
    """
    nested: list[str] = []
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        if not watch(folder):
            continue
        files: list[str] = []
        inner: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == REPOSITORY:
                        if folder != start:
                            nested.append(folder)
                    elif not entry.is_dir(follow_symlinks=False):
                        files.append(entry.name)
                    elif entry.name not in names:
                        inner.append(f"{folder}/{entry.name}")
        except OSError:  # gone, or not ours to read
            continue
        if nested and nested[-1] == folder:
            continue
        tree.put(folder, files)
        waiting += [each for each in inner if each not in leave_out]
    return nested
