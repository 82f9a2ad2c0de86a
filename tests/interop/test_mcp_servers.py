"""A real MCP server of somebody else's, which the editor gives: over its pipes and over HTTP."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.support.node import installed, node
from tests.support.processes import LOOK_AGAIN_S, assert_all_gone
from tests.support.session import new_session
from tests.support.tool_servers import START_S, phrases, program, remote

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

pytestmark = pytest.mark.counterpart

EVERYTHING = "@modelcontextprotocol/server-everything/dist/index.js"
TOOLS = ("echo", "get-sum", "get-tiny-image", "trigger-long-running-operation", "get-structured-content")


async def opened(launch: Launch, workbench: Workbench, server: JsonObject) -> Session:
    workbench.configure(phrases(*(f"mcp__all__{tool}" for tool in TOOLS)))
    client = await launch()
    session = await new_session(client, workbench.project, mcpServers=[server])
    with anyio.fail_after(START_S):
        while True:
            turn = await session.prompt('use mcp__all__echo {"message": "up"}')
            if "There is no tool" not in turn.call.text:
                return session


async def use(session: Session, tool: str, **arguments: object) -> str:
    call = (await session.prompt(f"use mcp__all__{tool} {json.dumps(arguments)}", within=START_S)).call
    assert call.states[-1] == "completed", call.now
    return call.now["rawOutput"]["output"]


async def exercise(session: Session) -> None:
    assert await use(session, "echo", message="grüße") == "Echo: grüße"
    assert "5" in await use(session, "get-sum", a=2, b=3)
    assert "temperature" in await use(session, "get-structured-content", location="New York")
    assert "image" in await use(session, "get-tiny-image")
    assert "completed" in await use(session, "trigger-long-running-operation", duration=0.3, steps=3)
    wrong = (await session.prompt('use mcp__all__get-sum {"a": "x"}')).call
    assert wrong.states[-1] == "failed"


async def test_over_its_pipes(launch: Launch, workbench: Workbench) -> None:
    server = program("all", node(), str(installed(EVERYTHING)), "stdio")
    session = await opened(launch, workbench, server)
    await exercise(session)
    await session.client.ask("session/close", {"sessionId": session.id})
    await session.client.wire.close()
    await assert_all_gone(workbench.root)


async def test_over_http(launch: Launch, workbench: Workbench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [node(), str(installed(EVERYTHING)), "streamableHttp"]
    async with await anyio.open_process(
        command, env={"PORT": str(port)}, stdin=None, stdout=None, stderr=None
    ) as process:
        try:
            await reachable(port)
            session = await opened(launch, workbench, remote(f"http://127.0.0.1:{port}/mcp", name="all"))
            await exercise(session)
        finally:
            process.kill()


async def reachable(port: int) -> None:
    with anyio.fail_after(START_S):
        while True:
            try:
                async with await anyio.connect_tcp("127.0.0.1", port):
                    return
            except OSError:
                await anyio.sleep(LOOK_AGAIN_S)
