"""What is at a path: a file with its bytes and mode, a link, nothing."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.workspace import opening
from acp_agent.workspace.pack import digest

if TYPE_CHECKING:
    from pathlib import Path

FILE_BYTES = 16 << 20
"""Larger files are not kept, and so not put back."""

Kind = Literal["none", "file", "link", "other"]


class Image(NamedTuple):
    kind: Kind
    data: bytes | None = None
    """Of a file its bytes, of a link where it leads; None when that is not known."""
    mode: int | None = None
    """Permissions of a file; None when they are not known."""

    @property
    def state(self) -> State:
        return State(self.kind, "" if self.data is None else digest(self.data), self.mode)


class State(NamedTuple):
    """An image without its bytes."""

    kind: Kind
    digest: str = ""
    """Empty when the bytes are not known."""
    mode: int | None = None

    @property
    def known(self) -> bool:
        return self.kind == "none" or (self.kind != "other" and bool(self.digest))

    def same(self, other: State) -> bool:
        """Whether both certainly hold the same, whatever their modes."""
        return self.known and self[:2] == other[:2]


NOTHING = Image("none")


def look(path: Path) -> Image:
    """What is at a path now. Never raises, follows no link and never waits."""
    try:
        with opening.parent_of(path) as (folder, name):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                return Image("link", os.fsencode(os.readlink(name, dir_fd=folder)))
        if not stat.S_ISREG(status.st_mode):
            return Image("other")
        return _file(path)
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    except OSError:
        return Image("other")


def _file(path: Path) -> Image:
    with opening.opened(path) as fd, open(fd, "rb", closefd=False) as file:
        status = os.fstat(fd)
        mode = stat.S_IMODE(status.st_mode)
        data = file.read(FILE_BYTES + 1) if status.st_size <= FILE_BYTES else None
        return Image("file", data if data is not None and len(data) <= FILE_BYTES else None, mode)
