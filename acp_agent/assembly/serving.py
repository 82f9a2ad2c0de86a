"""The agent at the end of a wire."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import anyio

from acp_agent import logs
from acp_agent.assembly.agent import Agent
from acp_agent.config import paths

if TYPE_CHECKING:
    from acp_agent.acp.initialize import Client
    from acp_agent.config.load import Overrides
    from acp_agent.rpc.framing import LineBuffer
    from acp_agent.transport.descriptors import Descriptors

ENDING = (signal.SIGTERM, signal.SIGINT)


def serve_stdio(
    descriptors: Descriptors, buffer: LineBuffer, client: Client, first: list[bytes], overrides: Overrides
) -> None:
    """Serves the client that has shaken hands, until it is gone or a signal ends us."""
    logs.configure(paths.state_dir(os.environ), os.environ)
    anyio.run(_serve_stdio, descriptors, buffer, client, first, overrides)


async def _serve_stdio(
    descriptors: Descriptors, buffer: LineBuffer, client: Client, first: list[bytes], overrides: Overrides
) -> None:
    from acp_agent.acp.connection import Connection
    from acp_agent.transport.stdio import StdioChannel

    async with StdioChannel(descriptors, buffer) as channel, Agent(os.environ, overrides) as agent:
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, channel.end)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agent.warm_up)
            await Connection(agent, client, channel).serve(first)
            tasks.cancel_scope.cancel()
    for number in ENDING:  # one may come while we leave: some clients close our input and send it at once
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
