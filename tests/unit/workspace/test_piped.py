"""Programs that are spoken to over their pipes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.workspace.environment import marked, ordinary
from acp_agent.workspace.piped import PipedProgram, ProgramSpec, open_program
from tests.support.processes import alive, assert_all_gone

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 20.0


async def line(program: PipedProgram) -> bytes:
    data = b""
    with anyio.fail_after(LIMIT_S):
        while not data.endswith(b"\n"):
            data += await program.receive()
    return data


def shell(cwd: Path, text: str, **env: str) -> ProgramSpec:
    return ProgramSpec(["/bin/sh", "-c", text], cwd, env)


async def test_both_ways_and_more_than_a_pipe_holds(tmp_path: Path) -> None:
    size = 1 << 20
    received = 0
    async with open_program(shell(tmp_path, "cat")) as program, anyio.create_task_group() as tasks:
        tasks.start_soon(program.send, b"x" * size)
        with anyio.fail_after(LIMIT_S):
            while received < size:
                received += len(await program.receive())
    assert received == size


async def test_why_it_has_ended(tmp_path: Path) -> None:
    for text, why in {
        "echo good >&2; echo bye >&2; exit 3": "it ended with status 3: bye",
        "kill -9 $$": "it was killed by SIGKILL",
        "exec >&-; read x": "it has closed its output",
    }.items():
        async with open_program(shell(tmp_path, text)) as program:
            with anyio.fail_after(LIMIT_S):
                assert await program.receive() == b""
                assert await program.why() == why


async def test_a_torrent_of_complaints_holds_nothing_up(tmp_path: Path) -> None:
    text = "head -c 3000000 /dev/zero | tr '\\0' e >&2; echo done"
    async with open_program(shell(tmp_path, text)) as program:
        assert await line(program) == b"done\n"


async def test_nothing_of_it_stays(tmp_path: Path) -> None:
    text = "trap '' TERM INT HUP; (setsid sleep 4714 &) ; (sleep 4715 &); echo up; while :; do sleep 1; done"
    async with open_program(shell(tmp_path, text)) as program:
        assert await line(program) == b"up\n"
        start = anyio.current_time()
        assert alive(tmp_path)
    assert anyio.current_time() - start < LIMIT_S / 4
    await assert_all_gone(tmp_path)


async def test_the_polite_end_is_the_end_of_its_input(tmp_path: Path) -> None:
    async with open_program(shell(tmp_path, "echo up; cat; echo left > left")) as program:
        await line(program)
    assert (tmp_path / "left").read_text(encoding="utf-8") == "left\n"


@pytest.mark.parametrize("command", ["/nonexistent/program", "/etc/passwd", "a\0b"])
async def test_what_cannot_be_started(tmp_path: Path, command: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises((OSError, ValueError)):
        async with open_program(ProgramSpec([command], tmp_path, {})):
            pass
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the guard's pipe may be new


def test_the_ordinary_environment() -> None:
    given = {
        "PATH": "p", "HOME": "h", "LC_ALL": "C", "XDG_CONFIG_HOME": "x", "https_proxy": "y", "NO_PROXY": "n",
        "OPENAI_API_KEY": "s", "GITHUB_TOKEN": "s", "SSH_AUTH_SOCK": "s", "ACP_AGENT_MODEL": "m",
        "PYTHONPATH": "q", "ACP_AGENT_COMMANDS": "outer",
    }  # fmt: skip
    assert {**ordinary(given), **marked(given, "mark")} == {
        "PATH": "p", "HOME": "h", "LC_ALL": "C", "XDG_CONFIG_HOME": "x", "https_proxy": "y", "NO_PROXY": "n",
        "ACP_AGENT_COMMANDS": "outer mark",
    }  # fmt: skip
