"""What was in files when they were last seen, within a budget: what git does not know."""

from __future__ import annotations

import os
import stat
import time
import zlib
from typing import TYPE_CHECKING

from acp_agent.workspace.opening import opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TEXT_BYTES = 256 << 10
"""Longer files are neither kept nor shown."""
KEPT_BYTES = 16 << 20
"""Of all texts together, compressed."""
KEPT_FILES = 2000
"""So many are read ahead, the ones changed last."""
KEEP_LIMIT_S = 1.0
"""Reading ahead may take so long."""


class Kept:
    """By absolute path; the ones kept last stay when the budget is used up."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}
        self._size = 0

    def put(self, path: str, data: bytes) -> None:
        self.drop(path)
        packed = zlib.compress(data, 1)
        self._texts[path] = packed
        self._size += len(packed)
        while self._size > KEPT_BYTES:
            self.drop(next(iter(self._texts)))

    def drop(self, path: str) -> None:
        self._size -= len(self._texts.pop(path, b""))

    def get(self, path: str) -> bytes | None:
        packed = self._texts.get(path)
        return None if packed is None else zlib.decompress(packed)

    @property
    def full(self) -> bool:
        return self._size > KEPT_BYTES // 2


class Content:
    """What is at a path now."""

    def __init__(self, path: Path) -> None:
        """Never raises, never follows a link, and never waits."""
        self.there = False
        self.size = 0
        self.is_file = False
        self.data: bytes | None = None
        """All of it; None when it is no file of at most TEXT_BYTES that can be read."""
        try:
            with opened(path) as fd:
                status = os.fstat(fd)
                self.there = not stat.S_ISDIR(status.st_mode)
                self.is_file, self.size = stat.S_ISREG(status.st_mode), status.st_size
                if self.is_file and self.size <= TEXT_BYTES:
                    data = os.read(fd, TEXT_BYTES + 1)
                    self.data = data if len(data) <= TEXT_BYTES else None
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            self._look(path)

    def _look(self, path: Path) -> None:
        """A link, or what is not ours to read."""
        try:
            status = os.lstat(path)
        except OSError:
            return
        self.there, self.size = not stat.S_ISDIR(status.st_mode), status.st_size
        self.is_file = stat.S_ISREG(status.st_mode)


def newest(paths: Sequence[str]) -> list[str]:
    """The regular files of `paths` that may be kept, the one changed last first."""
    found: list[tuple[int, str]] = []
    for path in paths:
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_size <= TEXT_BYTES:
            found.append((status.st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)[:KEPT_FILES]]


def keep(kept: Kept, paths: Sequence[str]) -> None:
    """Reads ahead what there is room and time for."""
    from pathlib import Path

    end = time.monotonic() + KEEP_LIMIT_S
    for path in newest(paths):
        if kept.full or time.monotonic() > end:
            return
        content = Content(Path(path))
        if content.data is not None:
            kept.put(path, content.data)
