"""One connection as a WebSocket, without a server around it."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from acp_adapters.websocket.server import open_websocket
from acp_agent.transport.backlog import LIMITS, Limits
from acp_agent.transport.network import FIRST_LINES_BYTES, LEAVING, OUT_OF_ORDER, OVER, Welcome
from acp_agent.transport.tokens import Token
from tests.support.network import pair
from tests.support.wire import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_adapters.websocket.channel import WebSocketChannel
    from acp_agent.transport.network import Ending

URL = "ws://127.0.0.1:4000/acp"
MESSAGE_URL = "ws://127.0.0.1:4000/message"
TOKEN = Token("0123456789abcdef")
LINE = b'"' + b"x" * 60_000 + b'"\n'
QUICK = Limits(high_bytes=1 << 16, low_bytes=1 << 14, most_bytes=1 << 30, stall_s=0.2)


@asynccontextmanager
async def opened(
    welcome: Welcome = Welcome(),  # noqa: B008 -- it cannot be changed
    limits: Limits = LIMITS,
    url: str = URL,
    headers: dict[str, str] | None = None,
    subprotocols: list[str] | None = None,
) -> AsyncGenerator[tuple[WebSocketChannel, ClientConnection]]:
    """The channel, and the client's end of it. Raises InvalidStatus when none comes of it."""
    ours, theirs = pair()
    channels: list[WebSocketChannel] = []
    refusal: InvalidStatus | None = None
    client: ClientConnection | None = None
    with anyio.fail_after(WAIT_S):

        async def serve() -> None:
            try:
                channels.append(await open_websocket(theirs, welcome, limits))
            except ConnectionResetError:
                return

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(serve)
                try:
                    client = await connect(
                        url,
                        sock=ours,
                        proxy=None,
                        additional_headers=headers,
                        subprotocols=subprotocols,  # pyright: ignore[reportArgumentType]
                        ping_interval=None,
                        close_timeout=WAIT_S,
                        max_queue=1,
                    )
                except InvalidStatus as error:
                    refusal = error
            if refusal:
                raise refusal
            assert client
            yield channels[0], client
        finally:
            for channel in channels:
                await channel.close(OVER, 0.0)
            if client:
                await client.close()
            ours.close()


async def test_frames_are_lines() -> None:
    async with opened() as (channel, client):
        await client.send('{"one":\n1}')
        await client.send(b"binary")
        await client.send("two")
        lines: list[bytes] = []
        while len(lines) < 2:
            lines += await channel.receive()
        assert lines == [b'{"one":\n1}', b"two"]
        channel.send('{"ü":1}\n'.encode())
        assert await client.recv() == '{"ü":1}'


async def test_where_binary_frames_are_lines_too() -> None:
    async with opened(url=MESSAGE_URL) as (channel, client):
        await client.send('{"ü":1}\n'.encode())
        await client.send("two")
        await client.send(b"\xff")
        lines: list[bytes] = []
        while len(lines) < 3:
            lines += await channel.receive()
        assert lines == ['{"ü":1}\n'.encode(), b"two", b"\xff"]
        channel.send(b"text\n")
        assert await client.recv() == "text"


async def test_it_has_an_id() -> None:
    ids: set[str] = set()
    for _ in range(2):
        async with opened() as (_channel, client):
            assert client.response
            ids.add(client.response.headers["Acp-Connection-Id"])
    assert len(ids) == 2
    assert all(len(each) >= 16 for each in ids)


@pytest.mark.parametrize("why", [LEAVING, OUT_OF_ORDER])
async def test_why_it_ends(why: Ending) -> None:
    async with opened() as (channel, client), anyio.create_task_group() as tasks:
        channel.send(b"last\n")
        tasks.start_soon(channel.close, why, WAIT_S)
        assert await client.recv() == "last"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == why


async def test_a_client_that_leaves() -> None:
    async with opened() as (channel, client):
        await client.send("last")
        await client.close()
        assert await channel.receive() == [b"last"]
        assert await channel.receive() == []
        channel.send(b"to nobody\n")


async def test_a_reader_that_has_stalled_is_told_so() -> None:
    async with opened(limits=QUICK) as (channel, client):
        for _ in range(1000):
            channel.send(LINE)
        await channel.drain()
        assert await channel.receive() == []
        with pytest.raises(ConnectionClosedError) as closed:
            while True:
                await client.recv()
        assert closed.value.rcvd
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "what was sent was not read")


async def test_too_much_that_is_not_read() -> None:
    async with opened(limits=LIMITS._replace(most_bytes=1 << 20)) as (channel, _client):
        for _ in range(1000):
            channel.send(LINE)
        assert await channel.receive() == []


async def test_all_of_it_arrives_at_a_slow_reader() -> None:
    async with opened() as (channel, client):
        for _ in range(300):
            channel.send(LINE)
        for _ in range(300):
            assert await client.recv() == LINE.decode().removesuffix("\n")
        await channel.drain()


