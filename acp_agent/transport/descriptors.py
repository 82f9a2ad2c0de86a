"""The process's standard input and output, moved out of everybody else's way.

Descriptor 0 becomes the null device and 1 becomes standard error, so that no stray print and
no child process can read or write the protocol.
"""

from __future__ import annotations

import os
import select
from typing import NamedTuple

READ_SIZE = 1 << 16


class Descriptors(NamedTuple):
    read: int
    write: int


def claim() -> Descriptors:
    """Moves the process's standard input and output to private descriptors."""
    private = Descriptors(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # started without standard error
        os.dup2(null, 1)
        os.dup2(null, 2)
    os.close(null)
    return private


def write_all(fd: int, data: bytes) -> None:
    """Writes all of `data`, waiting for the reader; raises OSError when it is gone."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # somebody who shares the pipe has made it so
            select.select([], [fd], [])


def read_some(fd: int) -> bytes:
    """What there is to read, waiting for it; empty at the end. Raises OSError."""
    while True:
        try:
            return os.read(fd, READ_SIZE)
        except BlockingIOError:  # somebody who shares the pipe has made it so
            select.select([fd], [], [])
