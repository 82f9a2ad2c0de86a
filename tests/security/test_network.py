"""Who can come in over the network, and what of the secrets is seen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.support.network import TOKEN, calling, refused
from tests.support.session import new_session
from tests.support.wire import WAIT_S, parsed
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Launch
    from tests.support.network import Serve
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

HELLO = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n'


@pytest.fixture
def token_file(workbench: Workbench) -> Path:
    path = workbench.root / "token"
    path.write_text(f"{TOKEN}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def certificate(workbench: Workbench) -> Path:
    """The folder of cert.pem, key.pem and ca.pem for this machine."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(workbench.root / "ca.pem"))
    issued.private_key_pem.write_to_path(str(workbench.root / "key.pem"))
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(workbench.root / "cert.pem"), append=number > 0)
    return workbench.root


def tls(folder: Path) -> list[str]:
    return ["--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem")]


async def told(workbench: Workbench, *arguments: str, **env: str) -> JsonObject:
    """What `acp-agent connect` answers to `initialize`."""
    with anyio.fail_after(WAIT_S):
        done = await anyio.run_process(
            [*agent_command(), "connect", *arguments],
            input=HELLO,
            env=workbench.environment(**env),
            check=False,
        )
    return parsed(done.stdout)


class TestOtherMachines:
    @pytest.mark.requirement("remote.other-machines")
    @pytest.mark.parametrize("flag", ["--tcp", "--websocket"])
    async def test_nothing_given(self, workbench: Workbench, flag: str) -> None:
        said = await refused(workbench, flag, "0.0.0.0:0")
        assert all(word in said for word in ("--token-file", "--tls-cert", "--insecure", "docs/remote.md"))

    @pytest.mark.requirement("remote.other-machines")
    async def test_only_a_token(self, workbench: Workbench, token_file: Path) -> None:
        said = await refused(workbench, "--tcp", "0.0.0.0:0", "--token-file", str(token_file))
        assert "--tls-cert" in said
        assert "--token-file" not in said

    @pytest.mark.requirement("remote.other-machines")
    async def test_only_tls(self, workbench: Workbench, certificate: Path) -> None:
        said = await refused(workbench, "--tcp", "0.0.0.0:0", *tls(certificate))
        assert "--token-file" in said
        assert "--tls-cert" not in said

    @pytest.mark.requirement("remote.other-machines")
    async def test_insecure_needs_a_token_too(self, workbench: Workbench) -> None:
        assert "--token-file" in await refused(workbench, "--tcp", "[::]:0", "--insecure")

    @pytest.mark.requirement("remote.other-machines")
    async def test_a_token_and_insecure(self, workbench: Workbench, serve: Serve, token_file: Path) -> None:
        server = await serve("--tcp", "0.0.0.0:0", "--insecure", "--token-file", str(token_file))
        async with calling(server.address("tcp")) as caller:
            assert (await caller.initialize())["error"]["code"] == -32000
            assert "result" in await caller.initialize(**{"acp-agent/token": TOKEN})


