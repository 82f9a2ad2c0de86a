"""Servers at an address."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from acp_adapters.http import conversation_client
from acp_agent.errors import HttpError, ServerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx2
    from mcp.client._transport import TransportStreams

    from acp_agent.extend.servers import RemoteServer


class Refusals:
    """The last answer that was an error: the library does not say which."""

    def __init__(self) -> None:
        self.status = 0
        """0 when the last answer was no error."""

    async def __call__(self, response: httpx2.Response) -> None:
        """A hook of the client for responses."""
        self.status = response.status_code if response.status_code >= 400 else 0

    def explained(self, reason: str) -> str:
        """`reason`, or what the status means where there is one."""
        match self.status:
            case 0:
                return reason
            case 401 | 403:
                return (
                    f"it does not let us in (HTTP {self.status}); "
                    "give what it asks for, such as an Authorization header, in its headers"
                )
            case 404:
                return "there is no MCP server at that address (HTTP 404)"
            case status:
                return f"{reason} (HTTP {status})"


@asynccontextmanager
async def remote(spec: RemoteServer, refusals: Refusals) -> AsyncGenerator[TransportStreams]:
    """Talks to the server for as long as the block lasts. Raises ServerError for an address that is none."""
    client = _client(spec)
    client.event_hooks = {"request": [], "response": [refusals]}
    if spec.kind == "sse":

        def ours(*_args: object, **_kwargs: object) -> httpx2.AsyncClient:
            return client

        async with sse_client(spec.url, httpx_client_factory=ours) as streams:
            yield streams
    else:
        async with client, streamable_http_client(spec.url, http_client=client) as streams:
            yield streams


def _client(spec: RemoteServer) -> httpx2.AsyncClient:
    try:
        parts = urlsplit(spec.url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port is not False
    except ValueError:
        usable = False
    if not usable:
        raise ServerError(f"{spec.url!r} is no http or https address")
    try:
        return conversation_client(spec.url, spec.headers)
    except (HttpError, ValueError, ImportError) as error:
        raise ServerError(f"no HTTP client can be made: {error}") from error
