"""Carries bytes between standard input and output and a connection, both ways at once.

One thread waits for all of them and keeps no more than a little of either direction, so that
a slow side slows down the other. Nothing is changed but the first `initialize`. Imports next
to nothing.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acp_agent.transport.descriptors import Descriptors

READ_BYTES = 1 << 16
MOST_BYTES = 1 << 18
"""Of one direction; with more waiting no more is read."""
WRITE_BYTES = min(select.PIPE_BUF, 4096)
"""What a pipe that can be written to takes at once."""
LEAVE_LIMIT_S = 1.5
"""How long the agent may say nothing once the editor has left, before we leave too."""
FIRST_LINE_BYTES = 1 << 20
"""A first line that is longer is no `initialize`, and goes through as it is."""


class Link(Protocol):
    """A connection that never waits: `recv` and `send` raise BlockingIOError instead."""

    def fileno(self) -> int: ...

    def recv(self, size: int, /) -> bytes:
        """Empty at the end. Raises OSError."""
        ...

    def send(self, data: bytes | bytearray | memoryview, /) -> int:
        """Raises OSError."""
        ...

    def pending(self) -> int:
        """Bytes that can be read though the descriptor does not say so."""
        ...

    def finish(self) -> None:
        """Says that nothing more will be sent. Raises OSError."""
        ...


class Opening:
    """Adds to the `_meta` of the first `initialize`; the bytes before and after it stay as they are."""

    def __init__(self, meta: Mapping[str, object]) -> None:
        self.meta = meta
        self._held = b""
        self._done = not meta

    def feed(self, data: bytes) -> bytes:
        """What is to be sent for `data`, as far as that is known."""
        if self._done:
            return data
        out = b""
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            out += (line if self._done else self._changed(line)) + b"\n"
        if self._done or len(self._held) > FIRST_LINE_BYTES:
            self._done = True
            out += self.rest()
        return out

    def rest(self) -> bytes:
        """What is held back when no more comes."""
        rest, self._held = self._held, b""
        return rest if self._done else self._changed(rest)

    def _changed(self, line: bytes) -> bytes:
        if b'"initialize"' not in line:
            return line
        import json

        try:
            message = json.loads(line)
            if message["method"] != "initialize":
                return line
            message["params"]["_meta"] = {**(message["params"].get("_meta") or {}), **self.meta}
            changed = json.dumps(message, separators=(",", ":"))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return line  # the agent will say what is wrong with it
        self._done = True
        return changed.encode()


class Ended(NamedTuple):
    """How it ended: `by_agent` when the agent was the first to close, `why` with the system's reason."""

    by_agent: bool
    why: str = ""


class Bridge:
    """Run `run` once, in the main thread: it takes SIGTERM and SIGINT for the editor's leaving."""

    def __init__(self, editor: Descriptors, link: Link, opening: Opening) -> None:
        self._editor = editor
        self._link = link
        self._opening = opening
        self._up = bytearray()
        self._down = bytearray()
        self._listening = True
        """Whether the editor may still say something."""
        self._sending = True
        """Whether we may."""
        self._receiving = True
        """Whether the agent may still say something."""
        self._shown = True
        """Whether the editor may still read."""
        self._deadline: float | None = None
        self._why = ""

    def run(self) -> Ended:
        """Carries bytes until one side has left and the other has all it can have."""
        woken, wake = os.pipe()
        for fd in (woken, wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _noted)
        by_agent = False
        while self._goes_on():
            self._step(woken)
            by_agent = by_agent or (self._listening and not self._receiving)
        return Ended(by_agent and self._shown, self._why)

    def _goes_on(self) -> bool:
        if not self._shown:
            return False
        if not self._receiving and not self._down:
            return False
        return self._deadline is None or time.monotonic() < self._deadline

    def _step(self, woken: int) -> None:
        """Waits until something can be carried, and carries it."""
        link = self._link
        reads: list[int] = [woken]
        writes: list[int] = []
        if self._listening and len(self._up) < MOST_BYTES:
            reads.append(self._editor.read)
        if self._receiving and len(self._down) < MOST_BYTES:
            reads.append(link.fileno())
        if self._up and self._sending:
            writes.append(link.fileno())
        if self._down:
            writes.append(self._editor.write)
        at_once = link.fileno() in reads and link.pending() > 0
        wait = 0.0 if at_once else None if self._deadline is None else self._deadline - time.monotonic()
        readable, writable, _ = select.select(reads, writes, (), wait if wait is None else max(0.0, wait))
        if woken in readable:
            os.read(woken, READ_BYTES)
            self._leave()
        if self._editor.read in readable:
            self._listen()
        if at_once or link.fileno() in readable:
            self._receive()
        if self._sending and (self._up or not self._listening):
            self._send()
        if self._editor.write in writable:
            self._show()

    def _listen(self) -> None:
        try:
            data = os.read(self._editor.read, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._up += self._opening.feed(data)
        if not data:
            self._leave()

    def _leave(self) -> None:
        """The editor says nothing more."""
        if self._listening:
            self._listening = False
            self._up += self._opening.rest()
        self._progress()

    def _progress(self) -> None:
        if not self._listening:
            self._deadline = time.monotonic() + LEAVE_LIMIT_S

    def _send(self) -> None:
        try:
            while self._up:
                del self._up[: self._link.send(self._up)]
                self._progress()
            if not self._listening:
                self._sending = False
                self._link.finish()
        except BlockingIOError:
            return
        except OSError as error:  # what the agent said last may still be there to be read
            self._sending = False
            self._why = error.strerror or str(error)
        if not self._sending:
            self._up.clear()

    def _receive(self) -> None:
        try:
            data = self._link.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            data = b""
            self._why = error.strerror or str(error)
        self._down += data
        self._receiving = bool(data)
        self._progress()

    def _show(self) -> None:
        try:
            del self._down[: os.write(self._editor.write, self._down[:WRITE_BYTES])]
        except BlockingIOError:
            return
        except OSError:
            self._shown = False
        self._progress()


def _noted(*_: object) -> None:
    """The wake-up descriptor has told already."""
