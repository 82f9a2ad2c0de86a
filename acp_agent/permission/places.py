"""Where things are: the session's roots, the home folder, and what a path really names."""

from __future__ import annotations

import os
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
    real = (os.path.realpath(root) for root in roots)
    kept = tuple(dict.fromkeys(root for root in real if root != os.sep))
    return Places(kept, os.path.realpath(os.path.expanduser("~")))


def resolve(cwd: str, text: str, *, follow: bool = True) -> str:
    """The real path that `text` names from the folder `cwd`, also when it does not exist yet.

    Without `follow` a link at the end is named itself, as `rm` sees it.
    """
    path = os.path.join(os.path.realpath(cwd), text)
    name = os.path.basename(path)
    if follow or name in ("", ".", ".."):
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(os.path.dirname(path)), name)


def is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
