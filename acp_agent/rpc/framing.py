"""Bytes into lines, without I/O."""

from __future__ import annotations

MAX_LINE_BYTES = 48 * 1024 * 1024
"""A prompt with images may be 32 MiB; some room above that, and an end to it."""


OVERSIZED = b"\0oversized"
"""Stands for a line that was over the limit; no real line can be it, JSON has no NUL."""


class LineBuffer:
    """Splits a stream of bytes at newlines; blank lines and a trailing `\\r` are dropped.

    A line over `limit` bytes is not kept but comes out as OVERSIZED; what follows it is read
    as usual.
    """

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self.limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes."""
        first, newline, rest = data.partition(b"\n")
        if not newline:
            self._keep(data)
            return []
        self._keep(first)
        lines = [self._take()]
        *whole, tail = rest.split(b"\n")
        lines += whole
        self._keep(tail)
        return [line for raw in lines if (line := raw.removesuffix(b"\r")).strip()]

    def finish(self) -> list[bytes]:
        """The last line, when the stream ended without a newline."""
        line = self._take().removesuffix(b"\r")
        return [line] if line.strip() else []

    def _keep(self, part: bytes) -> None:
        if self._skipping or not part:
            return
        self._size += len(part)
        if self._size > self.limit:
            self._parts = [OVERSIZED]
            self._skipping = True
        else:
            self._parts.append(part)

    def _take(self) -> bytes:
        line = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._skipping = False
        return line
