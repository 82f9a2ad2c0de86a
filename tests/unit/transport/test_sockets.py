"""Lines over a real TCP connection."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from acp_agent.rpc.framing import OVERSIZED
from acp_agent.transport.backlog import LIMITS, Limits
from acp_agent.transport.keeping import tune
from acp_agent.transport.network import FIRST_LINES_BYTES, OVER, Welcome
from acp_agent.transport.sockets import UNREAD_BYTES, StreamChannel, open_stream
from tests.support.network import pair
from tests.support.wire import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

LINE = b"x" * 4095 + b"\n"
QUICK = Limits(high_bytes=1 << 16, low_bytes=1 << 14, most_bytes=1 << 30, stall_s=0.1)


@asynccontextmanager
async def opened(limits: Limits = LIMITS) -> AsyncGenerator[tuple[StreamChannel, socket.socket]]:
    """A channel, and the client's end of it."""
    client, accepted = pair()
    client.settimeout(WAIT_S)
    with client, anyio.fail_after(WAIT_S):
        channel = await open_stream(accepted, Welcome(), limits)
        try:
            yield channel, client
        finally:
            await channel.close(OVER, 0.0)


def everything(client: socket.socket) -> bytes:
    """What comes until the connection is over, however it ends."""
    text = b""
    try:
        while data := client.recv(1 << 20):
            text += data
    except ConnectionResetError:
        pass
    return text


async def test_lines_both_ways() -> None:
    async with opened() as (channel, client):
        client.sendall(b"one\n\ntwo\r\nthr")
        assert await channel.receive() == [b"one", b"two"]
        client.sendall(b"ee\n")
        assert await channel.receive() == [b"three"]
        channel.send(b"answer\n")
        assert await anyio.to_thread.run_sync(client.recv, 100) == b"answer\n"


async def test_a_client_that_has_said_all_still_gets_answers() -> None:
    async with opened() as (channel, client):
        client.sendall(b"last")
        client.shutdown(socket.SHUT_WR)
        assert await channel.receive() == [b"last"]
        assert await channel.receive() == []
        channel.send(b"answer\n")
        await channel.close(OVER, WAIT_S)
        assert everything(client) == b"answer\n"


async def test_what_is_queued_goes_out_before_the_end() -> None:
    async with opened() as (channel, client):
        for _ in range(1000):
            channel.send(LINE)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(channel.close, OVER, WAIT_S)
            assert await anyio.to_thread.run_sync(everything, client) == LINE * 1000


async def test_drain_waits_for_a_slow_reader() -> None:
    async with opened() as (channel, client):
        while True:
            channel.send(LINE)
            with anyio.move_on_after(0.0) as at_once:
                await channel.drain()
            if at_once.cancelled_caught:
                break
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                while await anyio.to_thread.run_sync(client.recv, 1 << 20):
                    pass

            tasks.start_soon(read)
            await channel.drain()
            await channel.close(OVER, WAIT_S)


async def test_a_reader_that_has_stalled_is_cut_off() -> None:
    async with opened(QUICK) as (channel, client):
        for _ in range(10_000):
            channel.send(LINE)
        await channel.drain()
        assert await channel.receive() == []
        assert len(everything(client)) < 10_000 * len(LINE)


async def test_too_much_that_is_not_read() -> None:
    async with opened(LIMITS._replace(most_bytes=1 << 20)) as (channel, client):
        for _ in range(10_000):
            channel.send(LINE)
        assert await channel.receive() == []
        assert len(everything(client)) < 10_000 * len(LINE)


async def test_long_lines_only_for_who_has_been_let_in() -> None:
    long = b"y" * (FIRST_LINES_BYTES + 1) + b"\n"
    async with opened() as (channel, client):
        await anyio.to_thread.run_sync(client.sendall, long)
        assert await channel.receive() == [OVERSIZED]
        channel.let_in()
        await anyio.to_thread.run_sync(client.sendall, long)
        assert await channel.receive() == [long.removesuffix(b"\n")]


async def test_no_more_is_read_than_is_taken() -> None:
    async with opened() as (channel, client):
        client.setblocking(False)
        sent = 0
        with pytest.raises(BlockingIOError):
            while sent < 64 * UNREAD_BYTES:
                sent += client.send(LINE)
                await anyio.lowlevel.checkpoint()
        received = 0
        while received < sent - len(LINE):
            received += sum(len(line) + 1 for line in await channel.receive())


async def test_a_client_that_breaks_off() -> None:
    async with opened() as (channel, client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()  # with a reset
        assert await channel.receive() == []
        channel.send(b"to nobody\n")


def test_connections_are_tuned() -> None:
    ours, theirs = pair()
    with ours, theirs:
        tune(theirs)
        assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert theirs.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        found = [
            theirs.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
        ]
        assert found == [30, 10, 3, 90_000]
