"""What a person types, or a pipe brings, line by line; whoever wants a line takes it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.rpc.framing import LineBuffer

if TYPE_CHECKING:
    from collections.abc import Callable

READ_SIZE = 1 << 16


class Line(NamedTuple):
    number: int
    """Counts from 1, in the order of arrival."""
    text: str


def any_line(_: Line) -> bool:
    return True


class Lines:
    """The lines of a descriptor, blank ones left out. Read by a thread that never holds up the exit."""

    def __init__(self, fd: int, *, terminal: bool) -> None:
        self.terminal = terminal
        self.arrived = 0
        """The number of the line that came last."""
        self._fd = fd
        self._waiting: deque[Line] = deque()
        self._ended = False
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="lines", daemon=True).start()

    async def take(self, wanted: Callable[[Line], bool] = any_line, *, anywhere: bool = False) -> str | None:
        """The next line, as soon as it is wanted; None when no more come.

        With `anywhere`, lines before it that are not wanted are left for others.
        """
        while True:
            for line in self._waiting if anywhere else list(self._waiting)[:1]:
                if wanted(line):
                    self._waiting.remove(line)
                    self._wake()  # the one behind it may be what somebody else waits for
                    return line.text
            if self._ended and (anywhere or not self._waiting):
                return None
            await self._news.wait()

    def _read(self) -> None:
        buffer = LineBuffer()
        while True:
            try:
                data = os.read(self._fd, READ_SIZE)
            except OSError:
                data = b""
            lines = buffer.feed(data) if data else buffer.finish()
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._take_in, lines, not data)
            if not data:
                return

    def _take_in(self, lines: list[bytes], ended: bool) -> None:
        for line in lines:
            self.arrived += 1
            self._waiting.append(Line(self.arrived, line.decode(errors="replace").strip()))
        self._ended = ended
        self._wake()

    def _wake(self) -> None:
        """Wakes everybody who waits; who comes later waits for the next news."""
        self._news.set()
        self._news = asyncio.Event()