async def test_large_messages_only_for_who_has_been_let_in() -> None:
    large = "y" * (FIRST_LINES_BYTES + 1)
    async with opened() as (channel, client):
        channel.let_in()
        await client.send(large)
        assert await channel.receive() == [large.encode()]
    async with opened() as (channel, client):
        await client.send(large)
        assert await channel.receive() == []
        with pytest.raises(ConnectionClosedError) as closed:
            await client.recv()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1009


class TestWhoMayCome:
    @pytest.mark.parametrize(
        ("url", "headers", "subprotocols"),
        [
            (URL, {"Authorization": f"Bearer {TOKEN.text}"}, None),
            (URL, {"authorization": f"bearer {TOKEN.text}"}, None),
            (f"{URL}?token={TOKEN.text}", {}, None),
            (URL, {}, ["acp", f"acp-token.{TOKEN.text}"]),
        ],
    )
    async def test_the_token_in_the_request(
        self, url: str, headers: dict[str, str], subprotocols: list[str] | None
    ) -> None:
        async with opened(Welcome(token=TOKEN), LIMITS, url, headers, subprotocols) as (channel, client):
            assert channel.authenticated
            assert client.subprotocol == ("acp" if subprotocols else None)

    @pytest.mark.parametrize(
        ("url", "headers", "subprotocols"),
        [
            (URL, {"Authorization": "Bearer wrong"}, None),
            (f"{URL}?token=", {}, None),
            (URL, {}, ["acp", "acp-token.wrong"]),
        ],
    )
    async def test_a_wrong_token(
        self, url: str, headers: dict[str, str], subprotocols: list[str] | None
    ) -> None:
        with pytest.raises(InvalidStatus) as refusal:
            async with opened(Welcome(token=TOKEN), LIMITS, url, headers, subprotocols):
                pass
        assert refusal.value.response.status_code == 401

    async def test_without_one_it_has_to_come_later(self) -> None:
        async with opened(Welcome(token=TOKEN)) as (channel, _):
            assert not channel.authenticated

    async def test_what_proves_nothing(self) -> None:
        async with opened(headers={"Authorization": "Bearer anything"}) as (channel, _):
            assert not channel.authenticated

    @pytest.mark.parametrize(
        "origin",
        [
            "http://127.0.0.1:4000",
            "https://127.0.0.1:4000",
            "http://listed.example",
            "HTTP://LISTED.example/",
        ],
    )
    async def test_origins_that_may(self, origin: str) -> None:
        async with opened(Welcome(allow_origins=("http://listed.example",)), headers={"Origin": origin}):
            pass

    @pytest.mark.parametrize(
        "origin",
        [
            "null", "", "http://evil.example", "http://127.0.0.1:4001", "http://127.0.0.1",
            "http://localhost:4000", "http://127.0.0.1:4000.evil.example", "http://evil.example:4000",
            "http://user@127.0.0.1:4000", "https://listed.example",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("url", [URL, MESSAGE_URL])
    async def test_origins_that_may_not(self, url: str, origin: str) -> None:
        welcome = Welcome(allow_origins=("http://listed.example",))
        with pytest.raises(InvalidStatus) as refusal:
            async with opened(welcome, url=url, headers={"Origin": origin}):
                pass
        assert refusal.value.response.status_code == 403

    async def test_a_name_that_only_leads_here(self) -> None:
        """A page can have its own name lead to this machine; then origin and host are the same."""
        with pytest.raises(InvalidStatus) as refusal:
            async with opened(
                url="ws://evil.example:4000/acp", headers={"Origin": "http://evil.example:4000"}
            ):
                pass
        assert refusal.value.response.status_code == 403

    @pytest.mark.parametrize("path", ["/", "/acp/", "/other", "/acp/x", "/message/"])
    async def test_other_paths(self, path: str) -> None:
        with pytest.raises(InvalidStatus) as refusal:
            async with opened(url=f"ws://127.0.0.1:4000{path}"):
                pass
        assert refusal.value.response.status_code == 404


@pytest.mark.parametrize(
    ("request_line", "status"),
    [("GET /acp", b"426"), ("POST /acp", b"405"), ("GET /", b"404"), ("x", b"400")],
)
async def test_what_is_no_websocket(request_line: str, status: bytes) -> None:
    ours, theirs = pair()
    ours.settimeout(WAIT_S)
    with ours, anyio.fail_after(WAIT_S):
        ours.sendall(f"{request_line} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

        async def read() -> None:
            answer = await anyio.to_thread.run_sync(ours.recv, 4096)
            assert answer.split()[1] == status
            ours.shutdown(socket.SHUT_RDWR)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            with pytest.raises(ConnectionResetError):
                await open_websocket(theirs, Welcome())


async def test_nobody_waits_for_it_any_more() -> None:
    ours, theirs = pair()
    with ours, anyio.fail_after(WAIT_S):
        with anyio.move_on_after(0.05):
            await open_websocket(theirs, Welcome())
        ours.settimeout(WAIT_S)
        with pytest.raises(ConnectionResetError):
            if not await anyio.to_thread.run_sync(ours.recv, 100):
                raise ConnectionResetError
