"""The agent on the network: one for many clients."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from acp_agent import logs
from acp_agent.assembly.adapters import adapter
from acp_agent.assembly.agent import Agent
from acp_agent.config import paths
from acp_agent.config.load import load
from acp_agent.remote.registry import control_path, registered
from acp_agent.remote.server import Server
from acp_agent.transport.listening import open_doors, private_door
from acp_agent.transport.sockets import open_stream

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from acp_agent.config.load import Overrides
    from acp_agent.transport.listening import Door, Listening
    from acp_agent.transport.network import NetworkChannel, Welcome


def serve_network(
    listening: Listening, overrides: Overrides, keep_s: float | None, announce: Callable[[str], None]
) -> None:
    """Serves many clients until a signal ends us. `announce` is told where, once they can come.

    `keep_s` None is what the settings say. Raises ConfigError when it cannot or must not listen so.
    """
    state_dir = paths.state_dir(os.environ)
    logs.configure(state_dir, os.environ)
    if keep_s is None:
        keep_s = load(Path.cwd(), os.environ, overrides).settings.remote.keep_secs
    control = control_path(state_dir, os.getpid())
    with open_doors(listening) as doors, contextlib.closing(private_door(control)) as back_door:
        addresses = [str(door.address) for door in doors]
        with registered(state_dir, control, addresses):

            async def serve() -> None:
                async with Agent(os.environ, overrides, keep_s) as agent:
                    await _serve(agent, [*doors, back_door], lambda: [announce(each) for each in addresses])

            anyio.run(serve)


async def _serve(agent: Agent, doors: list[Door], ready: Callable[[], object]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ready()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(agent.warm_up)
        await Server(agent, {"stream": open_stream, "websocket": _open_websocket}).serve(doors, stop)
        tasks.cancel_scope.cancel()


def _open_websocket(sock: socket.socket, welcome: Welcome) -> Awaitable[NetworkChannel]:
    """A transport.network.Opener."""
    return adapter("transport.websocket")(sock, welcome)
