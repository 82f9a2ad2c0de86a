"""Files on disk: reading them whole, and the one place that writes them, atomically."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

READ_LIMIT_BYTES = 64 << 20
"""Larger files are for commands that read them in pieces."""
_HINTS = {
    errno.EACCES: "Ask the person to change its permissions, or choose another path.",
    errno.EPERM: "Ask the person to change its permissions, or choose another path.",
    errno.EROFS: "Choose another path.",
    errno.ENOSPC: "Ask the person to free some space.",
    errno.EDQUOT: "Ask the person to free some space.",
    errno.ELOOP: "It has become a link. Try again.",
    errno.ENOTDIR: "A part of the path is a file.",
}


def read_bytes(path: Path) -> bytes:
    """The file at a path without links. Raises ToolError when it is not a file that can be read.

    Never waits: pipes, terminals and devices are refused.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _require_readable(path, os.fstat(fd))
            with open(fd, "rb", closefd=False) as file:
                return file.read(READ_LIMIT_BYTES + 1)
        finally:
            os.close(fd)
    except OSError as error:
        raise trouble("read", path, error) from error


def _require_readable(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise ToolError(f"{path} is a directory. Use list.")
    if not stat.S_ISREG(status.st_mode):
        raise ToolError(f"{path} is not a regular file and is not read.")
    if status.st_size > READ_LIMIT_BYTES:
        raise ToolError(
            f"{path} has {status.st_size >> 20} MiB; at most {READ_LIMIT_BYTES >> 20} MiB are read. "
            "Use grep, or head, tail and sed with bash."
        )


def write_bytes(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Replaces the file at a path without links, or makes it with its folders; all of it or nothing.

    A new file gets `mode`, less the umask; an existing one keeps its own, and its owner where that
    is allowed. Raises ToolError; then the old file is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        old = _status(path)
        if old and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "it is read-only")
        _replace(path, data, old, mode)
    except OSError as error:
        raise trouble("write", path, error) from error


def remove(path: Path) -> None:
    """Removes a file at a path without links. Raises ToolError."""
    try:
        path.unlink()
        _sync_folder(path.parent)
    except OSError as error:
        raise trouble("remove", path, error) from error


def _status(path: Path) -> os.stat_result | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise ToolError(f"{path} is not a regular file and is not written.")
    return status


def _replace(path: Path, data: bytes, old: os.stat_result | None, mode: int) -> None:
    temporary = path.with_name(f".acp-agent-{os.urandom(8).hex()}.tmp")
    # What others may not read of the old file they may not read of the new one while it is written.
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if old else mode)
    try:
        with open(fd, "wb") as file:
            file.write(data)
            file.flush()
            if old:
                _copy_attributes(path, fd, old)
            os.fsync(fd)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _copy_attributes(path: Path, fd: int, old: os.stat_result) -> None:
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(OSError):  # only a privileged user may give files away
            os.fchown(fd, old.st_uid, old.st_gid)
    os.fchmod(fd, stat.S_IMODE(old.st_mode))
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):  # not every file system has them
            for name in os.listxattr(path):
                os.setxattr(fd, name, os.getxattr(path, name))


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # the file is written; only its place after a power cut is open
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def trouble(doing: str, path: Path, error: OSError) -> ToolError:
    """`error` as a sentence that says what to do."""
    reason = error.strerror or str(error)
    hint = _HINTS.get(error.errno or 0, "")
    return ToolError(f"Cannot {doing} {path}: {reason}. {hint}".rstrip())
