"""Commands: what they write, how they end, and that nothing of them stays."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.console import plain
from acp_agent.errors import ToolError
from acp_agent.workspace import processes
from acp_agent.workspace.processes import CommandSpec, Ending, Exit, run, stream
from tests.support.processes import GONE_S, LOOK_AGAIN_S, alive, assert_all_gone, wait_for_command

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S = 20.0
"""For what should be over at once, on a busy machine."""


def ignore(_: str) -> None:
    pass


async def execute(
    command: str | list[str],
    cwd: Path,
    *,
    timeout_s: float = LIMIT_S,
    on_output: Callable[[str], None] = ignore,
    env: dict[str, str] | None = None,
) -> Exit:
    environment = {"PATH": os.environ["PATH"], **(env or {})}
    with anyio.fail_after(LIMIT_S):
        return await run(CommandSpec(command, cwd, timeout_s, environment), on_output)


# What comes out -----------------------------------------------------------------


async def test_output_and_errors_come_in_order(tmp_path: Path) -> None:
    done = await execute("echo one; echo two >&2; echo three; exit 3", tmp_path)
    assert done == Exit(3, None, False, False, "one\ntwo\nthree\n", False)


async def test_words_need_no_shell(tmp_path: Path) -> None:
    assert (await execute(["printf", "%s", "$HOME; x"], tmp_path)).output == "$HOME; x"


async def test_a_command_runs_in_its_folder_without_input_and_terminal(tmp_path: Path) -> None:
    done = await execute("pwd -P; cat; tty; (: < /dev/tty) 2>/dev/null || echo none", tmp_path)
    assert done.output == f"{tmp_path}\nnot a tty\nnone\n"


async def test_output_comes_while_the_command_runs(tmp_path: Path) -> None:
    pieces: list[str] = []

    def take(text: str) -> None:
        pieces.append(text)
        if text == "first\n":
            (tmp_path / "go").touch()  # without which it would never end

    done = await execute(
        "echo first; while [ ! -e go ]; do sleep 0.01; done; echo last", tmp_path, on_output=take
    )
    assert pieces == ["first\n", "last\n"]
    assert done.output == "first\nlast\n"


async def test_split_characters_and_colours(tmp_path: Path) -> None:
    pieces: list[str] = []
    command = r"printf '\303'; sleep 0.05; printf '\274\033[3'; sleep 0.05; printf '1mred\033[0m\377\n'"
    done = await execute(command, tmp_path, on_output=pieces.append)
    assert "".join(pieces) == "ü\x1b[31mred\x1b[0m\ufffd\n"
    assert done.output == "üred\ufffd\n"
    assert all("\x1b" not in plain(piece) for piece in pieces)


async def test_much_output_keeps_beginning_and_end(tmp_path: Path) -> None:
    done = await execute("seq 1 200000", tmp_path)
    assert done.truncated
    assert done.output.startswith("1\n2\n")
    assert done.output.endswith("199999\n200000\n")
    assert len(done.output) < processes.OUTPUT_LIMIT_BYTES + 100


async def test_secrets_are_not_passed_on(tmp_path: Path) -> None:
    done = await execute("env", tmp_path, env={"MY_API_KEY": "hunter2", "PLAIN": "seen"})
    assert "hunter2" not in done.output
    assert "PLAIN=seen\n" in done.output


async def test_given_input_is_read(tmp_path: Path) -> None:
    data = b"x" * 300_000
    taken = bytearray()
    ending = await stream(CommandSpec(["cat"], tmp_path, LIMIT_S, stdin=data), taken.extend)
    assert (ending, taken) == (Ending(0, None, False, False), data)


async def test_errors_can_be_taken_apart(tmp_path: Path) -> None:
    output, errors = bytearray(), bytearray()
    await stream(CommandSpec("echo a; echo b >&2", tmp_path, LIMIT_S), output.extend, errors.extend)
    assert (output, errors) == (b"a\n", b"b\n")


# How it ends --------------------------------------------------------------------


async def test_a_signal(tmp_path: Path) -> None:
    done = await execute("kill -9 $$", tmp_path)
    assert (done.code, done.signal) == (None, signal.SIGKILL)


@pytest.mark.parametrize("command", [["no-such-program"], "echo a\0b"])
async def test_what_cannot_be_started(tmp_path: Path, command: str | list[str]) -> None:
    await execute("true", tmp_path)  # the guard is started with the first command, and stays
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ToolError, match="Cannot run"):
        await execute(command, tmp_path)
    assert os.listdir("/proc/self/fd") == before


async def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"Cannot run the shell in .*/gone"):
        await execute("true", tmp_path / "gone")


async def test_a_timeout_keeps_what_was_written(tmp_path: Path) -> None:
    done = await execute("echo before; sleep 4711; echo after", tmp_path, timeout_s=0.3)
    assert (done.output, done.timed_out, done.signal) == ("before\n", True, signal.SIGTERM)
    assert not alive(tmp_path)


async def test_a_timeout_lets_a_command_say_goodbye(tmp_path: Path) -> None:
    done = await execute(
        "trap 'echo bye; exit 7' TERM; while :; do sleep 0.05; done", tmp_path, timeout_s=0.3
    )
    assert done.output.endswith("bye\n")
    assert (done.timed_out, done.code) == (True, 7)


TREES = [
    "sleep 4711",
    "sleep 4711 & sleep 4712",
    "trap '' TERM INT HUP; (sleep 4711 &); while :; do sleep 1; done",
    "setsid sleep 4711 & sleep 4712",
    "set -m; sleep 4711 & sleep 4712",
    "env -i setsid sleep 4711 & sleep 4712",
    "(setsid sh -c 'trap \"\" TERM; sleep 4711; sleep 4711' >/dev/null 2>&1 &); sleep 4712",
]


@pytest.mark.parametrize("command", TREES)
async def test_a_timeout_ends_the_whole_tree(tmp_path: Path, command: str) -> None:
    done = await execute(command, tmp_path, timeout_s=0.3)
    assert done.timed_out
    assert not alive(tmp_path)


@pytest.mark.parametrize("wait", ["sleep 4711", "(sleep 4711; true)", "sh -c 'sleep 4711; true'"])
async def test_what_comes_next_is_not_begun(tmp_path: Path, wait: str) -> None:
    command = f"{wait}; touch next"
    for _ in range(5):
        await execute(command, tmp_path, timeout_s=0.1)
        assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", TREES)
async def test_cancelling_ends_the_whole_tree(tmp_path: Path, command: str) -> None:
    with anyio.fail_after(LIMIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(execute, command, tmp_path)
            await wait_for_command(tmp_path, "sleep")
            tasks.cancel_scope.cancel()
    assert not alive(tmp_path)


async def test_cancelling_is_not_swallowed(tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await execute("true", tmp_path)
        pytest.fail("it went on")
    assert scope.cancelled_caught


# What is left behind --------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "sleep 4711 & echo started",
        "(sleep 4711 &); echo started",
        "setsid sleep 4711 & echo started",
        "nohup sleep 4711 >/dev/null 2>&1 & echo started",
        "(setsid nohup sleep 4711 >/dev/null 2>&1 &); echo started",
    ],
)
async def test_what_is_left_in_the_background_is_ended_and_not_waited_for(
    tmp_path: Path, command: str
) -> None:
    done = await execute(command, tmp_path)
    assert done == Exit(0, None, False, True, "started\n", False)
    assert not alive(tmp_path)


async def test_what_ends_by_itself_is_not_left_behind(tmp_path: Path) -> None:
    done = await execute("(sleep 0.1; echo late) & echo early", tmp_path)
    assert done == Exit(0, None, False, False, "early\nlate\n", False)


async def test_a_background_that_never_stops_writing_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LINGER_LIMIT_S", 0.5)
    done = await execute("while :; do echo more; sleep 0.01; done & exit 0", tmp_path)
    assert (done.code, done.left_behind, done.timed_out) == (0, True, False)
    assert not alive(tmp_path)


# Killed -----------------------------------------------------------------------------

AGENT = """
import sys
from pathlib import Path

