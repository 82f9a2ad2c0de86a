"""What was checked is what is opened: files and folders reached from `/` part by part, through no link.

A path was made real before it was asked about. Between that and its use any part of it may be
swapped for a link; whoever goes by descriptors then arrives where it was said, or nowhere.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

# With O_PATH a folder need not be readable to be gone through. Elsewhere than on Linux it has to be.
_PART = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_folder(path: Path, *, make: bool = False) -> int:
    """A descriptor of the folder at a real path, for use as `dir_fd`; with `make`, missing ones are made.

    The caller closes it. Raises OSError; ELOOP when a part has become a link.
    """
    fd = os.open(path.anchor, _PART)
    try:
        for name in path.parts[1:]:
            inner = _enter(fd, name, make)
            os.close(fd)
            fd = inner
    except BaseException:
        os.close(fd)
        raise
    return fd


def _enter(folder: int, name: str, make: bool) -> int:
    try:
        return os.open(name, _PART, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise
    with suppress(FileExistsError):  # somebody else was faster; if it is no folder, entering it says so
        os.mkdir(name, dir_fd=folder)
    return _enter(folder, name, make=False)


@contextmanager
def parent_of(path: Path, *, make: bool = False) -> Generator[tuple[int, str]]:
    """The descriptor of the folder that a real path is in, and its name there. Raises OSError."""
    folder = open_folder(path.parent, make=make)
    try:
        yield folder, path.name or "."
    finally:
        os.close(folder)


@contextmanager
def opened(path: Path) -> Generator[int]:
    """A descriptor to read what is at a real path; never waits, also not for a pipe. Raises OSError."""
    with parent_of(path) as (folder, name):
        fd = os.open(name, _READ, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)


def status(path: Path) -> os.stat_result:
    """Of what is at a real path itself. Raises OSError."""
    with parent_of(path) as (folder, name):
        return os.stat(name, dir_fd=folder, follow_symlinks=False)


@contextmanager
def held(path: Path) -> Generator[Path]:
    """A path that goes on naming what is at a real path now, whatever that names later.

    For programs of ours that are to look there while the block runs. Only Linux has such paths;
    elsewhere it is the path itself. Raises OSError.
    """
    with opened(path) as fd:
        own = Path(f"/proc/{os.getpid()}/fd/{fd}")
        try:
            same = os.path.samestat(os.stat(own), os.fstat(fd))
        except OSError:
            same = False
        yield own if same else path
