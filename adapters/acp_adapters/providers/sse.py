"""Server-sent events out of a stream of bytes, without I/O.

Works on bytes, because splitting decoded text into lines also splits at characters such as
U+2028 that models write.
"""

from __future__ import annotations

MAX_EVENT_BYTES = 16 * 1024 * 1024


class EventTooLarge(ValueError):
    """One event is larger than any model's answer should be."""


class EventStream:
    """Feed it bytes; it gives the data of each event that is complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The `data` of the events that `chunk` completes, several lines of it joined by newlines.

        Raises EventTooLarge.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found: list[bytes] = []
        for raw in lines:
            line = raw.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(line)
            elif not line and self._data:
                found.append(b"\n".join(self._data))
                self._data.clear()
                self._size = 0
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an event over {MAX_EVENT_BYTES >> 20} MiB")
        return found

    def finish(self) -> list[bytes]:
        """The last event, when the stream ended without the blank line behind it."""
        return self.feed(b"\n\n")
