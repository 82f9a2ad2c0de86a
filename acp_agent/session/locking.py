"""One writer at a time: a lock on an open file that holds between processes and goes with its owner."""

from __future__ import annotations

import errno
import logging
import os
import sys

log = logging.getLogger(__name__)

_WINDOWS_OFFSET = 0x7FFFFFFE
"""Windows refuses others the bytes that are locked; this one is beyond those that anybody reads."""
_TAKEN = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


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


if sys.platform == "win32":

    def _take(fd: int) -> None:
        import msvcrt

        os.lseek(fd, _WINDOWS_OFFSET, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:

    def _take(fd: int) -> None:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
