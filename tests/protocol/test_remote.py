"""Clients that come over the network, with nothing in between or through `acp-agent connect`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.client import choose, silent
from tests.support.network import INITIALIZE, TOKEN, calling, refused
from tests.support.processes import assert_all_gone, of_command, wait_for_command
from tests.support.session import new_session, opening, reopen
from tests.support.wire import WAIT_S, parsed
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.network import Caller, Serve, Server
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

SLEEP = "sleep 4712"
EVERYWHERE = ["--tcp", "127.0.0.1:0", "--websocket", "127.0.0.1:0", "--unix"]


def bridge(address: str, *options: str) -> list[str]:
    return [*agent_command(), "connect", *options, address]


@pytest.mark.requirement("remote.carriers")
@pytest.mark.requirement("framing.one-object-per-line")
async def test_all_carriers_at_once(workbench: Workbench, serve: Serve, launch: Launch) -> None:
    server = await serve(*EVERYWHERE, str(workbench.root / "s" / "agent"))
    sessions = [
        await new_session(await launch(command=bridge(server.address(kind))), workbench.project)
        for kind in ("tcp", "ws", "unix")
    ]
    assert len({session.id for session in sessions}) == 3
    for session in sessions:
        turn = await session.prompt("say Grüße, 世界 🌍")
        assert (turn.text, turn.stop_reason) == ("Grüße, 世界 🌍", "end_turn")


@pytest.mark.requirement("remote.carriers")
async def test_lines_without_a_bridge(workbench: Workbench, serve: Serve) -> None:
    server = await serve("--tcp", "127.0.0.1:0")
    async with calling(server.address("tcp")) as caller:
        await caller.send_raw(b"not JSON\n")
        assert (await caller.next())["error"]["code"] == -32700
        too_early = await caller.ask(1, "session/new", opening(workbench.project))
        assert too_early["error"]["code"] == -32600
        assert (await caller.initialize())["result"]["protocolVersion"] == 1
        assert "sessionId" in (await caller.ask(2, "session/new", opening(workbench.project)))["result"]


@pytest.mark.requirement("remote.websocket")
@pytest.mark.requirement("remote.initialize-first")
async def test_a_websocket_without_a_bridge(workbench: Workbench, serve: Serve) -> None:
    server = await serve("--websocket", "127.0.0.1:0")
    with anyio.fail_after(WAIT_S):
        async with connect(server.address("ws"), proxy=None) as websocket:
            assert websocket.response
            assert len(websocket.response.headers["Acp-Connection-Id"]) >= 16
            await websocket.send(b"binary")
            await websocket.send("not JSON")
            assert parsed_text(await websocket.recv())["error"]["code"] == -32700
            await websocket.send(request("initialize", INITIALIZE))
            assert parsed_text(await websocket.recv())["result"]["protocolVersion"] == 1
        for first in (request("session/new", {}), '{"jsonrpc":"2.0","method":"session/cancel"}'):
            async with connect(server.address("ws"), proxy=None) as websocket:
                await websocket.send(first)
                with pytest.raises(ConnectionClosed) as closed:
                    await websocket.recv()
                assert closed.value.rcvd
                assert closed.value.rcvd.code == 1002


@pytest.mark.requirement("remote.binary")
async def test_binary_frames_where_they_count(serve: Serve) -> None:
    server = await serve("--websocket", "127.0.0.1:0")
    with anyio.fail_after(WAIT_S):
        async with connect(server.address("ws").removesuffix("/acp") + "/message", proxy=None) as websocket:
            await websocket.send(b"\xff\n")
            assert parsed_text(await websocket.recv())["error"]["code"] == -32700
            for end in ("", "\n"):
                await websocket.send((request("initialize", INITIALIZE) + end).encode())
                assert parsed_text(await websocket.recv())["id"] == 1


def request(method: str, params: JsonObject) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def parsed_text(frame: str | bytes) -> JsonObject:
    assert isinstance(frame, str)
    return parsed(frame.encode())


@pytest.mark.requirement("remote.token")
async def test_the_token_in_initialize(workbench: Workbench, serve: Serve) -> None:
    server = await serve("--tcp", "127.0.0.1:0", ACP_AGENT_TOKEN=TOKEN)
    async with calling(server.address("tcp")) as caller:
        for meta in ({}, {"acp-agent/token": "wrong"}):
            error = (await caller.initialize(**meta))["error"]
            assert error["code"] == -32000
            assert "--token-file" in error["message"]
        assert (await caller.ask(1, "session/new", {}))["error"]["code"] == -32600
        assert "result" in await caller.initialize(**{"acp-agent/token": TOKEN})


@pytest.mark.requirement("remote.own-files")
@pytest.mark.parametrize(("options", "used"), [((), False), (("--shared-files",), True)])
async def test_whose_files(
    workbench: Workbench, serve: Serve, launch: Launch, options: tuple[str, ...], used: bool
) -> None:
    server = await serve("--tcp", "127.0.0.1:0")
    client = await launch(command=bridge(server.address("tcp"), *options))
    session = await new_session(client, workbench.project)
    assert (await session.prompt("read a.txt")).call.states[-1] == "completed"
    assert any(each.get("method") == "fs/read_text_file" for each in client.wire.messages) == used


@pytest.mark.requirement("remote.own-files")
@pytest.mark.parametrize(
    ("options", "meta", "used"),
    [
        ([], {}, True),
        (["--own-files"], {}, False),
        (["--own-files"], {"acp-agent/shared-files": True}, True),
        (["--own-files"], {"acp-agent/shared-files": "yes"}, False),
    ],
)
async def test_whose_files_over_ssh(
    workbench: Workbench, launch: Launch, options: list[str], meta: JsonObject, used: bool
) -> None:
    client = await launch(command=[*agent_command(), "serve", *options], raw=True)
    await client.initialize(meta=meta)
    session = await new_session(client, workbench.project)
    assert (await session.prompt("read a.txt")).call.states[-1] == "completed"
    assert any(each.get("method") == "fs/read_text_file" for each in client.wire.messages) == used


async def test_own_files_is_not_for_the_network(workbench: Workbench) -> None:
    said = await refused(workbench, "--own-files", "--tcp", "127.0.0.1:0")
    assert "on the network it is always so" in said


@pytest.mark.requirement("remote.dropped")
async def test_a_turn_goes_on_when_its_client_is_lost(
    workbench: Workbench, serve: Serve, launch: Launch
) -> None:
    server = await serve("--tcp", "127.0.0.1:0")
    lost = await launch(command=bridge(server.address("tcp")), exits=None)
    lost.handlers["session/request_permission"] = silent
    session = await new_session(lost, workbench.project)
    await session.start("run python3 -c 'print(1)'")
    await lost.asked("session/request_permission")
    lost.wire.process.kill()
    back = await launch(command=bridge(server.address("tcp")))
    back.handlers["session/request_permission"] = choose("allow_once")
    again = await reopen("session/resume", back, session)
    await again.saw("tool_call_update", status="completed")
    await again.saw("agent_message_chunk", content={"type": "text", "text": "Done."})
    assert (await again.prompt("say still here")).text == "still here"


@pytest.mark.requirement("remote.dropped")
async def test_a_session_that_nobody_comes_back_to_is_closed(
    workbench: Workbench, serve: Serve, launch: Launch
) -> None:
    server = await serve("--tcp", "127.0.0.1:0", "--keep", "0.1")
    lost = await launch(command=bridge(server.address("tcp")), exits=None)
    session = await new_session(lost, workbench.project)
    await session.start(f"run {SLEEP}")
    await wait_for_command(workbench.root, SLEEP)
    lost.wire.process.kill()
    await wait_until_no_command(workbench)


async def wait_until_no_command(workbench: Workbench) -> None:
    with anyio.fail_after(WAIT_S):
        while of_command(workbench.root, SLEEP):  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(0.05)


@pytest.mark.requirement("remote.many")
async def test_two_clients_watch_one_session(workbench: Workbench, serve: Serve, launch: Launch) -> None:
    server = await serve(*EVERYWHERE, str(workbench.root / "s" / "agent"))
    first = await launch(command=bridge(server.address("tcp")))
    second = await launch(command=bridge(server.address("ws")))
    session = await new_session(first, workbench.project)
    other = await reopen("session/resume", second, session)
    turn = await session.prompt("say for both")
    assert turn.text == "for both"
    await other.saw("agent_message_chunk", content={"type": "text", "text": "for both"})


@pytest.mark.requirement("remote.many")
async def test_connections_leave_nothing_behind(workbench: Workbench, serve: Serve) -> None:
    server = await serve("--tcp", "127.0.0.1:0", "--websocket", "127.0.0.1:0")
    before = server.descriptors()
    await visits(server, 200)
    with anyio.fail_after(WAIT_S):
        while server.descriptors() > before:  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(0.02)


async def visits(server: Server, count: int) -> None:
    """Connects so often, in turn by TCP and by WebSocket, and leaves with and without a word."""
    with anyio.fail_after(WAIT_S * 3):
        for number in range(count):
            if number % 4:
                async with calling(server.address("tcp")) as caller:
                    if number % 2:
                        await caller.initialize()
            else:
                async with connect(server.address("ws"), proxy=None) as websocket:
                    await websocket.send(request("initialize", INITIALIZE))
                    await websocket.recv()


@pytest.mark.requirement("remote.slow-reader")
async def test_who_does_not_read_holds_up_nobody(workbench: Workbench, serve: Serve, launch: Launch) -> None:
    workbench.configure(permission="yolo")
    server = await serve("--tcp", "127.0.0.1:0")
    async with calling(server.address("tcp")) as lazy:
        await lazy.initialize()
        await start_prompt(lazy, workbench, f"say {'lots of it ' * 800_000}")
        client = await launch(command=bridge(server.address("tcp")))
        session = await new_session(client, workbench.project)
        assert (await session.prompt("say hello")).text == "hello"


async def test_a_client_that_breaks_off_in_the_middle_of_a_line(workbench: Workbench, serve: Serve) -> None:
    server = await serve("--tcp", "127.0.0.1:0")
    async with calling(server.address("tcp")) as broken:
        await broken.initialize()
        await broken.send_raw(b'{"jsonrpc":"2.0","id":1,"meth')
    async with calling(server.address("tcp")) as caller:
        assert "result" in await caller.initialize()


@pytest.mark.requirement("remote.administration")
async def test_who_may_administer(workbench: Workbench, serve: Serve) -> None:
    socket = str(workbench.root / "s" / "agent")
    server = await serve("--tcp", "127.0.0.1:0", "--unix", socket)
    async with calling(server.address("tcp")) as stranger:
        await stranger.initialize()
        answer = await stranger.ask(1, "_acp-agent/sessions", {})
        assert answer["error"]["code"] == -32601
    async with calling(server.address("unix")) as owner:
        await owner.initialize()
        new = await owner.ask(1, "session/new", opening(workbench.project))
        (session,) = (await owner.ask(2, "_acp-agent/sessions", {}))["result"]["sessions"]
        assert session["sessionId"] == new["result"]["sessionId"]
        assert (session["state"], session["watchers"]) == ("idle", 1)
        for wrong, code in (({"sessionId": "none"}, -32002), ({}, -32602)):
            assert (await owner.ask(3, "_acp-agent/stop", wrong))["error"]["code"] == code
        assert "result" in await owner.ask(4, "_acp-agent/stop", {"sessionId": session["sessionId"]})
        assert (await owner.ask(5, "_acp-agent/sessions", {}))["result"]["sessions"] == []
    server = await serve("--tcp", "127.0.0.1:0", ACP_AGENT_TOKEN=TOKEN)
    async with calling(server.address("tcp")) as known:
        await known.initialize(**{"acp-agent/token": TOKEN})
        assert "result" in await known.ask(1, "_acp-agent/sessions", {})


@pytest.mark.requirement("shutdown.sigterm")
async def test_sigterm_in_the_middle_of_everything(workbench: Workbench, serve: Serve) -> None:
    workbench.configure(permission="yolo")
    server = await serve(*EVERYWHERE, str(workbench.root / "s" / "agent"))
    async with (
        calling(server.address("tcp")) as caller,
        calling(server.address("unix")),
        connect(server.address("ws"), proxy=None) as websocket,
    ):
        await websocket.send(request("initialize", INITIALIZE))
        assert "result" in parsed_text(await websocket.recv())
        await caller.initialize()
        await start_prompt(caller, workbench, f"run {SLEEP}")
        await wait_for_command(workbench.root, SLEEP)
        assert await server.stop() == 0
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1001
        answers: list[JsonObject] = []
        with pytest.raises(anyio.EndOfStream):
            while True:
                answers.append(await caller.next())
        assert answers[-1]["result"]["stopReason"] == "cancelled"
    await wait_until_no_command(workbench)
    assert not list((workbench.data / "servers").iterdir())
    assert not (workbench.root / "s" / "agent").exists()


async def start_prompt(caller: Caller, workbench: Workbench, text: str) -> None:
    """Opens a session and sends a prompt, without waiting for its end."""
    answer = await caller.ask(1, "session/new", opening(workbench.project))
    prompt = [{"type": "text", "text": text}]
    params = {"sessionId": answer["result"]["sessionId"], "prompt": prompt}
    await caller.send({"jsonrpc": "2.0", "id": 2, "method": "session/prompt", "params": params})


async def test_a_killed_server_leaves_no_process(workbench: Workbench, serve: Serve) -> None:
    workbench.configure(permission="yolo")
    server = await serve("--tcp", "127.0.0.1:0")
    async with calling(server.address("tcp")) as caller:
        await caller.initialize()
        await start_prompt(caller, workbench, f"run {SLEEP}")
        await wait_for_command(workbench.root, SLEEP)
        server.process.kill()
        await server.process.wait()
    await assert_all_gone(workbench.root)
