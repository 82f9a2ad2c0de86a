"""An MCP server on the official library: its tools do what a test asks of them.

Run as a program it speaks over its pipes, or with `http` or `sse` and the descriptor of a listening socket
over HTTP, where every request needs the key in `MCP_TEST_KEY` if that is set.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, EmbeddedResource, ImageContent, ResourceLink, TextContent
from mcp_types import TextResourceContents as TextResource
from pydantic import BaseModel

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Receive, Scope, Send

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
KEY_VARIABLE = "MCP_TEST_KEY"
KEY_HEADER = "x-test-key"

server = MCPServer(os.environ.get("MCP_TEST_NAME", "tests"))


@server.tool()
def echo(text: str) -> str:
    """Says what it is told."""
    return f"echo: {text}"


@server.tool(structured_output=False)
def environment() -> str:
    """Names of the environment's variables, and the working directory."""
    return json.dumps({"names": sorted(os.environ), "values": dict(os.environ), "cwd": str(Path.cwd())})


@server.tool()
def huge(characters: int) -> str:
    """A long text."""
    return "first " + "x" * characters + " last"


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("not today")


@server.tool()
def die() -> str:
    """Ends the server at once."""
    sys.stderr.write("a last word\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)
    return "unreachable"


@server.tool()
async def hang(marks: str) -> str:
    """Never answers. Says in a file that it has begun, and when it is cancelled."""
    await anyio.Path(marks).write_text("begun", encoding="utf-8")
    try:
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True):
            await anyio.Path(marks).write_text("cancelled", encoding="utf-8")
        raise
    return "unreachable"


@server.tool()
async def slow(steps: int, step_s: float, ctx: Context[Any, Any]) -> str:
    """Takes its time and shows progress."""
    for step in range(steps):
        await anyio.sleep(step_s)
        await ctx.report_progress(step + 1, steps, "working")
    return "slow and done"


@server.tool(structured_output=False)
def mixed() -> CallToolResult:
    """Content of every kind."""
    link = ResourceLink(type="resource_link", uri="file:///far/away.txt", name="away", mime_type="text/plain")
    resource = TextResource(uri="memo://one", text="the memo", mime_type="text/plain")
    image = ImageContent(type="image", data=PIXEL, mime_type="image/png")
    embedded = EmbeddedResource(type="resource", resource=resource)
    return CallToolResult(content=[TextContent(type="text", text="some text"), image, link, embedded])


@server.tool(structured_output=False)
def structured() -> CallToolResult:
    """Content that is only structured."""
    return CallToolResult(content=[], structured_content={"answer": 42})


@server.tool()
async def grow(ctx: Context[Any, Any]) -> str:
    """Adds a tool."""

    def added() -> str:
        """Was not there before."""
        return "added and called"

    server.add_tool(added)
    await ctx.session.send_tool_list_changed()
    return "grown"


class Colour(BaseModel):
    colour: str


@server.tool()
async def ask(ctx: Context[Any, Any]) -> str:
    """Asks the person."""
    answer = await ctx.elicit("Which colour?", Colour)
    return f"{answer.action} {answer.data.colour if answer.action == 'accept' else ''}"


@server.tool()
async def folders(ctx: Context[Any, Any]) -> str:
    """The roots of the client."""
    found = await ctx.session.list_roots()  # pyright: ignore[reportDeprecated] -- servers in use ask
    return " ".join(str(root.uri) for root in found.roots)


class Guarded:
    """Lets in only requests with the key."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope.get("headers", [])}
        if scope["type"] == "http" and headers.get(KEY_HEADER) != self._key:
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})
            return
        await self._app(scope, receive, send)


def serve(kind: str, listening: int) -> None:
    app: Starlette | Guarded = server.sse_app() if kind == "sse" else server.streamable_http_app()
    if key := os.environ.get(KEY_VARIABLE):
        app = Guarded(app, key)
    config = uvicorn.Config(app, log_level="warning")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=listening)])


if __name__ == "__main__":
    if child := os.environ.get("MCP_TEST_CHILD"):
        subprocess.Popen(["sleep", child])
    for number in range(int(os.environ.get("MCP_TEST_NOISE", "0"))):
        sys.stderr.write(f"noise {number} {'n' * 200}\n")
    if sys.argv[1:]:
        serve(sys.argv[1], int(sys.argv[2]))
    else:
        server.run("stdio")
