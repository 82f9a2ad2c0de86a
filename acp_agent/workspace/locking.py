"""One writer at a time: a lock on an open file that holds between processes and goes with its owner."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from acp_agent.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

log = logging.getLogger(__name__)

_WINDOWS_OFFSET = 0x7FFFFFFE
"""Windows refuses others the bytes that are locked; this one is beyond those that anybody reads."""
_TAKEN = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
LOOK_AGAIN_S = 0.02


def lock(fd: int) -> bool:
    """Takes the lock of an open file without waiting; False when somebody has it.

    It is given back when `fd` is closed, or its process ends. On a file system without locks
    everybody gets it.
    """
    try:
        _take(fd)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        log.info("no lock: %s", error)
    return True


def locked(path: Path) -> int | None:
    """The lock file at `path`, made where it is missing, with its lock taken; None when somebody has it.

    Whoever closes the descriptor gives the lock back. Raises OSError.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if lock(fd):
        return fd
    os.close(fd)
    return None


@contextlib.contextmanager
def alone(path: Path, what: Path, limit_s: float) -> Generator[None]:
    """Nobody else holds the lock file at `path` meanwhile; blocks for `limit_s` at most.

    Raises OSError, or AgentError, which says that another process holds `what`.
    """
    end = time.monotonic() + limit_s
    while (fd := locked(path)) is None:
        if time.monotonic() > end:
            raise taken(what)
        time.sleep(LOOK_AGAIN_S)
    try:
        yield
    finally:
        os.close(fd)


def taken(what: Path) -> AgentError:
    return AgentError(f"Another process holds {what}. Try again.")


if sys.platform == "win32":

    def _take(fd: int) -> None:
        import msvcrt

        os.lseek(fd, _WINDOWS_OFFSET, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:

    def _take(fd: int) -> None:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
