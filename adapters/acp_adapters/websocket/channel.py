"""An open WebSocket as a channel: a frame is a line."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import anyio
from starlette.websockets import WebSocketDisconnect

from acp_agent.transport.backlog import Backlog
from acp_agent.transport.network import ABORT_LIMIT_S, TOO_SLOW

if TYPE_CHECKING:
    from starlette.types import Message
    from starlette.websockets import WebSocket

    from acp_adapters.websocket.protocols import Frames
    from acp_agent.transport.backlog import Limits
    from acp_agent.transport.network import Ending

MOST_UNREAD = 64
"""Messages that nobody has taken yet; with more no more are read."""


class WebSocketChannel:
    """A transport.network.NetworkChannel. `run` carries the frames, in a task of the owner's.

    With `takes_binary` a binary frame is a line too, else it is ignored. What we send is text.
    """

    def __init__(
        self,
        websocket: WebSocket,
        frames: Frames,
        limits: Limits,
        *,
        authenticated: bool,
        takes_binary: bool,
    ) -> None:
        self.authenticated = authenticated
        self._takes_binary = takes_binary
        self._websocket = websocket
        self._frames = frames
        self._lines: list[bytes] = []
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._ended = False
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._lost = asyncio.Event()
        self._backlog = Backlog(limits, self._waiting, self._stalled)

    async def run(self) -> None:
        """Reads and writes until the connection is over."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write)
            await self._read()
            tasks.cancel_scope.cancel()

    # rpc.peer.Channel ------------------------------------------------------------------

    def send(self, line: bytes) -> None:
        if self._lost.is_set():
            return
        self._queue.append(line)
        self._queued_bytes += len(line)
        self._emptied.clear()
        self._wake.set()
        self._backlog.grew(len(line))

    async def drain(self) -> None:
        await self._backlog.drain()

    async def receive(self) -> list[bytes]:
        while not self._lines and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        lines, self._lines = self._lines, []
        self._taken.set()
        return lines

    # transport.network.NetworkChannel --------------------------------------------------

    def let_in(self) -> None:
        self._frames.let_in()

    def end(self) -> None:
        self._ended = True
        self._arrived.set()
        self._taken.set()

    async def close(self, why: Ending, flush_s: float) -> None:
        """Says `why`, and waits for the client's answer to it."""
        self.end()
        with anyio.move_on_after(flush_s, shield=True):
            await self._emptied.wait()
            await self._say_goodbye(why)
            await self._lost.wait()
        if not self._lost.is_set():
            self._frames.abort()
            with anyio.move_on_after(ABORT_LIMIT_S, shield=True):
                await self._lost.wait()

    async def _say_goodbye(self, why: Ending) -> None:
        try:
            await self._websocket.close(why.code, why.text)
        except (WebSocketDisconnect, RuntimeError):  # it has been closed meanwhile
            return

    # What the connection tells -----------------------------------------------------------

    def lost(self) -> None:
        """The connection is gone."""
        self._backlog.close()
        self._lost.set()
        self._emptied.set()
        self.end()

    def moved(self) -> None:
        """What was written has gone out."""
        self._backlog.shrank()

    # The two directions ------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self.end()
                return
            line = self._line_of(message)
            if line is None or self._ended:
                continue
            self._lines.append(line)
            self._arrived.set()
            while len(self._lines) > MOST_UNREAD and not self._ended:
                self._taken.clear()
                await self._taken.wait()

    def _line_of(self, message: Message) -> bytes | None:
        text = message.get("text")
        if text is not None:
            return text.encode()
        return message.get("bytes") if self._takes_binary else None

    async def _write(self) -> None:
        try:
            while True:
                while not self._queue:
                    self._emptied.set()
                    self._wake.clear()
                    await self._wake.wait()
                line = self._queue[0]
                await self._websocket.send_text(line.removesuffix(b"\n").decode())
                self._queue.popleft()
                self._queued_bytes -= len(line)
                self._backlog.shrank()
        except (WebSocketDisconnect, RuntimeError):
            self._emptied.set()
            self.end()

    def _waiting(self) -> int:
        return self._queued_bytes + self._frames.waiting()

    def _stalled(self) -> None:
        self._frames.cut_off(TOO_SLOW)
        self.end()
