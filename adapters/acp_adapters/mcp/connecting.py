"""The way to a server. The library takes a second to import, so that happens here, in a thread."""

from __future__ import annotations

import importlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.extend.servers import Connect, Connection, Host, ServerSpec, Watch


@asynccontextmanager
async def connect(spec: ServerSpec, host: Host, watch: Watch) -> AsyncGenerator[Connection]:
    """extend.servers.Connect."""
    await anyio.to_thread.run_sync(importlib.import_module, "acp_adapters.mcp.client")
    from acp_adapters.mcp.client import connected

    async with connected(spec, host, watch) as connection:
        yield connection


if TYPE_CHECKING:
    conforms: Connect = connect
