"""Which folders a session works in, and what a path really names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Place(NamedTuple):
    """What a path names, links and `..` resolved; it need not exist."""

    path: Path
    inside: bool
    """Whether it lies in one of the session's roots."""


class Roots:
    """The session's working directory and the folders the person has added to it."""

    def __init__(self, cwd: Path, additional: Iterable[Path] = ()) -> None:
        self.cwd = _real(cwd)
        self._roots = (self.cwd, *(_real(self.cwd / folder) for folder in additional))

    def resolve(self, path: str) -> Place:
        """What `path` names now; relative ones start at the working directory, `~/` at home.

        Ask again before each use: links may change. Raises ToolError for what can be no path.
        """
        if "\0" in path:
            raise ToolError("A path cannot hold a NUL character.")
        home = path == "~" or path.startswith("~/")
        try:
            real = _real(self.cwd / (os.path.expanduser(path) if home else path))
        except (OSError, ValueError) as error:
            raise ToolError(f"{path[:200]!r} cannot be used as a path: {error}") from error
        return Place(real, self.contains(real))

    def contains(self, real: Path) -> bool:
        return any(real.is_relative_to(root) for root in self._roots)

    def shorten(self, real: Path) -> str:
        """The path for people: relative to the working directory where it lies in it."""
        return str(real.relative_to(self.cwd)) if real.is_relative_to(self.cwd) else str(real)


def _real(path: Path) -> Path:
    # Not strict: what does not exist yet is appended to its deepest ancestor that does.
    return Path(os.path.realpath(path))
