"""A private file of snapshots: contents by digest, compressed, and lines of JSON; only ever added to.

What is added is there as a whole or not at all, also when the process is killed or the disk is full.
A part that is damaged costs what is behind it, or the one content that it belongs to.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.config.paths import ensure_private_dir
from acp_agent.workspace import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SUFFIX = ".pack"
HEADER_BYTES = 64 << 10
"""A longer line is damaged: paths have some thousand characters."""
DIGEST_LETTERS = 40
Line = dict[str, object]
_FORMAT: Line = {"format": 1}
_encode = json.JSONEncoder(separators=(",", ":")).encode


class _Held(NamedTuple):
    offset: int
    size: int


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGEST_LETTERS]


class Pack:
    """Reads and writes files, so it belongs in a thread; any of them will do. Nothing is made yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = False
        """Whether a part of it could not be read."""
        self.size = 0
        self._lock = Lock()
        self._file = (0, 0)
        """Device and number of the file that was read: another process may have removed it."""
        self._lines: list[Line] = []
        self._held: dict[str, _Held] = {}

    def lines(self) -> Sequence[Line]:
        """As they were added. Raises OSError."""
        with self._lock:
            fd = self._open()
            if fd is not None:
                os.close(fd)
            return tuple(self._lines)

    def sizes(self) -> dict[str, int]:
        """What each content takes, by digest, as of the last call of `lines` or `add`."""
        return {name: held.size for name, held in self._held.items()}

    def get(self, name: str) -> bytes | None:
        """The content with that digest; None when there is none, or it is damaged. Raises OSError."""
        with self._lock:
            fd = self._open()
            if fd is None:
                return None
            try:
                held = self._held.get(name)
                data = os.pread(fd, held.size, held.offset) if held else b""
            finally:
                os.close(fd)
        try:
            found = zlib.decompress(data)
        except zlib.error:
            return None
        return found if digest(found) == name else None

    def add(self, line: Line | None, contents: Iterable[bytes] = ()) -> None:
        """Adds all of it or nothing. Raises OSError."""
        with self._lock:
            ensure_private_dir(self.path.parent)
            fd = self._open(make=True)
            assert fd is not None, "it was made"
            try:
                self._add(fd, line, contents)
            finally:
                os.close(fd)

    def _add(self, fd: int, line: Line | None, contents: Iterable[bytes]) -> None:
        pieces: list[bytes] = [] if self.size else [_line(_FORMAT)]
        end = self.size + sum(map(len, pieces))
        held: dict[str, _Held] = {}
        for data in contents:
            name = digest(data)
            if name in self._held or name in held:
                continue
            packed = zlib.compress(data, 1)
            head = _line({"content": name, "size": len(packed)})
            held[name] = _Held(end + len(head), len(packed))
            pieces += [head, packed, b"\n"]
            end += len(head) + len(packed) + 1
        if line is not None:
            pieces.append(_line(line))
        self._write(fd, b"".join(pieces))
        self._held |= held
        if line is not None:
            self._lines.append(line)

    def _write(self, fd: int, data: bytes) -> None:
        unwritten = memoryview(data)
        try:
            os.ftruncate(fd, self.size)  # what a killed process has left
            while unwritten:
                unwritten = unwritten[os.write(fd, unwritten) :]
        except OSError:
            os.ftruncate(fd, self.size)
            raise
        self.size += len(data)

    def rewrite(self, lines: Sequence[Line], names: Iterable[str]) -> None:
        """Keeps only these lines and contents. Raises OSError or ToolError; then all is as it was."""
        kept = [(name, data) for name in names if (data := self.get(name)) is not None]
        pieces = [_line(_FORMAT)]
        for name, data in kept:
            packed = zlib.compress(data, 1)
            pieces += [_line({"content": name, "size": len(packed)}), packed, b"\n"]
        pieces += map(_line, lines)
        with self._lock:
            files.write_bytes(self.path.resolve(), b"".join(pieces), mode=0o600)

    # Reading -----------------------------------------------------------------------------

    def _open(self, *, make: bool = False) -> int | None:
        """A descriptor of the file, read anew if it is another one; None when there is none."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        try:
            fd = os.open(self.path, flags | (os.O_CREAT if make else 0), 0o600)
        except FileNotFoundError:
            self._begin(0, 0)
            return None
        try:
            status = os.fstat(fd)
            if (status.st_dev, status.st_ino) != self._file or status.st_size < self.size:
                self._begin(status.st_dev, status.st_ino)
                self._read(fd, status.st_size)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _begin(self, device: int, number: int) -> None:
        self._file, self.size = (device, number), 0
        self._lines.clear()
        self._held.clear()

    def _read(self, fd: int, size: int) -> None:
        with open(fd, "rb", closefd=False) as file:
            while self.size < size:
                line = _parsed(file.readline(HEADER_BYTES))
                if line is None or (not self.size and line != _FORMAT):
                    break
                name, length = line.get("content"), line.get("size")
                if isinstance(name, str) and isinstance(length, int):
                    held = _Held(file.tell(), length)
                    file.seek(length, os.SEEK_CUR)
                    if length < 0 or file.read(1) != b"\n":
                        break
                    self._held[name] = held
                elif self.size:
                    self._lines.append(line)
                self.size = file.tell()
        self.damaged = self.size < size


def _line(data: Line) -> bytes:
    return _encode(data).encode() + b"\n"


def _parsed(line: bytes) -> Line | None:
    try:
        data: object = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    return cast(Line, data) if isinstance(data, dict) else None
