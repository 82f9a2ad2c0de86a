"""A pipe in memory, for two peers in one process."""

from __future__ import annotations

import anyio


class MemoryChannel:
    """One end of a pipe: what is sent arrives at `other`."""

    def __init__(self) -> None:
        self.other: MemoryChannel | None = None
        self._lines: list[bytes] = []
        self._news = anyio.Event()
        self._ended = False

    def send(self, line: bytes) -> None:
        assert self.other is not None
        self.other.put(line)

    def put(self, line: bytes) -> None:
        self._lines.append(line)
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def drain(self) -> None:
        return

    async def receive(self) -> list[bytes]:
        while not self._lines and not self._ended:
            self._news = anyio.Event()
            await self._news.wait()
        lines, self._lines = self._lines, []
        return lines
