"""`acp-agent ps`, `attach` and `stop`, with servers and clients as processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import anyio
import pytest

from tests.support.client import choose, silent
from tests.support.processes import wait_for_command
from tests.support.session import Session, new_session
from tests.support.terminal import CTRL_D, on_terminal
from tests.support.wire import WAIT_S
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.conftest import Launch
    from tests.support.network import Serve, Server
    from tests.support.terminal import Terminal
    from tests.support.workbench import Workbench

TCP = ("--tcp", "127.0.0.1:0")


class Ran(NamedTuple):
    status: int
    out: str
    err: str


class Person:
    """Who sits at the machine of the server."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    async def runs(self, *arguments: str, types: str = "") -> Ran:
        """Runs a command to its end."""
        with anyio.fail_after(WAIT_S):
            ended = await anyio.run_process(
                [*agent_command(), *arguments],
                input=types.encode(),
                env=self._bench.environment(),
                cwd=self._bench.root,
                check=False,
            )
        return Ran(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def attached(self, session: Session) -> AbstractAsyncContextManager[Terminal]:
        """Attaches to a session on a terminal."""
        command = [*agent_command(), "attach", session.id]
        return on_terminal(command, self._bench.environment(TERM="xterm"), self._bench.root)


@pytest.fixture
def person(workbench: Workbench) -> Person:
    return Person(workbench)


async def opened(launch: Launch, server: Server, bench: Workbench) -> Session:
    """A session that an editor has open."""
    client = await launch(command=[*agent_command(), "connect", server.address("tcp")])
    return await new_session(client, bench.project)


class TestPs:
    async def test_nothing_runs(self, person: Person) -> None:
        ran = await person.runs("ps")
        assert (ran.status, ran.err) == (0, "")
        assert "No server runs" in ran.out

    async def test_servers_and_sessions(
        self, workbench: Workbench, person: Person, serve: Serve, launch: Launch
    ) -> None:
        one, other = await serve(*TCP), await serve("--unix", str(workbench.root / "s" / "agent"))
        session = await opened(launch, one, workbench)
        session.client.handlers["session/request_permission"] = silent
        await session.prompt("say hello")
        ran = await person.runs("ps")
        first, idle, second = ran.out.splitlines()
        assert first.startswith(f"{one.process.pid}  ")
        assert one.address("tcp") in first
        assert second.startswith(f"{other.process.pid}  ")
        assert other.address("unix") in second
        for fact in (session.id, "idle", "1 client ", str(workbench.project), "say hello"):
            assert fact in idle
        await session.start("run python3 -c 1")
        await session.client.asked("session/request_permission")
        assert "  waiting  " in (await person.runs("ps")).out
        await session.cancel()
        await session.start("wait")
        await session.saw("agent_message_chunk", content={"type": "text", "text": "Waiting."})
        assert "  working  " in (await person.runs("ps")).out

    async def test_one_that_was_killed_is_forgotten(
        self, workbench: Workbench, person: Person, serve: Serve
    ) -> None:
        server = await serve(*TCP)
        server.process.kill()
        await server.process.wait()
        assert "No server runs" in (await person.runs("ps")).out
        assert os.listdir(workbench.data / "servers") == []


class TestAttach:
    async def test_sees_what_another_client_does(
        self, workbench: Workbench, person: Person, serve: Serve, launch: Launch
    ) -> None:
        session = await opened(launch, await serve(*TCP), workbench)
        async with person.attached(session) as terminal:
            await terminal.sees("> ")
            await session.prompt("say from the editor")
            await terminal.sees("say from the editor")
            await terminal.sees("from the editor")
            terminal.type("say from the terminal\n")
            await terminal.sees("say from the terminal")
            await terminal.sees("from the terminal")
            await session.saw("agent_message_chunk", content={"type": "text", "text": "from the terminal"})
            terminal.type(CTRL_D)
            assert await terminal.ended() == 0
        assert (await session.prompt("say still open")).text == "still open"

    async def test_decides_for_an_editor_that_is_away(
        self, workbench: Workbench, person: Person, serve: Serve, launch: Launch
    ) -> None:
        session = await opened(launch, await serve(*TCP), workbench)
        session.client.handlers["session/request_permission"] = silent
        running = await session.start("run python3 -c 'print(40 + 2)'")
        await session.client.asked("session/request_permission")
        async with person.attached(session) as terminal:
            await terminal.sees("Allow it")
            terminal.type("y\n")
            assert (await running.end()).call.states[-1] == "completed"
            await terminal.sees("Done")
            terminal.type(CTRL_D)
            assert await terminal.ended() == 0

    async def test_what_the_editor_decides_is_asked_no_more(
        self, workbench: Workbench, person: Person, serve: Serve, launch: Launch
    ) -> None:
        session = await opened(launch, await serve(*TCP), workbench)
        session.client.handlers["session/request_permission"] = silent
        running = await session.start("run python3 -c 'print(40 + 2)'")
        request = await session.client.asked("session/request_permission")
        async with person.attached(session) as terminal:
            await terminal.sees("Allow it")
            allow = await choose("allow_once")(request["params"])
            await session.client.reply(request, allow)
            assert (await running.end()).call.states[-1] == "completed"
            await terminal.sees("Done")
            terminal.type("say next\n")
            await terminal.sees("say next")
            await terminal.sees("next")
            terminal.type(CTRL_D)
            assert await terminal.ended() == 0

    async def test_piped(self, workbench: Workbench, person: Person, serve: Serve, launch: Launch) -> None:
        session = await opened(launch, await serve(*TCP), workbench)
        ran = await person.runs("attach", session.id[:-3], types="say piped in\n")
        assert (ran.status, ran.err) == (0, "")
        assert ran.out.count("piped in") == 2

    async def test_the_server_ends(
        self, workbench: Workbench, person: Person, serve: Serve, launch: Launch
    ) -> None:
        server = await serve(*TCP)
        session = await opened(launch, server, workbench)
        async with person.attached(session) as terminal:
            await terminal.sees("> ")
            await session.client.wire.close()
            await server.stop()
            await terminal.sees(f"Server {server.process.pid} has closed the connection")
            assert await terminal.ended() == 1

    @pytest.mark.parametrize("command", ["attach", "stop"])
    async def test_there_is_no_such_session(self, person: Person, serve: Serve, command: str) -> None:
        await serve(*TCP)
        ran = await person.runs(command, "nowhere")
        assert (ran.status, ran.out) == (1, "")
        assert "acp-agent ps" in ran.err


class TestStop:
    async def test_a_session(
        self, workbench: Workbench, person: Person, serve: Serve, launch: Launch
    ) -> None:
        session = await opened(launch, await serve(*TCP), workbench)
        running = await session.start("wait")
        await session.saw("agent_message_chunk")
        ran = await person.runs("stop", session.id)
        assert (ran.status, ran.err) == (0, "")
        assert session.id in ran.out
        assert (await running.end()).stop_reason == "cancelled"
        assert session.id not in (await person.runs("ps")).out

    async def test_the_only_server(self, person: Person, serve: Serve) -> None:
        server = await serve(*TCP)
        ran = await person.runs("stop")
        assert (ran.status, ran.out, ran.err) == (0, f"Server {server.process.pid} has ended.\n", "")
        with anyio.fail_after(WAIT_S):
            assert await server.process.wait() == 0
        assert await person.runs("stop") == (1, "", "acp-agent stop: No server runs.\n")

    async def test_one_of_several(self, person: Person, serve: Serve) -> None:
        servers = [await serve(*TCP), await serve(*TCP), await serve(*TCP)]
        assert "3 servers run" in (await person.runs("stop")).err
        assert (await person.runs("stop", str(servers[0].process.pid))).status == 0
        assert (await person.runs("stop", servers[1].address("tcp"))).status == 0
        assert (await person.runs("ps")).out.startswith(f"{servers[2].process.pid}  ")

    async def test_in_the_middle_of_a_command(
        self, workbench: Workbench, person: Person, serve: Serve, launch: Launch
    ) -> None:
        workbench.configure(permission="yolo")
        server = await serve(*TCP)
        session = await opened(launch, server, workbench)
        running = await session.start("run sleep 4713")
        await wait_for_command(workbench.root, "sleep 4713")
        await person.runs("stop", session.id)
        assert (await running.end()).stop_reason == "cancelled"
