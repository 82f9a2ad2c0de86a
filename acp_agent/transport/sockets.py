"""Lines over a TCP or Unix socket, with or without TLS: the framing of standard input and output."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio

from acp_agent.rpc.framing import MAX_LINE_BYTES, LineBuffer
from acp_agent.transport.backlog import LIMITS, Backlog
from acp_agent.transport.keeping import tune
from acp_agent.transport.network import (
    ABORT_LIMIT_S,
    FIRST_LINES_BYTES,
    FLUSH_LIMIT_S,
    HANDSHAKE_LIMIT_S,
)

if TYPE_CHECKING:
    import socket

    from acp_agent.transport.backlog import Limits
    from acp_agent.transport.network import Ending, Welcome

UNREAD_BYTES = 1 << 20
"""Complete lines that nobody has taken yet; with more no more are read."""


async def open_stream(sock: socket.socket, welcome: Welcome, limits: Limits = LIMITS) -> StreamChannel:
    """The channel over an accepted connection. Raises OSError when TLS does not come about."""
    tune(sock)
    plain = welcome.tls is None
    _, channel = await asyncio.get_running_loop().connect_accepted_socket(
        lambda: StreamChannel(limits, FIRST_LINES_BYTES, half_closes=plain),
        sock,
        ssl=welcome.tls,
        ssl_handshake_timeout=None if plain else HANDSHAKE_LIMIT_S,
        ssl_shutdown_timeout=None if plain else FLUSH_LIMIT_S,
    )
    return channel


async def connect_unix(path: str) -> StreamChannel:
    """The channel to an agent at a Unix socket. Raises OSError."""
    _, channel = await asyncio.get_running_loop().create_unix_connection(
        lambda: StreamChannel(LIMITS, MAX_LINE_BYTES, half_closes=True), path
    )
    return channel


class StreamChannel(asyncio.Protocol):
    """A transport.network.NetworkChannel."""

    authenticated = False
    """A stream of lines brings a token only in its lines."""

    def __init__(self, limits: Limits, line_bytes: int, *, half_closes: bool) -> None:
        self._limits = limits
        self._half_closes = half_closes
        self._buffer = LineBuffer(line_bytes)
        self._lines: list[bytes] = []
        self._unread_bytes = 0
        self._paused = False
        self._arrived = asyncio.Event()
        self._ended = False
        self._lost = asyncio.Event()
        self._transport: asyncio.Transport

    # rpc.peer.Channel ------------------------------------------------------------------

    def send(self, line: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(line)
        self._backlog.grew(len(line))

    async def drain(self) -> None:
        await self._backlog.drain()

    async def receive(self) -> list[bytes]:
        while not self._lines and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        lines, self._lines = self._lines, []
        self._unread_bytes = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return lines

    # transport.network.NetworkChannel --------------------------------------------------

    def let_in(self) -> None:
        self._buffer.limit = MAX_LINE_BYTES

    def end(self) -> None:
        self._ended = True
        self._arrived.set()

    async def close(self, why: Ending, flush_s: float) -> None:
        """`why` cannot be said in lines."""
        self.end()
        self._transport.close()
        with anyio.move_on_after(flush_s, shield=True):
            await self._lost.wait()
        if not self._lost.is_set():
            self._transport.abort()
            with anyio.move_on_after(ABORT_LIMIT_S, shield=True):
                await self._lost.wait()

    # asyncio.Protocol ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(self._limits.high_bytes, self._limits.low_bytes)
        self._backlog = Backlog(self._limits, transport.get_write_buffer_size, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._take(self._buffer.feed(data))
        if self._unread_bytes > UNREAD_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """A client that has said all may still read the answers, where the transport allows it."""
        self._take(self._buffer.finish())
        self.end()
        return self._half_closes

    def connection_lost(self, exc: Exception | None) -> None:
        self._backlog.close()
        self._lost.set()
        self.end()

    def resume_writing(self) -> None:
        self._backlog.shrank()

    def _take(self, lines: list[bytes]) -> None:
        if lines and not self._ended:
            self._lines += lines
            self._unread_bytes += sum(map(len, lines))
            self._arrived.set()
