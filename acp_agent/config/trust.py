"""Whether the user trusts what a project's settings ask for. It is about exactly what was shown.

The user's word is kept in the data folder, never in the project: the digest of what was trusted, and its
lines, so that it can be said what has changed since.
"""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from acp_agent.config import paths
from acp_agent.config.demands import Demands, demands_of, phrases
from acp_agent.config.reading import as_object
from acp_agent.errors import ConfigError, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from acp_agent.config.reading import JsonObject

State = Literal["trusted", "untrusted", "changed", "refused"]
"""changed: not trusted as it is now. refused: cannot be trusted, whatever the user says."""
FILE = "trust.json"
_VERSION = 1
_LARGEST = 16 << 20
"""Bytes of a record; ours are far smaller."""
_NAMED = 5
"""Demands that a notice names."""


class Kept(NamedTuple):
    """What the user has trusted."""

    root: str
    digest: str
    lines: tuple[str, ...]
    at: float
    """In seconds since the epoch."""


class Trust(NamedTuple):
    """How things stand with one project that asks for something."""

    state: State
    file: Path
    """Its settings, as they were found."""
    root: Path
    """The folder they are for, without links."""
    demands: Demands
    reason: str = ""
    """Why it is refused."""
    kept: Kept | None = None
    """What was trusted last."""

    @property
    def holds(self) -> bool:
        return self.state == "trusted"

    @property
    def servers(self) -> frozenset[str]:
        """Names of the MCP servers that the project has a say in."""
        return frozenset(as_object(self.demands.settings.get("mcp_servers")) or {})

    @property
    def changes(self) -> tuple[str, ...]:
        """What has come and gone since it was trusted: lines that begin with `+` and `-`."""
        if self.kept is None or self.kept.digest == self.demands.digest:
            return ()
        from difflib import unified_diff

        found = [*unified_diff(self.kept.lines, self.demands.lines, n=0, lineterm="")][2:]  # without names
        changed = (f"{line[0]} {line[1:]}" for line in found if line[0] in "+-")
        return tuple(changed) or ("(what is hidden has changed)",)


def judge(file: Path, cwd: Path, settings: JsonObject, env: Mapping[str, str], *, given: bool) -> Trust:
    """How things stand with what a settings file asks for in a session in `cwd`. Raises nothing.

    `given`: the user has said on the command line that it is trusted this time.
    """
    root = _root_of(file)
    top = _checkout(root)
    bases = [Path(os.path.realpath(each)) for each in (cwd, root, file.parent)]
    demands = demands_of(settings, bases, top, env)
    reason = _refusal(file, root, env) or demands.reason
    kept = _read(_record(env, root), root)
    state: State = "untrusted"
    if reason:
        state = "refused"
    elif given or (kept and kept.digest == demands.digest):
        state = "trusted"
    elif kept:
        state = "changed"
    return Trust(state, file, root, demands, reason, kept)


def title(trust: Trust) -> str:
    """For a notice: what is ignored and what to do, in a sentence or two."""
    wanted = phrases(trust.demands.settings)
    more = f"; {len(wanted) - _NAMED} more" if len(wanted) > _NAMED else ""
    asks = f"This project's settings want to {'; '.join(wanted[:_NAMED])}{more}."
    if trust.state == "refused":
        return f"{asks} That is ignored: {trust.reason}."
    if trust.state == "changed":
        return (
            f"{asks} They have changed since you trusted them, so that is ignored: /trust shows what changed."
        )
    return f"{asks} That is ignored until you trust it: /trust."


def give(trust: Trust, env: Mapping[str, str]) -> Trust:
    """Keeps the user's word on it. Raises ConfigError when it cannot be kept."""
    kept = Kept(str(trust.root), trust.demands.digest, trust.demands.lines, time.time())
    _write(_record(env, trust.root), kept)
    return trust._replace(state="trusted", kept=kept)


def withdraw(cwd: Path, env: Mapping[str, str]) -> bool:
    """Whether there was anything to withdraw. Raises ConfigError when it cannot be."""
    record = _record(env, _root_of(paths.project_config_file(cwd)))
    try:
        record.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"{record} cannot be removed: {error.strerror}") from error
    return True


def trusted_roots(env: Mapping[str, str]) -> Iterator[Kept]:
    """All that the user has trusted and not withdrawn."""
    for record in sorted((paths.data_dir(env) / paths.PROJECTS_FOLDER).glob(f"*/{FILE}")):
        if kept := _read(record, None):
            yield kept


# Which project ----------------------------------------------------------------------------------------


def _root_of(file: Path) -> Path:
    """The folder that holds the settings' folder."""
    return Path(os.path.realpath(file.parent.parent))


def _checkout(root: Path) -> Path:
    above = (root, *root.parents)
    return next((folder for folder in above if os.path.lexists(folder / ".git")), root)


def _refusal(file: Path, root: Path, env: Mapping[str, str]) -> str:
    if not Path(os.path.realpath(file)).is_relative_to(root):
        return f"{file} is a link that leads out of the project"
    if root in (Path(os.path.realpath(paths.home_dir(env))), Path(root.anchor)):
        return f"{root} is no project; write what you want into {paths.config_file(env)}"
    if Path(os.path.realpath(paths.data_dir(env))).is_relative_to(root):
        return f"your data folder {paths.data_dir(env)} is in the project, which could write your word itself"
    return ""


# The user's word --------------------------------------------------------------------------------------


def _record(env: Mapping[str, str], root: Path) -> Path:
    return paths.project_dir(env, root) / FILE


def _read(record: Path, root: Path | None) -> Kept | None:
    """What is kept there; None for what is not there, not the user's own, or not about `root`."""
    try:
        fd = os.open(record, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            if not _only_ours(os.fstat(fd)):
                return None
            data: object = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    fields = as_object(data) or {}
    lines, at = fields.get("lines"), fields.get("at")
    if fields.get("version") != _VERSION or not isinstance(lines, list) or not isinstance(at, int | float):
        return None
    kept = Kept(
        str(fields.get("root")), str(fields.get("digest")), tuple(map(str, cast("list[object]", lines))), at
    )
    return kept if root is None or kept.root == str(root) else None


def _only_ours(status: os.stat_result) -> bool:
    if not stat.S_ISREG(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (
        status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _write(record: Path, kept: Kept) -> None:
    """All of it or nothing. There is nothing to lock: a record is replaced as a whole."""
    from acp_agent.workspace.files import write_bytes

    data = json.dumps({"version": _VERSION, **kept._asdict()}, ensure_ascii=True, indent=1)
    try:
        paths.ensure_private_dir(record.parent)
        write_bytes(record, data.encode("ascii"), mode=0o600)
    except OSError as error:
        raise ConfigError(f"Trust cannot be kept in {record.parent}: {error.strerror}") from error
    except ToolError as error:
        raise ConfigError(f"Trust cannot be kept: {error}") from error