class TestTokens:
    @pytest.mark.requirement("remote.token")
    async def test_through_the_bridge(self, workbench: Workbench, serve: Serve, token_file: Path) -> None:
        guards = ["--token-file", str(token_file)]
        server = await serve("--tcp", "127.0.0.1:0", "--websocket", "127.0.0.1:0", *guards)
        for address in (server.address("tcp"), server.address("ws")):
            assert (await told(workbench, address))["error"]["code"] == -32000
            assert "result" in await told(workbench, address, *guards)
            assert "result" in await told(workbench, address, ACP_AGENT_TOKEN=TOKEN)
        wrong = await told(workbench, server.address("tcp"), ACP_AGENT_TOKEN="x" * 20)
        assert wrong["error"]["code"] == -32000
        wrong = await told(workbench, server.address("ws"), ACP_AGENT_TOKEN="x" * 20)
        assert "the token is wrong" in wrong["error"]["message"]

    @pytest.mark.requirement("remote.token")
    @pytest.mark.parametrize("mode", [0o640, 0o604])
    async def test_a_file_that_others_can_read(
        self, workbench: Workbench, token_file: Path, mode: int
    ) -> None:
        os.chmod(token_file, mode)
        guards = ["--token-file", str(token_file)]
        assert "chmod 600" in await refused(workbench, "--tcp", "127.0.0.1:0", *guards)
        assert "chmod 600" in (await told(workbench, "127.0.0.1:1", *guards))["error"]["message"]

    @pytest.mark.requirement("remote.token")
    @pytest.mark.parametrize("token", ["", "short", "has spaces, and is long enough"])
    async def test_one_that_is_no_good(self, workbench: Workbench, token: str) -> None:
        assert "token" in await refused(workbench, "--tcp", "127.0.0.1:0", ACP_AGENT_TOKEN=token)

    @pytest.mark.requirement("remote.token")
    async def test_a_unix_socket_needs_none(self, workbench: Workbench, serve: Serve) -> None:
        server = await serve("--unix", str(workbench.root / "s" / "agent"), ACP_AGENT_TOKEN=TOKEN)
        assert "result" in await told(workbench, server.address("unix"))

    @pytest.mark.requirement("remote.token")
    async def test_it_is_neither_logged_nor_inherited(
        self, workbench: Workbench, serve: Serve, launch: Launch
    ) -> None:
        workbench.configure(permission="yolo")
        env = {"ACP_AGENT_TOKEN": TOKEN, "ACP_AGENT_LOG": "debug"}
        server = await serve("--tcp", "127.0.0.1:0", "--websocket", "127.0.0.1:0", **env)
        async with connect(f"{server.address('ws')}?token={TOKEN}", proxy=None) as websocket:
            await websocket.send(HELLO.decode())
            await websocket.recv()
        with pytest.raises(InvalidStatus):
            await connect(f"{server.address('ws')}?token=not-{TOKEN}", proxy=None)
        command = [*agent_command(), "connect", server.address("ws")]
        client = await launch(command=command, env=workbench.environment(ACP_AGENT_TOKEN=TOKEN))
        turn = await (await new_session(client, workbench.project)).prompt("run env")
        assert "PATH=" in turn.call.text
        assert TOKEN not in turn.call.text
        assert [path for path in files_under(workbench.data) if TOKEN.encode() in path.read_bytes()] == []


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.requirement("remote.origin")
async def test_web_pages(serve: Serve) -> None:
    server = await serve("--websocket", "127.0.0.1:0", "--allow-origin", "https://ide.example")
    own = server.address("ws").replace("ws://", "http://").removesuffix("/acp")
    for origin in ("https://ide.example", own):
        async with connect(server.address("ws"), proxy=None, origin=Origin(origin)):
            pass
    with pytest.raises(InvalidStatus) as refusal:
        await connect(server.address("ws"), proxy=None, origin=Origin("https://evil.example"))
    assert refusal.value.response.status_code == 403


class TestTls:
    async def test_both_carriers(
        self, workbench: Workbench, serve: Serve, launch: Launch, certificate: Path, token_file: Path
    ) -> None:
        token = ["--token-file", str(token_file)]
        server = await serve("--tcp", "127.0.0.1:0", "--websocket", "127.0.0.1:0", *token, *tls(certificate))
        for kind in ("tls", "wss"):
            command = [*agent_command(), "connect", *token, "--ca", str(certificate / "ca.pem")]
            client = await launch(command=[*command, server.address(kind)])
            session = await new_session(client, workbench.project)
            text = "0123456789" * 200_000
            assert (await session.prompt(f"say {text}")).text == text

    async def test_a_certificate_that_is_not_trusted(
        self, workbench: Workbench, serve: Serve, certificate: Path
    ) -> None:
        server = await serve("--tcp", "127.0.0.1:0", "--websocket", "127.0.0.1:0", *tls(certificate))
        for kind in ("tls", "wss"):
            error = (await told(workbench, server.address(kind)))["error"]
            assert "not trusted" in error["message"]
            assert "--ca" in error["message"]

    async def test_another_machines_certificate(
        self, workbench: Workbench, serve: Serve, certificate: Path
    ) -> None:
        server = await serve("--tcp", "127.0.0.2:0", *tls(certificate))
        answer = await told(workbench, "--ca", str(certificate / "ca.pem"), server.address("tls"))
        assert "not trusted" in answer["error"]["message"]

    async def test_in_the_clear_nothing_is_said(self, serve: Serve, certificate: Path) -> None:
        server = await serve("--tcp", "127.0.0.1:0", *tls(certificate))
        async with calling(server.address("tls").replace("tls:", "tcp:")) as caller:
            await caller.send_raw(HELLO)
            with anyio.fail_after(WAIT_S), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                while True:
                    assert b"jsonrpc" not in await caller.stream.receive()

    async def test_half_of_it(self, workbench: Workbench) -> None:
        assert "--tls-key" in await refused(workbench, "--tcp", "127.0.0.1:0", "--tls-cert", "cert.pem")
