"""Unix sockets that only their owner can reach."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from typing import TYPE_CHECKING

from acp_agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator

BACKLOG = 128
"""Connections that may wait to be accepted."""
LIVE_LIMIT_S = 2.0
"""How long a server that may still be there has to take a connection."""


def listen_private(path: str) -> socket.socket:
    """Listens at an absolute path, for this user alone. Raises ConfigError.

    What a server has left behind there is replaced; one that lives is not.
    """
    try:
        with _mask(0o077):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        _require_private(os.path.dirname(path))
        _clear(path)
        sock = socket.socket(socket.AF_UNIX)
        try:
            with _mask(0o177):
                sock.bind(path)
            sock.listen(BACKLOG)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        raise ConfigError(f"Cannot listen on unix:{path}: {error.strerror}.") from None
    return sock


def remove(path: str) -> None:
    """Removes the file of a socket that is no longer listened on."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def _require_private(folder: str) -> None:
    status = os.stat(folder)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ConfigError(
            f"{folder} is not for you alone, and the socket in it would not be: "
            "name a folder that is not there yet, or one of mode 700 (docs/remote.md)."
        )


def _clear(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ConfigError(f"{path} is there and is no socket: remove it, or name another path.")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(LIVE_LIMIT_S)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise ConfigError(f"Somebody listens on unix:{path} already: `acp-agent ps` shows who.")


@contextlib.contextmanager
def _mask(mask: int) -> Generator[None]:
    """The permissions that files made meanwhile do not have; for the whole process."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
