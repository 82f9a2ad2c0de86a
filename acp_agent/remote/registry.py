"""Which servers run on this machine: a file each in the state directory, for `acp-agent ps` and its kin."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from acp_agent import __version__
from acp_agent.config.paths import ensure_private_dir
from acp_agent.transport.addresses import UNIX_PATH_BYTES
from acp_agent.workspace.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

FOLDER = "servers"
PS_LIMIT_S = 5.0


class Entry(NamedTuple):
    """A server that runs."""

    pid: int
    birth: str
    """When the process began, in the system's own words: a pid alone may be somebody else's by now."""
    started: float
    """Seconds since the epoch."""
    version: str
    control: str
    """The Unix socket that its owner speaks to it by."""
    addresses: tuple[str, ...]

    @property
    def runs(self) -> bool:
        return birth(self.pid) == self.birth


def control_path(state_dir: Path, pid: int) -> str:
    """The control socket of the server with that pid: in the state directory, if that is short enough."""
    path = str(_folder(state_dir) / f"{pid}.sock")
    if len(os.fsencode(path)) <= UNIX_PATH_BYTES:
        return path
    return f"/tmp/acp-agent-{os.geteuid()}/{pid}.sock"


@contextlib.contextmanager
def registered(state_dir: Path, control: str, addresses: Sequence[str]) -> Generator[Entry]:
    """This process is known as a server until the block is left. Raises OSError or ToolError."""
    pid = os.getpid()
    entry = Entry(pid, birth(pid), time.time(), __version__, control, tuple(addresses))
    path = ensure_private_dir(_folder(state_dir)).resolve() / f"{pid}.json"
    write_bytes(path, json.dumps(entry._asdict()).encode(), mode=0o600)
    try:
        yield entry
    finally:
        path.unlink(missing_ok=True)


def servers(state_dir: Path) -> list[Entry]:
    """The servers that run, the oldest first. What others have left behind is removed."""
    found: list[Entry] = []
    for path in _folder(state_dir).glob("*.json"):
        entry = _read(path)
        if entry and entry.runs:
            found.append(entry)
        elif entry or not _runs(path.stem):  # what another version has written is left alone while it runs
            path.unlink(missing_ok=True)
            Path(entry.control if entry else path.with_suffix(".sock")).unlink(missing_ok=True)
    return sorted(found, key=lambda entry: entry.started)


def birth(pid: int) -> str:
    """When a process began; empty when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *rest = file.read().rpartition(b")")[2].split()
        return "" if state == b"Z" else rest[18].decode()
    except (OSError, ValueError, IndexError):
        return "" if os.path.isdir("/proc/self") else _birth_by_ps(pid)


def _birth_by_ps(pid: int) -> str:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", timeout=PS_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _read(path: Path) -> Entry | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
        fields["addresses"] = tuple(fields["addresses"])
        return Entry(**fields)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _runs(pid: str) -> bool:
    return pid.isdecimal() and birth(int(pid)) != ""


def _folder(state_dir: Path) -> Path:
    return state_dir / FOLDER
