"""Files on disk: reading them whole, and the one place that writes them, atomically.

Paths are real ones, links resolved (`roots.Roots.resolve`); one that has become a link is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import ToolError
from acp_agent.workspace import opening

if TYPE_CHECKING:
    from collections.abc import Generator
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
    """The file at a real path. Raises ToolError when it is not a file that can be read.

    Never waits: pipes, terminals and devices are refused.
    """
    try:
        with opening.opened(path) as fd:
            _require_readable(path, os.fstat(fd))
            with open(fd, "rb", closefd=False) as file:
                return file.read(READ_LIMIT_BYTES + 1)
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


def exists(path: Path) -> bool:
    """Whether anything is at a real path. Raises ToolError when any part of it has become a link."""
    try:
        if stat.S_ISLNK(opening.status(path).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise trouble("look at", path, error) from error
    return True


@contextlib.contextmanager
def held(path: Path) -> Generator[Path]:
    """Like opening.held, for a folder or regular file. Raises ToolError."""
    with contextlib.ExitStack() as stack:
        try:
            own = stack.enter_context(opening.held(path))
        except OSError as error:
            raise trouble("open", path, error) from error
        yield own


def make_folder(path: Path) -> None:
    """Makes the folder at a real path, and those it is in. Raises ToolError."""
    try:
        os.close(opening.open_folder(path, make=True))
    except OSError as error:
        raise trouble("make", path, error) from error


def write_bytes(path: Path, data: bytes, *, mode: int = 0o666, over_link: bool = False) -> None:
    """Replaces the file at a real path, or makes it with its folders; all of it or nothing.

    A new file gets `mode`, less the umask; an existing one keeps its own, and its owner where that
    is allowed. Other hard links to it keep the old content. A link there is only replaced with
    `over_link`. Raises ToolError; then the old file is as it was.
    """
    try:
        with opening.parent_of(path, make=True) as (folder, name):
            old = _status(path, folder, name, over_link=over_link)
            if old and not os.access(name, os.W_OK, dir_fd=folder):
                raise PermissionError(errno.EACCES, "it is read-only")
            fd, temporary = _temporary(folder, 0o600 if old else mode)
            try:
                _fill(fd, data, _Old(folder, name, old) if old else None)
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            _sync_folder(folder)
    except OSError as error:
        raise trouble("write", path, error) from error


def remove(path: Path) -> None:
    """Removes the file at a real path. Raises ToolError."""
    try:
        with opening.parent_of(path) as (folder, name):
            os.unlink(name, dir_fd=folder)
            _sync_folder(folder)
    except OSError as error:
        raise trouble("remove", path, error) from error


class _Old(NamedTuple):
    """The file that is replaced."""

    folder: int
    name: str
    status: os.stat_result


def write_link(path: Path, leads_to: bytes) -> None:
    """Makes the file or link at a real path a link. Raises ToolError; then it is as it was."""
    try:
        with opening.parent_of(path, make=True) as (folder, name):
            temporary = _temporary_name()
            os.symlink(os.fsdecode(leads_to), temporary, dir_fd=folder)
            try:
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(temporary, dir_fd=folder)
                raise
            _sync_folder(folder)
    except OSError as error:
        raise trouble("write", path, error) from error


def set_mode(path: Path, mode: int) -> None:
    """The permissions of the file at a real path. Raises ToolError."""
    try:
        with opening.opened(path) as fd:
            os.fchmod(fd, mode)
    except OSError as error:
        raise trouble("change", path, error) from error


def _status(path: Path, folder: int, name: str, *, over_link: bool) -> os.stat_result | None:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if over_link and stat.S_ISLNK(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        raise ToolError(f"{path} is not a regular file and is not written.")
    return status


def _temporary(folder: int, mode: int) -> tuple[int, str]:
    """What others may not read of the old file they may not read of the new one while it is written."""
    name = _temporary_name()
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder), name


def _temporary_name() -> str:
    return f".acp-agent-{os.urandom(8).hex()}.tmp"


def _fill(fd: int, data: bytes, old: _Old | None) -> None:
    with open(fd, "wb") as file:
        file.write(data)
        file.flush()
        if old:
            _copy_attributes(fd, old)
        os.fsync(fd)


def _copy_attributes(fd: int, old: _Old) -> None:
    status = old.status
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(OSError):  # only a privileged user may give files away
            os.fchown(fd, status.st_uid, status.st_gid)
    os.fchmod(fd, stat.S_IMODE(status.st_mode))
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):  # not every file system has them
            _copy_extended(fd, old)


def _copy_extended(fd: int, old: _Old) -> None:
    source = os.open(old.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=old.folder)
    try:
        for name in os.listxattr(source):
            os.setxattr(fd, name, os.getxattr(source, name))
    finally:
        os.close(source)


def _sync_folder(folder: int) -> None:
    with contextlib.suppress(OSError):  # the file is written; only its place after a power cut is open
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def trouble(doing: str, path: Path, error: OSError) -> ToolError:
    """`error` as a sentence that says what to do."""
    reason = error.strerror or str(error)
    hint = _HINTS.get(error.errno or 0, "")
    return ToolError(f"Cannot {doing} {path}: {reason}. {hint}".rstrip())
