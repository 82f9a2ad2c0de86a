"""A process that speaks newline-delimited JSON on its pipes, with a record of every line it wrote."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from anyio.abc import Process

JsonObject = dict[str, Any]

WAIT_S = 10.0
"""How long a test waits for something that should happen at once, on a busy machine."""
EXIT_S = 2.0
"""What an agent has to leave after its input ended, and again after each signal."""
READ_SIZE = 1 << 16
SHOWN_LINES = 12


class Line(NamedTuple):
    """One line of the agent: when it came (seconds, monotonic), its bytes, and the object in it if any."""

    at: float
    raw: bytes
    message: JsonObject


class Wire:
    """The two pipes of a running agent. Whoever creates it runs `pump` in a task."""

    def __init__(self, process: Process, stderr: Path) -> None:
        self.process = process
        self.lines: list[Line] = []
        self.unfinished = b""
        """What the agent wrote after its last newline."""
        self.methods: dict[tuple[str, object], str] = {}
        """Method of each request sent, by type and value of its id."""
        self.on_message: Callable[[JsonObject], None] | None = None
        self.left_by = ""
        """What ended the process: `eof`, `sigterm` or `sigkill`; empty while it runs."""
        self._stderr = stderr
        self._ended = False
        self._news = anyio.Event()

    @property
    def messages(self) -> list[JsonObject]:
        return [line.message for line in self.lines]

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(encoding="utf-8", errors="replace")

    async def pump(self) -> None:
        """Record what the agent writes until it closes its output."""
        assert self.process.stdout is not None
        buffer = bytearray()
        with suppress(anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            while True:
                buffer += await self.process.stdout.receive(READ_SIZE)
                *complete, rest = bytes(buffer).split(b"\n")
                buffer = bytearray(rest)
                for raw in complete:
                    self._record(raw)
        self.unfinished = bytes(buffer)
        self._ended = True
        self._wake()

    def _record(self, raw: bytes) -> None:
        line = Line(anyio.current_time(), raw, parsed(raw))
        self.lines.append(line)
        if line.message and self.on_message is not None:
            self.on_message(line.message)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def send(self, message: JsonObject) -> None:
        """Write one message as a line."""
        text = json.dumps(message, ensure_ascii=False)
        try:
            line = text.encode()
        except UnicodeEncodeError:
            line = json.dumps(message).encode()
        await self.send_raw(line + b"\n")

    async def send_raw(self, data: bytes) -> None:
        """Write bytes as they are; the id and method of each request in them are noted.

        Raises AssertionError when the agent does not take them in time.
        """
        assert self.process.stdin is not None
        for message in map(parsed, data.split(b"\n")):
            if isinstance(message.get("id", {}), str | int | None) and isinstance(message.get("method"), str):
                self.methods[id_key(message["id"])] = message["method"]
        try:
            with anyio.fail_after(WAIT_S * 3):
                await self.process.stdin.send(data)
        except TimeoutError:
            raise AssertionError(f"the agent does not read its input\n{self.report()}") from None

    async def until(
        self, wanted: Callable[[JsonObject], bool], *, start: int = 0, within: float = WAIT_S
    ) -> tuple[int, JsonObject]:
        """Position and content of the first message from `start` on that is wanted, waiting for it.

        Raises AssertionError when it does not come, or can no longer come.
        """
        position = start
        try:
            with anyio.fail_after(within):
                while True:
                    while position < len(self.lines):
                        if wanted(self.lines[position].message):
                            return position, self.lines[position].message
                        position += 1
                    if self._ended:
                        raise AssertionError(f"the agent closed its output\n{self.report()}")
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not seen within {within} s\n{self.report()}") from None

    async def ended(self, within: float = EXIT_S) -> int:
        """Exit status, waiting for the process to leave by itself.

        Raises AssertionError when it does not.
        """
        try:
            with anyio.fail_after(within):
                return await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"still running after {within} s\n{self.report()}") from None

    async def close_input(self) -> None:
        assert self.process.stdin is not None
        with suppress(anyio.BrokenResourceError, BrokenPipeError):
            await self.process.stdin.aclose()

    def signal(self, number: int) -> None:
        """Send a signal, also to a process that is just ending: it is not reaped by that, as it
        would be by `Popen`, after which nobody could tell its exit status."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    async def close(self) -> None:
        """End the process: close its input, then SIGTERM, then SIGKILL, `EXIT_S` apart."""
        await self.close_input()
        for step, number in (("eof", None), ("sigterm", signal.SIGTERM), ("sigkill", signal.SIGKILL)):
            if number is not None and self.process.returncode is None:
                self.signal(number)
            with anyio.move_on_after(EXIT_S):
                await self.process.wait()
                self.left_by = self.left_by or step
                break
        assert self.process.stdout is not None
        with anyio.move_on_after(EXIT_S):
            while not self._ended:
                await self._news.wait()
        await self.process.stdout.aclose()

    def report(self) -> str:
        """The end of the record, for a failed assertion."""
        last = [line.raw[:400].decode(errors="replace") for line in self.lines[-SHOWN_LINES:]]
        head = f"exit status {self.process.returncode}, {len(self.lines)} lines, the last of them:"
        return "\n".join([head, *last, f"stderr: {self.stderr[-2000:]!r}"])


async def open_wire(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, stderr: Path) -> Wire:
    """Start `command` in a process group of its own with pipes for input and output."""
    with stderr.open("wb") as errors:
        process = await anyio.open_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    return Wire(process, stderr)


def id_key(request_id: object) -> tuple[str, object]:
    """Tells ids apart by type and value, as JSON does: 1, "1" and true are three."""
    return type(request_id).__name__, request_id


def objects(message: JsonObject, key: str) -> list[JsonObject]:
    """The objects in a list that may be missing or null."""
    return cast("list[JsonObject]", message.get(key) or [])


def inner(message: JsonObject, *keys: str) -> JsonObject:
    """The object at the end of a path; an empty one where there is none."""
    found: Any = message
    for key in keys:
        found = cast(JsonObject, found).get(key) if isinstance(found, dict) else None
    return cast(JsonObject, found) if isinstance(found, dict) else {}


def parsed(raw: bytes) -> JsonObject:
    """The JSON object in a line, or an empty one."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return cast(JsonObject, value) if isinstance(value, dict) else {}
