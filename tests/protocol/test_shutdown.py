"""How an agent ends, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio
import pytest

import tests.support.doomed_client
from tests.support.client import silent
from tests.support.processes import assert_all_gone, wait_for_command
from tests.support.schema import check
from tests.support.session import new_session
from tests.support.wire import EXIT_S, WAIT_S
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.session import Session
    from tests.support.workbench import Workbench

State = Callable[["Session"], Awaitable[None]]

SLEEP = "sleep 4711"
DOOMED = str(tests.support.doomed_client.__file__)
HELLO = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n'


async def idle(_session: Session) -> None:
    pass


async def waiting_for_the_model(session: Session) -> None:
    await session.start("wait")
    await session.saw("agent_message_chunk")


async def waiting_for_permission(session: Session) -> None:
    session.client.handlers["session/request_permission"] = silent
    await session.start("run python3 check.py")
    await session.client.asked("session/request_permission")


async def running_a_command(session: Session) -> None:
    await session.start(f"run {SLEEP}")
    await wait_for_command(session.cwd.parent, SLEEP)


async def running_a_deaf_command(session: Session) -> None:
    """A child that ignores polite signals and has a child of its own in the background."""
    await session.start(f"run trap '' TERM INT HUP; ({SLEEP} &) ; while :; do sleep 1; done")
    await wait_for_command(session.cwd.parent, SLEEP)


STATES = [idle, waiting_for_the_model, waiting_for_permission, running_a_command, running_a_deaf_command]


@pytest.mark.requirement("shutdown.eof")
@pytest.mark.parametrize("state", STATES)
async def test_end_of_input(workbench: Workbench, session: Session, state: State) -> None:
    await state(session)
    await session.client.wire.close_input()
    assert await session.client.wire.ended() == 0
    await assert_all_gone(workbench.root)


@pytest.mark.requirement("shutdown.sigterm")
@pytest.mark.parametrize("state", STATES)
async def test_sigterm(workbench: Workbench, session: Session, state: State) -> None:
    await state(session)
    session.client.wire.process.terminate()
    assert await session.client.wire.ended() == 0
    await assert_all_gone(workbench.root)


@pytest.mark.requirement("shutdown.sigterm")
async def test_sigterm_right_after_the_start(launch: Launch) -> None:
    client = await launch()
    client.wire.process.terminate()
    assert await client.wire.ended() == 0


@pytest.mark.requirement("shutdown.no-survivors")
@pytest.mark.parametrize("state", STATES)
async def test_killed_agent(workbench: Workbench, launch: Launch, state: State) -> None:
    client = await launch(exits=-9)
    await state(await new_session(client, workbench.project))
    client.wire.process.kill()
    await assert_all_gone(workbench.root)


@pytest.mark.requirement("shutdown.no-survivors")
@pytest.mark.parametrize(("prompt", "sign"), [("wait", "Waiting."), (f"run {SLEEP}", "in_progress")])
async def test_killed_client(workbench: Workbench, prompt: str, sign: str) -> None:
    workbench.configure(permission="yolo")
    doomed = await anyio.open_process(
        [sys.executable, DOOMED, str(workbench.project), prompt, *agent_command()],
        env=workbench.environment(),
        stdin=subprocess.DEVNULL,
        stderr=None,
    )
    seen = b""
    async with doomed:
        assert doomed.stdout is not None
        try:
            with anyio.fail_after(WAIT_S):
                while sign.encode() not in seen:
                    seen += await doomed.stdout.receive()
        finally:
            doomed.kill()
    await assert_all_gone(workbench.root)


@pytest.mark.requirement("shutdown.broken-pipe")
async def test_client_stops_reading(workbench: Workbench) -> None:
    ours, theirs = os.pipe()
    errors = workbench.root / "stderr"
    with errors.open("wb") as stderr:
        agent = await anyio.open_process(
            agent_command(), stdin=subprocess.PIPE, stdout=theirs, stderr=stderr, env=workbench.environment()
        )
    os.close(theirs)
    async with agent:
        assert agent.stdin is not None
        await agent.stdin.send(HELLO)
        with anyio.fail_after(WAIT_S):
            await anyio.to_thread.run_sync(os.read, ours, 1 << 16)
        os.close(ours)
        await agent.stdin.send(HELLO)
        with anyio.fail_after(EXIT_S):
            await agent.wait()
    assert errors.read_bytes() == b""
    await assert_all_gone(workbench.root)


@pytest.mark.requirement("shutdown.any-input")
@pytest.mark.parametrize(("text", "answers"), [(b"", 0), (HELLO, 1), (HELLO + HELLO, 2)])
async def test_input_from_a_file(workbench: Workbench, text: bytes, answers: int) -> None:
    path = workbench.root / "input"
    path.write_bytes(text)
    with anyio.fail_after(WAIT_S), path.open("rb") as stdin:
        done = await anyio.run_process(agent_command(), stdin=stdin, env=workbench.environment())
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [check("InitializeResponse", line["result"]) for line in lines] == [[]] * answers
    assert done.stderr == b""


@pytest.mark.requirement("shutdown.any-input")
async def test_input_from_the_null_device(workbench: Workbench) -> None:
    with anyio.fail_after(WAIT_S):
        done = await anyio.run_process(agent_command(), stdin=subprocess.DEVNULL, env=workbench.environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.requirement("shutdown.bare-environment")
async def test_bare_environment(workbench: Workbench, launch: Launch) -> None:
    session = await new_session(await launch(env=workbench.bare_environment()), workbench.project)
    turn = await session.prompt("run cat a.txt")
    assert turn.call.states[-1] == "completed"
    assert "alpha" in turn.call.text


@pytest.mark.requirement("shutdown.any-input")
async def test_without_any_input(workbench: Workbench) -> None:
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *agent_command()]
    with anyio.fail_after(WAIT_S):
        done = await anyio.run_process(command, check=False, env=workbench.environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
