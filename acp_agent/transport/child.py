"""A program that we start and talk to over its pipes, as an editor does with its agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_agent.rpc.framing import LineBuffer
from acp_agent.transport.descriptors import Descriptors
from acp_agent.transport.stdio import StdioChannel

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

EXIT_LIMIT_S = 2.0
"""What a child has to leave once its input is closed, and again after each signal."""
LAST_OUTPUT_S = 0.5
"""How long what a child has written may still arrive after it has left; others may hold its pipes open."""
COMPLAINT_LINES = 20
READ_SIZE = 1 << 14


class Program(NamedTuple):
    """What to start. `env` None is our own environment."""

    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str] | None = None


@asynccontextmanager
async def open_child(program: Program) -> AsyncGenerator[Child]:
    """Starts `program`; on leaving, its input is closed, and it is ended if it does not leave.

    Raises OSError when it cannot be started.
    """
    child = Child(_start(program))
    try:
        async with child.channel:
            yield child
    finally:
        with anyio.CancelScope(shield=True):
            await child.end()


def _start(program: Program) -> subprocess.Popen[bytes]:
    """In a session of its own, so that a terminal's Ctrl-C reaches us alone."""
    return subprocess.Popen(
        program.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=program.cwd,
        env=program.env,
        bufsize=0,
        start_new_session=True,
    )


def _own(process: subprocess.Popen[bytes]) -> Descriptors:
    """The process's pipes as plain descriptors, which nothing closes behind the channel's back."""
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin as stdin, process.stdout as stdout:
        return Descriptors(os.dup(stdout.fileno()), os.dup(stdin.fileno()))


def _close(fd: int) -> None:
    """Lets go of a pipe. A thread of the channel may still use the number, so it stays taken."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, fd)
    os.close(null)


class Child:
    """A rpc.peer.Channel to a running program. The stream also ends when the program leaves."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pipes = _own(process)
        self.channel = StdioChannel(self._pipes, LineBuffer())
        self._complaints: deque[str] = deque(maxlen=COMPLAINT_LINES)
        self._loop = asyncio.get_running_loop()
        self._left = anyio.Event()
        self._silent = False
        self._reading = anyio.CancelScope()
        self._listener = threading.Thread(target=self._listen, name="acp-child-errors", daemon=True)
        self._listener.start()
        threading.Thread(target=self._wait, name="acp-child", daemon=True).start()

    @property
    def complaints(self) -> list[str]:
        """The last lines it has written to standard error."""
        return list(self._complaints)

    def send(self, line: bytes) -> None:
        self.channel.send(line)

    async def drain(self) -> None:
        await self.channel.drain()

    async def receive(self) -> list[bytes]:
        if self._silent:
            return []
        with anyio.CancelScope() as self._reading:
            return await self.channel.receive()
        return []

    async def status(self) -> int | None:
        """Its exit status, negative for a signal; None when it is still there after EXIT_LIMIT_S."""
        with anyio.move_on_after(EXIT_LIMIT_S):
            await self._left.wait()
        return self._process.returncode

    async def end(self) -> None:
        """Closes its input, then asks it to leave, then kills it. Bounded."""
        _close(self._pipes.write)
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                self._signal(number)
            if await self.status() is not None:
                break
        _close(self._pipes.read)

    def _signal(self, number: signal.Signals) -> None:
        """To all of its process group: a command may be a shell that waits for the real one."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    # In threads of their own -------------------------------------------------------

    def _wait(self) -> None:
        self._process.wait()
        self._listener.join(LAST_OUTPUT_S)  # its last words may say why
        self._tell(self._left.set)
        self._tell(lambda: self._loop.call_later(LAST_OUTPUT_S, self._fall_silent))

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._complaints.append(line.decode(errors="replace").rstrip())

    def _tell(self, what: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, nobody wants to know
            self._loop.call_soon_threadsafe(what)

    # In the loop ---------------------------------------------------------------------

    def _fall_silent(self) -> None:
        self._silent = True
        self._reading.cancel()
