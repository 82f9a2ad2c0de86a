"""Real MCP servers for tests: as an editor names them, and running at an address."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from tests.support.phrases import on, say, script, tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.support.wire import JsonObject

SERVER = str(Path(__file__).with_name("mcp_server.py"))
ODD_SERVER = str(Path(__file__).with_name("odd_mcp_server.py"))
START_S = 30.0
"""A server imports the library when it starts, which takes seconds on a busy machine."""


def phrases(*names: str) -> JsonObject:
    """A model that calls each of these tools when told to: `use NAME {arguments}`."""
    return script(
        *(tool(rf"^use {name} (\{{.*\}})$", {"call": name, "arguments": "${user:1}"}) for name in names),
        on(r"^say (.*)$", say("${user:1}")),
    )


def stdio(name: str = "tests", **env: str) -> JsonObject:
    """The test server as an editor names it."""
    return program(name, sys.executable, SERVER, **env)


def odd(how: str, *args: str, name: str = "odd") -> JsonObject:
    """A server that misbehaves; see tests/support/odd_mcp_server.py."""
    return program(name, sys.executable, ODD_SERVER, how, *args)


def program(name: str, command: str, *args: str, **env: str) -> JsonObject:
    variables = [{"name": key, "value": value} for key, value in env.items()]
    return {"name": name, "command": command, "args": list(args), "env": variables}


def remote(url: str, kind: str = "http", name: str = "far", **headers: str) -> JsonObject:
    given = [{"name": key.replace("_", "-"), "value": value} for key, value in headers.items()]
    return {"type": kind, "name": name, "url": url, "headers": given}


@asynccontextmanager
async def listening(kind: str, key: str = "", port: int = 0) -> AsyncGenerator[str]:
    """The test server at an address, which it yields; it listens from the beginning."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        port = listener.getsockname()[1]
        process = await anyio.open_process(
            [sys.executable, SERVER, kind, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            env={"PATH": os.environ["PATH"], "MCP_TEST_KEY": key},
            stdin=None,
            stdout=None,
            stderr=None,
        )
    async with process:
        try:
            yield f"http://127.0.0.1:{port}/{'sse' if kind == 'sse' else 'mcp'}"
        finally:
            process.kill()
