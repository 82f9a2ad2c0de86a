"""A command on a terminal of its own: what a person sees there, and types."""

from __future__ import annotations

import os
import re
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from pathlib import Path

    from anyio.abc import Process

WAIT_S = 15.0
READ_SIZE = 1 << 16
CTRL_D = "\x04"


class Terminal:
    """The screen so far is `text`; line ends are plain newlines."""

    def __init__(self, process: Process, master: int) -> None:
        self.process = process
        self.text = ""
        self._master = master
        self._seen = 0

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """What Ctrl-C does."""
        self.process.send_signal(number)

    async def sees(self, pattern: str) -> str:
        """Waits for something new that matches; returns what is new, up to there.

        Raises AssertionError when it does not come, or can no longer come.
        """
        try:
            with anyio.fail_after(WAIT_S):
                while not (found := re.compile(pattern).search(self.text, self._seen)):
                    await self._read()
        except (TimeoutError, EOFError):
            raise AssertionError(f"{pattern!r} was not seen in:\n{self.text}") from None
        new = self.text[self._seen : found.end()]
        self._seen = found.end()
        return new

    async def ended(self) -> int:
        """The exit status; what is still shown meanwhile is read."""
        with anyio.fail_after(WAIT_S), suppress(EOFError):
            while True:
                await self._read()
        with anyio.fail_after(WAIT_S):
            return await self.process.wait()

    async def _read(self) -> None:
        await anyio.wait_readable(self._master)
        try:
            data = os.read(self._master, READ_SIZE)
        except OSError:  # nobody has the other end open
            raise EOFError from None
        self.text += data.decode(errors="replace").replace("\r\n", "\n")


@asynccontextmanager
async def on_terminal(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> AsyncGenerator[Terminal]:
    """Starts `command`; it is killed at the end if it still runs."""
    master, slave = os.openpty()
    try:
        process = await anyio.open_process(
            command, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd, start_new_session=True
        )
    finally:
        os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        with anyio.CancelScope(shield=True):
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            os.close(master)
