"""Servers as processes, and connections to them with nothing in between."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio

from tests.support.wire import WAIT_S, JsonObject, parsed
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from pathlib import Path

    from anyio.abc import ByteStream, Process

    from tests.support.workbench import Workbench

EXIT_S = 2.0
"""What a server has to leave once it is told."""
LOOK_AGAIN_S = 0.02
INITIALIZE: JsonObject = {"protocolVersion": 1, "clientCapabilities": {}}
TOKEN = "correct-horse-battery-staple"


class Server:
    """`acp-agent serve` with the doors it has opened."""

    def __init__(self, process: Process, stderr: Path) -> None:
        self.process = process
        self._stderr = stderr

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(encoding="utf-8")

    def address(self, kind: str) -> str:
        """The first address of a kind: tcp, tls, unix, ws or wss."""
        found = re.search(rf"^listening on ({kind}:.*)$", self.stderr, flags=re.MULTILINE)
        assert found, self.stderr
        return found[1]

    def descriptors(self) -> int:
        """How many the process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    async def stop(self) -> int:
        """Ends it with SIGTERM; its exit status. Raises AssertionError when it does not leave in time."""
        self.process.terminate()
        try:
            with anyio.fail_after(EXIT_S):
                return await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"the server has not left within {EXIT_S} s\n{self.stderr}") from None


@asynccontextmanager
async def serving(bench: Workbench, *options: str, **env: str) -> AsyncGenerator[Server]:
    """Starts a server with `serve` and these options; ends it, and checks how it ended."""
    doors = sum(option in ("--tcp", "--unix", "--websocket") for option in options)
    command = [*agent_command(), "serve", *options]
    async with serving_by(bench, command, bench.environment(**env), doors) as server:
        yield server


@asynccontextmanager
async def serving_by(
    bench: Workbench, command: Sequence[str], env: Mapping[str, str], doors: int = 1
) -> AsyncGenerator[Server]:
    """The same with a whole command, which opens so many doors."""
    stderr = bench.root / f"server-{len(list(bench.root.glob('server-*')))}"
    with stderr.open("wb") as errors:
        process = await anyio.open_process(
            command,
            env=env,
            cwd=bench.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    server = Server(process, stderr)
    try:
        with anyio.fail_after(WAIT_S):
            while server.stderr.count("listening on") < doors:
                assert process.returncode is None, server.stderr
                await anyio.sleep(LOOK_AGAIN_S)
        yield server
        if process.returncode is None:
            assert await server.stop() == 0, server.stderr
        assert all(line.startswith("listening on ") for line in server.stderr.splitlines())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Serve(Protocol):
    """Starts a server; it is ended when the test is over."""

    async def __call__(self, *options: str, **env: str) -> Server: ...


async def refused(bench: Workbench, *options: str, **env: str) -> str:
    """What `serve` says when it does not start."""
    with anyio.fail_after(WAIT_S):
        done = await anyio.run_process(
            [*agent_command(), "serve", *options],
            env=bench.environment(**env),
            cwd=bench.root,
            check=False,
        )
    assert (done.returncode, done.stdout) == (2, b""), done
    return done.stderr.decode()


class Caller:
    """A connection to a server, with nothing done for it."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self._rest = b""

    async def send(self, *messages: JsonObject) -> None:
        await self.send_raw(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    async def send_raw(self, data: bytes) -> None:
        with anyio.fail_after(WAIT_S):
            await self.stream.send(data)

    async def ask(self, request_id: int, method: str, params: JsonObject) -> JsonObject:
        """Sends a request; the next message with its id."""
        await self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        while True:
            message = await self.next()
            if message.get("id") == request_id and "method" not in message:
                return message

    async def initialize(self, **meta: object) -> JsonObject:
        return await self.ask(0, "initialize", {**INITIALIZE, "_meta": meta})

    async def next(self, within: float = WAIT_S) -> JsonObject:
        """The next message. Raises EndOfStream at the end."""
        with anyio.fail_after(within):
            while b"\n" not in self._rest:
                self._rest += await self.stream.receive()
        line, _, self._rest = self._rest.partition(b"\n")
        return parsed(line)

    async def ended(self, within: float = WAIT_S) -> None:
        """Waits until the server has closed the connection; what it still says is dropped."""
        with anyio.fail_after(within):
            try:
                while True:
                    await self.stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return


def host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.partition("://")[2].partition("/")[0].rpartition(":")
    return host, int(port)


@asynccontextmanager
async def calling(address: str) -> AsyncGenerator[Caller]:
    """Connects to a tcp or unix address."""
    with anyio.fail_after(WAIT_S):
        if address.startswith("unix:"):
            stream = await anyio.connect_unix(address.removeprefix("unix:"))
        else:
            stream = await anyio.connect_tcp(*host_and_port(address))
    async with stream:
        yield Caller(stream)


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection on this machine: the one that connected, the one that was accepted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    return ours, theirs
