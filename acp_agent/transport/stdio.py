"""Standard input and output as a channel of lines.

Reading and writing are done by a thread each, which works for pipes, files, terminals and
/dev/null alike and never leaves a descriptor non-blocking for others.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from acp_agent.transport.descriptors import read_some, write_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from acp_agent.rpc.framing import LineBuffer
    from acp_agent.transport.descriptors import Descriptors

HIGH_WATER_BYTES = 1 << 20
LOW_WATER_BYTES = 1 << 18
STALL_LIMIT_S = 60.0
"""A client that reads nothing for so long is taken for gone."""
FLUSH_LIMIT_S = 1.0
"""How long the last lines may take on the way out."""


class StdioChannel:
    """A rpc.peer.Channel over two descriptors. Use as an async context manager."""

    def __init__(self, descriptors: Descriptors, buffer: LineBuffer) -> None:
        self._fds = descriptors
        self._buffer = buffer
        self._loop = asyncio.get_running_loop()
        self._lines: list[bytes] = []
        self._arrived = asyncio.Event()
        self._ended = False
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._wake = threading.Condition()
        self._closing = False
        self._broken = False
        self._relaxed = asyncio.Event()
        self._relaxed.set()
        self._writer = threading.Thread(target=self._write, name="acp-out", daemon=True)

    async def __aenter__(self) -> StdioChannel:
        threading.Thread(target=self._read, name="acp-in", daemon=True).start()
        self._writer.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Lets queued lines out, for a bounded time."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._writer.join, FLUSH_LIMIT_S)

    def send(self, line: bytes) -> None:
        with self._wake:
            if self._broken:
                return
            self._queue.append(line)
            self._queued_bytes += len(line)
            if self._queued_bytes > HIGH_WATER_BYTES:
                self._relaxed.clear()
            self._wake.notify()

    async def drain(self) -> None:
        if self._relaxed.is_set():
            return
        with anyio.move_on_after(STALL_LIMIT_S) as scope:
            await self._relaxed.wait()
        if scope.cancelled_caught:
            self._break()

    async def receive(self) -> list[bytes]:
        while not self._lines and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        lines, self._lines = self._lines, []
        return lines

    # In the reading thread -----------------------------------------------------

    def _read(self) -> None:
        while True:
            try:
                data = read_some(self._fds.read)
            except OSError:
                data = b""
            lines = self._buffer.feed(data) if data else self._buffer.finish()
            if lines:
                self._tell(self._take, lines)
            if not data:
                self._tell(self.end)
                return

    # In the writing thread -----------------------------------------------------

    def _write(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    self._wake.wait()
                batch = b"".join(self._queue)
                self._queue.clear()
            if not batch:
                return
            try:
                write_all(self._fds.write, batch)
            except OSError:
                self._tell(self._break)
                return
            with self._wake:
                self._queued_bytes -= len(batch)
                relaxed = self._queued_bytes <= LOW_WATER_BYTES and not self._relaxed.is_set()
            if relaxed:
                self._tell(self._relaxed.set)

    def _tell(self, what: Callable[..., object], *args: object) -> None:
        """Has the loop do something; nothing when it is closed and the process on its way out."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *args)

    # In the loop -----------------------------------------------------------------

    def _take(self, lines: list[bytes]) -> None:
        self._lines += lines
        self._arrived.set()

    def end(self) -> None:
        """Acts as if the other side had ended the stream."""
        self._ended = True
        self._arrived.set()

    def _break(self) -> None:
        """Nothing more can be sent either."""
        with self._wake:
            self._broken = True
        self._relaxed.set()
        self.end()
