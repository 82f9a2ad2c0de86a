"""Where acp-agent keeps its settings, its data and its logs.

Each function takes the environment and works with an empty one: editors spawn agents with
as little as `PATH`. Nothing here makes a folder except `ensure_private_dir`.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = "acp-agent"
CONFIG_FILE = "config.json"
PROJECT_FOLDER = ".acp-agent"
PROJECTS_FOLDER = "projects"
"""In the data folder."""

_PRIVATE = 0o700
_DIGEST_DIGITS = 32


def home_dir(env: Mapping[str, str]) -> Path:
    """The user's home: the environment's, else the account's, else a folder in the temporary one."""
    names = ("USERPROFILE", "HOME") if sys.platform == "win32" else ("HOME",)
    for name in names:
        value = env.get(name, "")
        if os.path.isabs(value):
            return Path(value)
    return _home_of_account() or _temporary_home(env)


def config_dir(env: Mapping[str, str]) -> Path:
    """`$ACP_AGENT_CONFIG_DIR`, else `$XDG_CONFIG_HOME/acp-agent`, else `~/.config/acp-agent`."""
    return _chosen(env, "ACP_AGENT_CONFIG_DIR") or _xdg(env, "XDG_CONFIG_HOME", ".config")


def config_file(env: Mapping[str, str]) -> Path:
    """The user's own settings, which need not exist."""
    return config_dir(env) / CONFIG_FILE


def project_config_file(cwd: Path) -> Path:
    """The settings of the project around `cwd`, which need not exist.

    The nearest folder that has such a file counts, up to the root of the repository;
    outside a repository only `cwd` itself does.
    """
    above = (cwd, *cwd.parents)
    root = next((folder for folder in above if os.path.lexists(folder / ".git")), cwd)
    for folder in above[: above.index(root) + 1]:
        candidate = folder / PROJECT_FOLDER / CONFIG_FILE
        if os.path.lexists(candidate):
            return candidate
    return cwd / PROJECT_FOLDER / CONFIG_FILE


def data_dir(env: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """Where journals and indexes live: `$ACP_AGENT_DATA_DIR`, else the platform's folder for them."""
    chosen = _chosen(env, "ACP_AGENT_DATA_DIR")
    if chosen is not None:
        return chosen
    if platform == "darwin":
        return home_dir(env) / "Library" / "Application Support" / APP
    if platform == "win32":
        local = env.get("LOCALAPPDATA", "")
        return (Path(local) if local else home_dir(env) / "AppData" / "Local") / APP
    return _xdg(env, "XDG_DATA_HOME", ".local/share")


def project_dir(env: Mapping[str, str], root: Path) -> Path:
    """Where what the user has settled about one project is kept: in the data folder, out of its reach.

    A folder of its own for each real path, so for each worktree. It need not exist.
    """
    import hashlib

    digest = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()
    return data_dir(env) / PROJECTS_FOLDER / digest[:_DIGEST_DIGITS]


def state_dir(env: Mapping[str, str]) -> Path:
    """Where logs live: `$ACP_AGENT_DATA_DIR`, else `$XDG_STATE_HOME/acp-agent`.

    Without either it is `~/.local/state/acp-agent`.
    """
    return _chosen(env, "ACP_AGENT_DATA_DIR") or _xdg(env, "XDG_STATE_HOME", ".local/state")


def user_path(text: str, base: Path, env: Mapping[str, str]) -> Path:
    """A path as a person wrote it: `~` is the home, anything relative is below `base`."""
    if text == "~" or text.startswith("~/"):
        return home_dir(env) / text[2:]
    return base / text


def ensure_private_dir(path: Path) -> Path:
    """Make `path` and its missing parents for this user alone (0700); one that exists keeps its mode.

    Raises OSError when it cannot be made, PermissionError when a part of it lies in a folder
    that everybody may write to and belongs to somebody else.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
    _refuse_strangers(path)
    return path


def working_dir(env: Mapping[str, str]) -> Path:
    """The folder we were started in, or the user's home if that has been deleted since."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return home_dir(env)


def _chosen(env: Mapping[str, str], name: str) -> Path | None:
    """A folder the user names; `~` is expanded, since editors pass it on as it is written."""
    value = env.get(name, "")
    return user_path(value, working_dir(env), env) if value else None


def _xdg(env: Mapping[str, str], name: str, below_home: str) -> Path:
    """The XDG specification says that a relative path counts as none."""
    value = env.get(name, "")
    base = Path(value) if os.path.isabs(value) else home_dir(env) / below_home
    return base / APP


def _home_of_account() -> Path | None:
    try:
        import pwd
    except ImportError:  # not a POSIX system
        return None
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # a container may run under a user id that has no account
        return None
    return Path(home) if os.path.isabs(home) and os.path.isdir(home) else None


def _temporary_home(env: Mapping[str, str]) -> Path:
    user = str(os.getuid()) if hasattr(os, "getuid") else env.get("USERNAME", "user")
    for name in ("TMPDIR", "TEMP", "TMP"):
        value = env.get(name, "")
        if os.path.isabs(value):
            return Path(value) / f"{APP}-{user}"
    return Path("/tmp") / f"{APP}-{user}"


def _refuse_strangers(path: Path) -> None:
    if not hasattr(os, "getuid"):
        return
    trusted = {0, os.getuid()}
    for folder in (path, *path.parents):
        shared = folder.parent.stat().st_mode & stat.S_IWOTH
        if shared and folder.lstat().st_uid not in trusted:
            raise PermissionError(f"{folder} belongs to another user: remove it or choose another folder")
