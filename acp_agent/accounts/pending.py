"""Logins that were begun and wait for their answer: kept, so that another process can finish them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING

from acp_agent.accounts.oauth import Pending
from acp_agent.config import paths
from acp_agent.config.reading import as_object
from acp_agent.errors import AuthRequired, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDER = "logins"
"""In the folder of the settings, which no command may read."""
LASTS_S = 900.0
"""Services forget a code after some minutes."""
MOST_BYTES = 16 << 10


def keep(pending: Pending, env: Mapping[str, str]) -> None:
    """In the place of one of the same account. Raises AuthRequired when it cannot be kept."""
    from acp_agent.workspace.files import write_bytes

    path = _path(pending.provider, pending.account, env)
    try:
        paths.ensure_private_dir(path.parent)
        path.unlink(missing_ok=True)  # a new one gets the mode that is asked for
        write_bytes(path, json.dumps(pending._asdict()).encode(), mode=0o600)
    except OSError as error:
        raise AuthRequired(f"The login cannot be kept in {path.parent}: {error.strerror or error}") from error
    except ToolError as error:
        raise AuthRequired(f"The login cannot be kept: {error}") from error


def kept(provider: str, account: str, env: Mapping[str, str], now: float) -> Pending | None:
    """The login of that account that waits; None when there is none, or only one that is too old."""
    path = _path(provider, account, env)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            status = os.fstat(fd)
            if status.st_mode & 0o077 or status.st_uid != os.getuid():
                return None
            data = as_object(json.loads(file.read(MOST_BYTES)))
    except (OSError, ValueError):
        return None
    at = (data or {}).get("at")
    if data is None or not isinstance(at, int | float) or not now - LASTS_S <= at <= now:
        return None
    texts = {key: value for key, value in data.items() if key in Pending._fields and isinstance(value, str)}
    if texts.keys() | {"at"} != set(Pending._fields):
        return None
    found = Pending(**texts, at=at)
    return found if (found.provider, found.account) == (provider, account) else None


def forget(pending: Pending, env: Mapping[str, str]) -> None:
    """Nobody can finish it any more."""
    with contextlib.suppress(OSError):
        _path(pending.provider, pending.account, env).unlink()


def _path(provider: str, account: str, env: Mapping[str, str]) -> Path:
    from pathlib import Path

    digest = hashlib.sha256(f"{provider}\0{account}".encode()).hexdigest()[:32]
    return Path(os.path.realpath(paths.config_dir(env))) / FOLDER / f"{digest}.json"
