"""Programs that run beside the agent for a while and are spoken to over their pipes.

Nothing of one outlives its block: on leaving, its input is closed, and it is ended, with
everything it has started, if it does not go. When the agent is killed the guard does it.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from acp_agent.workspace.ending import end, exited
from acp_agent.workspace.environment import marked, ordinary
from acp_agent.workspace.guarding import the_guard

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

READ_SIZE = 1 << 16
LEAVE_S = 0.3
"""What a program has to go once its input is closed."""
COMPLAINT_LINES = 20
"""Of its standard error, kept to say why it has ended."""
COMPLAINT_BYTES = 2000
"""Of a line of it."""
LAST_WORDS_S = 0.5
"""How long what a program has written may still arrive after it has ended."""


class ProgramSpec(NamedTuple):
    """A program to run. It gets `base` and `env`."""

    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    base: Mapping[str, str] | None = None
    """The ordinary part of the agent's environment, None for what that is for anybody."""


@asynccontextmanager
async def open_program(spec: ProgramSpec) -> AsyncGenerator[PipedProgram]:
    """Starts a program. Raises OSError or ValueError when it cannot be started."""
    program = PipedProgram(spec)
    try:
        await program.start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(program.listen)
            yield program
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):  # bounded by LEAVE_S and the limits of `end`
            await program.finish()


class PipedProgram:
    """A running program. One task at a time may `send`, and one `receive`."""

    def __init__(self, spec: ProgramSpec) -> None:
        self._spec = spec
        self._marker = os.urandom(16).hex()
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: deque[str] = deque(maxlen=COMPLAINT_LINES)
        self._heard = anyio.Event()
        self._ours: list[int] = []

    async def start(self) -> None:
        theirs: list[int] = []
        try:
            for ours_first in (False, True, True):  # input, output, errors
                read, write = os.pipe()
                ours, other = (read, write) if ours_first else (write, read)
                os.set_blocking(ours, False)
                self._ours.append(ours)
                theirs.append(other)
            the_guard.watch(self._marker)
            await anyio.to_thread.run_sync(self._spawn, theirs)
            the_guard.watch(self._marker, self._started.pid)
        finally:
            for fd in theirs:
                os.close(fd)

    def _spawn(self, pipes: Sequence[int]) -> None:
        self._process = subprocess.Popen(
            list(self._spec.command),
            cwd=self._spec.cwd,
            env={**self._base(), **marked(os.environ, self._marker), **self._spec.env},
            stdin=pipes[0],
            stdout=pipes[1],
            stderr=pipes[2],
            start_new_session=True,
        )

    def _base(self) -> Mapping[str, str]:
        return ordinary(os.environ) if self._spec.base is None else self._spec.base

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    async def send(self, data: bytes) -> None:
        """Writes all of it, as fast as the program reads. Raises OSError when it does not read any more."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._ours[0], left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._ours[0])

    async def receive(self) -> bytes:
        """What it has written to its output; empty once it has closed it."""
        return await _read(self._ours[1])

    async def listen(self) -> None:
        """Takes what it writes to standard error, into the log and for `why`."""
        rest = b""
        while data := await _read(self._ours[2]):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._note(line)
            if len(rest) > COMPLAINT_BYTES:
                self._note(rest)
                rest = b""
        self._note(rest)
        self._heard.set()

    def _note(self, line: bytes) -> None:
        if text := line[:COMPLAINT_BYTES].decode(errors="replace").strip():
            self._complaints.append(text)
            log.debug("%s: %s", self._spec.command[0], text)

    async def why(self) -> str:
        """How it has ended, and the last it had to say; for when its output is closed. Bounded."""
        with anyio.move_on_after(LAST_WORDS_S):
            await exited(self._started)
            await self._heard.wait()
        said = f": {self._complaints[-1]}" if self._complaints else ""
        return f"it {_ending(self._started)}{said}"

    async def finish(self) -> None:
        try:
            if self._process is None:
                return
            os.close(self._ours.pop(0))
            with anyio.move_on_after(LEAVE_S):
                await exited(self._process)
            await end(self._marker, self._process)
            self._process.poll()
        finally:
            for fd in self._ours:
                os.close(fd)
            self._ours.clear()
            the_guard.forget(self._marker)


async def _read(fd: int) -> bytes:
    while True:
        try:
            return os.read(fd, READ_SIZE)
        except BlockingIOError:
            await anyio.wait_readable(fd)


def _ending(process: subprocess.Popen[bytes]) -> str:
    """How it has ended. It stays unreaped where that can be: its pid names its group."""
    if sys.platform == "linux":
        found = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        status = found and (found.si_status if found.si_code == os.CLD_EXITED else -found.si_status)
    else:
        status = process.poll()
    if status is None:
        return "has closed its output"
    if status >= 0:
        return f"ended with status {status}"
    known = -status in {number.value for number in signal.Signals}
    return f"was killed by {signal.Signals(-status).name if known else f'signal {-status}'}"
