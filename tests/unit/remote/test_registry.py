"""Which servers are known to run."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

from acp_agent.remote.registry import Entry, birth, control_path, registered, servers
from acp_agent.transport.addresses import UNIX_PATH_BYTES

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES = ("tcp://127.0.0.1:4000", "unix:/run/agent.sock")


def left_behind(state: Path, pid: int, birth: str = "1", control: str = "") -> Path:
    """The file of a server that has not removed it."""
    folder = state / "servers"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{pid}.json"
    entry = Entry(pid, birth, 0.0, "0", control or str(path.with_suffix(".sock")), ())
    path.write_text(json.dumps(entry._asdict()), encoding="utf-8")
    return path


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_server_is_known_while_it_runs(tmp_path: Path) -> None:
    with registered(tmp_path, "/control", ADDRESSES) as entry:
        path = tmp_path / "servers" / f"{os.getpid()}.json"
        assert servers(tmp_path) == [entry]
        assert (entry.pid, entry.control, entry.addresses) == (os.getpid(), "/control", ADDRESSES)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert servers(tmp_path) == []
    assert not path.exists()


def test_there_need_not_be_any(tmp_path: Path) -> None:
    assert servers(tmp_path / "nowhere") == []


def test_what_an_ended_one_has_left_is_removed(tmp_path: Path) -> None:
    path = left_behind(tmp_path, ended_process())
    path.with_suffix(".sock").touch()
    assert servers(tmp_path) == []
    assert list(path.parent.iterdir()) == []


def test_a_pid_that_is_another_process_by_now(tmp_path: Path) -> None:
    path = left_behind(tmp_path, os.getpid(), birth="not ours")
    assert servers(tmp_path) == []
    assert not path.exists()


def test_what_cannot_be_read(tmp_path: Path) -> None:
    gone, alive = left_behind(tmp_path, ended_process()), left_behind(tmp_path, os.getpid())
    for path in (gone, alive):
        path.write_text("{", encoding="utf-8")
    assert servers(tmp_path) == []
    assert (gone.exists(), alive.exists()) == (False, True)


def test_the_time_of_birth_tells_processes_apart() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert birth(process.pid) not in ("", birth(os.getpid()))
        process.communicate(b"\n")
        assert birth(process.pid) == ""
    assert birth(os.getpid()) == birth(os.getpid())


def test_a_control_socket_has_a_path_that_fits(tmp_path: Path) -> None:
    assert control_path(tmp_path, 7) == str(tmp_path / "servers" / "7.sock")
    deep = tmp_path / ("x" * 100)
    assert len(control_path(deep, 7)) <= UNIX_PATH_BYTES
    assert control_path(deep, 7).endswith("/7.sock")
