"""An answer's bytes taken apart into frames, without I/O: one piece of JSON each, mostly.

Works on bytes, because splitting decoded text into lines also splits at characters such as
U+2028 that models write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FRAME_BYTES = 16 * 1024 * 1024


class FrameTooLarge(ValueError):
    """One frame is larger than any model's answer should be."""


class Frames(Protocol):
    """Feed it bytes; it gives the content of each frame that is complete.

    Both raise ValueError, once what came before has been given.
    """

    content_type: str

    def feed(self, chunk: bytes) -> Iterable[bytes]: ...

    def finish(self) -> Iterable[bytes]:
        """What the end of the stream completes."""
        ...


class EventFrames:
    """Server-sent events: the `data` of each, several lines of it joined by newlines."""

    content_type = "text/event-stream"

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        found: list[bytes] = []
        for line in _lines(self._rest, chunk):
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(line)
            elif not line and self._data:
                found.append(b"\n".join(self._data))
                self._data.clear()
                self._size = 0
        _require_bounded(self._size + len(self._rest))
        return found

    def finish(self) -> list[bytes]:
        """The last event, when the stream ended without the blank line behind it."""
        return self.feed(b"\n\n")


class LineFrames:
    """A piece of JSON a line."""

    content_type = "application/x-ndjson"

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        found = [line for line in _lines(self._rest, chunk) if line]
        _require_bounded(len(self._rest))
        return found

    def finish(self) -> list[bytes]:
        return self.feed(b"\n")


def _lines(rest: bytearray, chunk: bytes) -> list[bytes]:
    """The lines that `chunk` completes; what follows the last of them is kept in `rest`."""
    end = chunk.rfind(b"\n")
    if end < 0:
        rest += chunk
        return []
    lines = (bytes(rest) + chunk[:end]).split(b"\n")
    rest[:] = chunk[end + 1 :]
    return [line.removesuffix(b"\r") for line in lines]


def _require_bounded(size: int) -> None:
    if size > MAX_FRAME_BYTES:
        raise FrameTooLarge(f"an event over {MAX_FRAME_BYTES >> 20} MiB")