import anyio

from acp_agent.workspace.processes import CommandSpec, run

async def main():
    async with anyio.create_task_group() as tasks:
        for command in sys.argv[2:]:
            tasks.start_soon(run, CommandSpec(command, Path(sys.argv[1]), 60), lambda text: None)

anyio.run(main)
"""


@pytest.mark.parametrize("commands", [*[[tree] for tree in TREES[:5]], TREES[5:], TREES[:4]])
async def test_nothing_survives_a_killed_agent(tmp_path: Path, commands: list[str]) -> None:
    agent = await anyio.open_process([sys.executable, "-c", AGENT, str(tmp_path), *commands], stderr=None)
    async with agent:
        for command in commands:
            await wait_for_command(tmp_path, "4712" if "4712" in command else "sleep")
        guards = guards_of(agent.pid)
        assert len(guards) == 1
        agent.kill()
        await agent.wait()
        await assert_all_gone(tmp_path)
        await assert_ended(guards)


async def test_the_guard_goes_with_an_idle_agent(tmp_path: Path) -> None:
    source = AGENT.replace(
        "anyio.run(main)", "anyio.run(main); sys.stdout.write('idle'); sys.stdout.flush(); input()"
    )
    agent = await anyio.open_process([sys.executable, "-c", source, str(tmp_path), "true"], stderr=None)
    async with agent:
        assert agent.stdout is not None
        with anyio.fail_after(LIMIT_S):
            assert await agent.stdout.receive() == b"idle"
        guards = guards_of(agent.pid)
        assert len(guards) == 1
        agent.kill()
        await agent.wait()
        await assert_ended(guards)


async def test_a_guard_that_is_gone_is_replaced(tmp_path: Path) -> None:
    await execute("true", tmp_path)
    [guard] = guards_of(os.getpid())
    os.kill(guard, signal.SIGKILL)
    with anyio.fail_after(LIMIT_S):
        while guard in guards_of(os.getpid()):  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(LOOK_AGAIN_S)
    await execute("true", tmp_path)
    [another] = guards_of(os.getpid())
    assert another != guard


async def assert_ended(pids: list[int]) -> None:
    with anyio.move_on_after(GONE_S):
        while any(map(command_line, pids)):  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(LOOK_AGAIN_S)
    assert not any(map(command_line, pids))


def command_line(pid: int) -> bytes:
    """Empty for what has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def guards_of(agent: int) -> list[int]:
    """Pids of the guards that an agent has started."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text(encoding="utf-8").split()
    return [int(pid) for pid in children if b"guard.py" in command_line(int(pid))]
