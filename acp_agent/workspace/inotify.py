"""What happens in folders, as Linux tells it: an event is queued before the call that caused it returns."""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from acp_agent.workspace.touched import Touched

WATCHED_FOLDERS = 50_000
SHARE = 4
"""At most one of so many of the watches that the system grants the person is taken: editors need them too."""
_LIMIT = "/proc/sys/fs/inotify/max_user_watches"
_READ_BYTES = 1 << 18
_EVENT = struct.Struct("iIII")

MODIFY, CLOSE_WRITE = 0x2, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
OVERFLOW, IGNORED = 0x4000, 0x8000
ONLY_FOLDERS, NO_LINKS, NOT_UNLINKED, IS_FOLDER = 0x0100_0000, 0x0200_0000, 0x0400_0000, 0x4000_0000
_APPEARED, _GONE = CREATE | MOVED_TO, DELETE | MOVED_FROM
_MASK = MODIFY | CLOSE_WRITE | _APPEARED | _GONE | ONLY_FOLDERS | NO_LINKS | NOT_UNLINKED


class _Calls(NamedTuple):
    add: Callable[[int, bytes, int], int]
    remove: Callable[[int, int], int]


class Inotify:
    """Watches folders. Raises OSError when the system has no more instances of it to give."""

    def __init__(self, room: int | None = None) -> None:
        """`room` is how many folders are watched at most; unless given, what is fair to take."""
        if sys.platform != "linux":
            raise OSError("there is no inotify")
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._calls = _Calls(libc.inotify_add_watch, libc.inotify_rm_watch)
        self._room = _room() if room is None else room
        self._folders: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def watch(self, folder: str) -> bool:
        """From now on; False when it is gone or closed to us. Raises OSError without room for it."""
        if len(self._folders) >= self._room:
            raise OSError("there are too many folders")
        number = self._calls.add(self._fd, os.fsencode(folder), _MASK)
        if number < 0:
            import ctypes
            import errno

            if ctypes.get_errno() in (errno.ENOSPC, errno.ENOMEM):
                raise OSError("the system grants no more watches")
            return False
        self._folders[number] = folder
        self._numbers[folder] = number
        return True

    def forget(self, folder: str) -> None:
        """No longer watches it; what is in it has to be forgotten too."""
        number = self._numbers.pop(folder, None)
        if number is not None and self._folders.get(number) == folder:
            del self._folders[number]
            self._calls.remove(self._fd, number)

    def take(self, into: Touched) -> None:
        """Adds what has happened since it was last asked. Never waits."""
        while True:
            try:
                data = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                return
            self._read(data, into)

    def peek(self, into: Touched) -> None:
        self.take(into)

    def _read(self, data: bytes, into: Touched) -> None:
        at, end, folders = 0, len(data), self._folders
        while at < end:
            number, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            if mask & OVERFLOW:
                into.complete = False
            folder = folders.get(number)
            if folder is None:
                continue
            if mask & IGNORED:
                self._numbers.pop(folders.pop(number), None)
            elif length:
                name = data[at - length : at].rstrip(b"\0")
                path = f"{folder}/{os.fsdecode(name)}"
                if not mask & IS_FOLDER:
                    into.files[path] = None
                elif mask & _APPEARED:
                    into.appeared[path] = None
                else:
                    into.gone[path] = None

    def close(self) -> None:
        os.close(self._fd)


def _room() -> int:
    try:
        with open(_LIMIT, encoding="ascii") as file:
            return min(WATCHED_FOLDERS, int(file.read()) // SHARE)
    except (OSError, ValueError):
        return WATCHED_FOLDERS // SHARE
