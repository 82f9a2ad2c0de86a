"""Where things are: the session's roots, the home folder, and what a path really names."""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Places(NamedTuple):
    """Real absolute paths. `/` is never a root: with it everything would be inside."""

    roots: tuple[str, ...]
    home: str

    def inside(self, path: str) -> bool:
        """Whether a real path is one of the roots or below one."""
        return any(path == root or path.startswith(root + os.sep) for root in self.roots)

    def shown(self, path: str) -> str:
        """The path as a person writes it: relative to a root where it is in one."""
        for root in self.roots:
            if path.startswith(root + os.sep):
                return path[len(root) + 1 :]
        return path

    def holds_a_root(self, path: str) -> bool:
        """Whether removing `path` would remove a root or the home folder."""
        prefix = path.rstrip(os.sep) + os.sep
        return any(place == path or place.startswith(prefix) for place in (*self.roots, self.home))


def places_of(roots: Iterable[str | os.PathLike[str]]) -> Places:
    """Resolves links in `roots` and leaves out what cannot be one."""
    found = (real(os.path.abspath(root)) for root in roots)
    kept = tuple(dict.fromkeys(root for root in found if root != os.sep))
    return Places(kept, real(os.path.expanduser("~")))


def real(path: str) -> str:
    """`os.path.realpath`, quicker where no link is on the way. Nothing about the disk is kept in mind."""
    if not path.startswith(os.sep) or os.path.normpath(path) != path:
        return os.path.realpath(path)
    for prefix in _prefixes(path):
        try:
            mode = os.lstat(prefix).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return path
        except (OSError, ValueError):
            return os.path.realpath(path)
        if stat.S_ISLNK(mode):
            return os.path.realpath(path)
    return path


@lru_cache(maxsize=4096)
def _prefixes(path: str) -> tuple[str, ...]:
    ends = (index for index, char in enumerate(path) if char == os.sep and index)
    return (*(path[:end] for end in ends), path)


def resolve(cwd: str, text: str, *, follow: bool = True) -> str:
    """The real path that `text` names from the folder `cwd`, also when it does not exist yet.

    Without `follow` a link at the end is named itself, as `rm` sees it.
    """
    path = os.path.join(cwd, text)
    name = os.path.basename(path)
    if follow or name in ("", ".", ".."):
        return real(path)
    return os.path.join(real(os.path.dirname(path)), name)


def is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
