"""Which files and folders something has happened to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True)
class Touched:
    """Absolute paths, each once, in the order in which it first happened. What became of them is not said."""

    files: dict[str, None] = field(default_factory=dict[str, None])
    """Anything but folders: made, written, moved or removed."""
    appeared: dict[str, None] = field(default_factory=dict[str, None])
    """Folders that were made or moved here."""
    gone: dict[str, None] = field(default_factory=dict[str, None])
    """Folders that were removed or moved away."""
    complete: bool = True
    """False when more has happened than anybody could tell."""

    def __bool__(self) -> bool:
        return bool(self.files or self.appeared or self.gone or not self.complete)


class Watch(Protocol):
    """What notices changes in folders."""

    def watch(self, folder: str) -> bool:
        """From now on; False when the folder is gone or closed to us. Raises OSError without room for it."""
        ...

    def forget(self, folder: str) -> None: ...

    def take(self, into: Touched) -> None:
        """Adds what has happened since it was last asked."""
        ...

    def peek(self, into: Touched) -> None:
        """The same if that is quick, else nothing."""
        ...

    def close(self) -> None: ...
