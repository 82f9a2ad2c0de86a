"""Commands: the one place where processes are started, followed and ended.

A command has no terminal and nothing to read. Nothing of it outlives the call: whatever it has
started is ended when it ends, times out or is cancelled, and when the agent is killed the guard
does it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from asyncio import wrap_future
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_agent.errors import ToolError
from acp_agent.workspace.ending import LOOK_AGAIN_S, end, exited, left_of
from acp_agent.workspace.environment import NOTHING_MORE, Passing, scrubbed
from acp_agent.workspace.guarding import the_guard as _guard
from acp_agent.workspace.output import Decoder, Kept
from acp_agent.workspace.programs import which

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path
    from typing import IO

    from acp_agent.workspace.limits import Limits
    from acp_agent.workspace.sandbox import Confined

READ_SIZE = 1 << 16
OUTPUT_LIMIT_BYTES = 256 << 10
QUIET_S = 0.3
"""Once a command has ended, what it left behind may write or live on for so long after its last word."""
LINGER_LIMIT_S = 2.0
"""And for so long altogether."""
LOWEST_REPORT = 10
"""A shell uses lower descriptors as it likes."""


class CommandSpec(NamedTuple):
    """A command to run: words, or a text for the shell."""

    command: Sequence[str] | str
    cwd: Path
    timeout_s: float
    env: Mapping[str, str] | None = None
    """Instead of the agent's own. Of what is as in that, only what may pass does; secrets never do."""
    output_limit_bytes: int = OUTPUT_LIMIT_BYTES
    stdin: bytes = b""
    passing: Passing = NOTHING_MORE
    limits: Limits | None = None
    sandbox: Confined | None = None


class Ending(NamedTuple):
    """How a command ended. Exactly one of `code` and `signal` is set, also when it timed out."""

    code: int | None
    signal: int | None
    timed_out: bool
    left_behind: bool
    """Whether processes that it had put in the background had to be ended."""


class Exit(NamedTuple):
    """How a command ended, and what it wrote: output and errors as they came, readable, bounded."""

    code: int | None
    signal: int | None
    timed_out: bool
    left_behind: bool
    output: str
    truncated: bool


async def run(spec: CommandSpec, on_output: Callable[[str], None]) -> Exit:
    """Runs a command to its end and returns what it wrote, middle left out beyond the limit.

    `on_output` gets every piece as it comes, without control characters but those of
    events.OutputDelta; it must not raise. Raises ToolError when the command cannot be started.
    """
    kept = Kept(spec.output_limit_bytes)
    decoder = Decoder(styled=True)

    def take(data: bytes) -> None:
        kept.add(data)
        if text := decoder.feed(data):
            on_output(text)

    ending = await stream(spec, take)
    if text := decoder.feed(b"", final=True):
        on_output(text)
    return Exit(*ending, output=kept.text(), truncated=kept.truncated)


async def stream(
    spec: CommandSpec,
    on_bytes: Callable[[bytes], None],
    on_errors: Callable[[bytes], None] | None = None,
) -> Ending:
    """Runs a command to its end; `on_bytes` gets what it writes, errors too unless `on_errors` does.

    The callbacks must not raise. Raises ToolError when the command cannot be started.
    """
    running = _Running(spec, on_bytes, on_errors)
    try:
        await running.start()
        with anyio.move_on_after(spec.timeout_s):
            await running.follow()
    finally:
        with anyio.CancelScope(shield=True):  # bounded by the limits for grace and killing
            await running.finish()
    return running.ending()


