"""An editor for tests: it holds buffers, and can be of every kind that real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from acp_agent.errors import PeerError

Filter = Callable[[str], str]


def same(text: str) -> str:
    return text


class Editor:
    """Serves its buffers, and files it has not opened from disk; saves what is written."""

    def __init__(self) -> None:
        self.reads = True
        self.writes = True
        self.saves = True
        self.silent = False
        self.refusal: PeerError | None = None
        self.on_read: Filter = same
        self.on_write: Filter = same
        self.buffers: dict[str, str] = {}
        self.asked: list[str] = []
        self.written: list[tuple[str, str]] = []

    async def read_text(self, path: str) -> str:
        self.asked.append(path)
        await self._answer()
        if path in self.buffers:
            return self.on_read(self.buffers[path])
        return self.on_read(Path(path).read_bytes().decode("utf-8"))  # noqa: ASYNC240 -- tiny

    async def write_text(self, path: str, text: str) -> None:
        self.written.append((path, text))
        await self._answer()
        self.buffers[path] = self.on_write(text)
        if self.saves:
            Path(path).write_bytes(self.buffers[path].encode("utf-8"))  # noqa: ASYNC240 -- tiny

    async def _answer(self) -> None:
        if self.silent:
            await anyio.sleep_forever()
        if self.refusal:
            raise self.refusal