class _Running:
    """A command: its first process, the pipes it writes to, and everything it has started."""

    def __init__(
        self,
        spec: CommandSpec,
        on_bytes: Callable[[bytes], None],
        on_errors: Callable[[bytes], None] | None,
    ) -> None:
        self._spec = spec
        self._takers = [on_bytes] if on_errors is None else [on_bytes, on_errors]
        self._marker = os.urandom(16).hex()
        self._pipes: dict[int, Callable[[bytes], None]] = {}
        self._activity = anyio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._left: int | None = None
        self._outer = False
        self._exited = False
        self._clean = False
        self._left_behind = False

    async def start(self) -> None:
        theirs: list[int] = []
        try:
            for take in self._takers:
                read, write = os.pipe()
                os.set_blocking(read, False)
                self._pipes[read] = take
                theirs.append(write)
            _guard.watch(self._marker)
            if self._spec.sandbox:
                self._left, left = _report_pipe()
                theirs.append(left)
            with anyio.CancelScope(shield=True):  # as a thread of anyio's has it: what starts is known of
                await wrap_future(_starter().submit(self._spawn, theirs))
        except (OSError, ValueError) as error:
            raise ToolError(f"Cannot run {_program(self._spec)} in {self._spec.cwd}: {error}") from error
        finally:
            for fd in theirs:
                os.close(fd)

    def _spawn(self, outputs: Sequence[int]) -> None:
        spec = self._spec
        words = [shell(), "-c", spec.command] if isinstance(spec.command, str) else list(spec.command)
        env = _environment(spec, self._marker)
        if spec.limits:
            words = spec.limits.wrap(words)
        streams, report = outputs[: len(self._takers)], outputs[len(self._takers) :]
        if spec.sandbox:
            words, changed, self._outer = spec.sandbox.sandbox.wrap(
                words, str(spec.cwd), spec.sandbox.confinement, report[0]
            )
            env = {name: value for name, value in {**env, **changed}.items() if value is not None}
        with _input(spec.stdin) as stdin:
            self._process = subprocess.Popen(
                words,
                cwd=spec.cwd,
                env=env,
                stdin=stdin,
                stdout=streams[0],
                stderr=streams[-1],
                start_new_session=True,
                pass_fds=report,
            )

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    async def follow(self) -> None:
        """Until the command has ended and what it left behind has been quiet for a while."""
        _guard.watch(self._marker, self._started.pid)
        async with anyio.create_task_group() as tasks:
            for fd in tuple(self._pipes):
                tasks.start_soon(self._read, fd)
            await exited(self._started)
            self._exited = True
            with anyio.move_on_after(LINGER_LIMIT_S):
                await self._settle()
            tasks.cancel_scope.cancel()

    async def _settle(self) -> None:
        """Until all pipes are closed or quiet, and nothing runs any more or has had its time."""
        while self._pipes:
            self._activity = anyio.Event()
            with anyio.move_on_after(QUIET_S) as quiet:
                await self._activity.wait()
            if quiet.cancelled_caught:
                return
        with anyio.move_on_after(QUIET_S):
            while await left_of(self._marker, self._started):  # noqa: ASYNC110 -- nobody tells us
                await anyio.sleep(LOOK_AGAIN_S)
            self._clean = True

    async def _read(self, fd: int) -> None:
        while self._take(fd):
            self._activity.set()
            await anyio.wait_readable(fd)
        self._activity.set()

    def _take(self, fd: int) -> bool:
        """Takes what there is; False at the end."""
        try:
            data = os.read(fd, READ_SIZE)
        except BlockingIOError:
            return True
        if data:
            self._pipes[fd](data)
            return True
        del self._pipes[fd]
        os.close(fd)
        return False

    async def finish(self) -> None:
        """Ends what still runs, takes what it had written, and frees what the command used."""
        try:
            if self._process is None:
                return
            if not self._clean:
                self._left_behind = self._exited and bool(await left_of(self._marker, self._started))
                await end(self._marker, self._started, spared=self._outer)
            self._left_behind = self._left_behind or (self._exited and self._reported())
            for fd in tuple(self._pipes):
                for _ in range(OUTPUT_LIMIT_BYTES // READ_SIZE):
                    if not self._take(fd):
                        break
        finally:
            for fd in (*self._pipes, *(() if self._left is None else (self._left,))):
                os.close(fd)
            _guard.forget(self._marker)
            if self._process:
                self._process.poll()

    def _reported(self) -> bool:
        """Whether the sandbox has said that something was left in the background."""
        try:
            return self._left is not None and bool(os.read(self._left, 1))
        except BlockingIOError:
            return False

    def ending(self) -> Ending:
        status = self._started.returncode
        if status is None:  # not even SIGKILL has ended it
            status = -signal.SIGKILL
        code, number = (status, None) if status >= 0 else (None, -status)
        return Ending(code, number, not self._exited, self._left_behind)


def _environment(spec: CommandSpec, marker: str) -> dict[str, str]:
    passing = spec.passing.for_command(spec.command)
    if spec.env is None:
        return scrubbed(os.environ, marker, passing)
    given = {name for name, value in spec.env.items() if os.environ.get(name) != value}
    return scrubbed(spec.env, marker, passing, given)


@cache
def _starter() -> ThreadPoolExecutor:
    """The one thread that starts processes. It lasts: for the kernel the thread that has started a
    sandbox is its parent, with which it dies."""
    return ThreadPoolExecutor(1, "starter")


def _report_pipe() -> tuple[int, int]:
    """A pipe whose writing end a shell can name without losing one of its own descriptors."""
    import fcntl

    read, write = os.pipe()
    try:
        os.set_blocking(read, False)
        return read, fcntl.fcntl(write, fcntl.F_DUPFD_CLOEXEC, LOWEST_REPORT)
    finally:
        os.close(write)


def shell() -> str:
    """bash where there is one."""
    return which("bash") or "/bin/sh"


@contextlib.contextmanager
def _input(data: bytes) -> Generator[IO[bytes] | int]:
    """Something to read `data` from that never makes the reader or the writer wait."""
    if not data:
        yield subprocess.DEVNULL
        return
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def _program(spec: CommandSpec) -> str:
    return "the shell" if isinstance(spec.command, str) else spec.command[0]
