"""Lets clients in and serves each in a task of its own, all with one agent."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import anyio

from acp_agent.acp.connection import Connection
from acp_agent.remote.visit import Visit
from acp_agent.transport.network import FLUSH_LIMIT_S, LEAVING

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from anyio.abc import TaskGroup

    from acp_agent.acp.ports import Agent
    from acp_agent.transport.listening import Carrier, Door
    from acp_agent.transport.network import Opener

log = logging.getLogger(__name__)

MOST_WAITING = 64
"""At one door, of those who have not got as far as a valid `initialize`."""
ACCEPT_AGAIN_S = 0.2
"""Until a connection is accepted again where the process has run out of descriptors."""
CLOSE_LIMIT_S = 1.2
"""What the sessions have to end when the server is stopped."""
LEAVE_LIMIT_S = 0.5
"""What their connections have after that."""
LAST_FLUSH_LIMIT_S = 0.3
"""What is left for last lines then."""


class Server:
    """Run `serve` once."""

    def __init__(self, agent: Agent, openers: Mapping[Carrier, Opener]) -> None:
        self._agent = agent
        self._openers = openers
        self._waiting: dict[Door, int] = {}
        self._visits: set[Visit] = set()
        self._empty = asyncio.Event()
        self._stopping = False

    async def serve(self, doors: Sequence[Door], stop: asyncio.Event) -> None:
        """Lets clients in by `doors` until `stop` is set; then ends sessions and connections."""
        async with anyio.create_task_group() as visits:
            async with anyio.create_task_group() as accepting:
                for door in doors:
                    accepting.start_soon(self._accept, door, visits)
                await stop.wait()
                accepting.cancel_scope.cancel()
            self._stopping = True
            await self._end()
            visits.cancel_scope.cancel()

    async def _accept(self, door: Door, visits: TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        door.socket.setblocking(False)
        self._waiting[door] = 0
        while True:
            try:
                sock, _ = await loop.sock_accept(door.socket)
            except OSError as error:
                log.warning("%s: no connection can be accepted: %s", door.address, error)
                await anyio.sleep(ACCEPT_AGAIN_S)
                continue
            if self._waiting[door] >= MOST_WAITING:
                log.warning("%s: too many wait for initialize, one more is turned away", door.address)
                sock.close()
                continue
            self._waiting[door] += 1
            visits.start_soon(self._visit, door, sock)

    async def _visit(self, door: Door, sock: socket.socket) -> None:
        """One connection, from its first byte to its last."""
        visit = Visit(door)
        self._visits.add(visit)
        try:
            try:
                client = await visit.arrive(self._openers[door.carrier], sock)
            finally:
                self._waiting[door] -= 1
            if client and visit.channel:
                connection = Connection(
                    self._agent, client, visit.channel, keep=True, administers=visit.trusted
                )
                await connection.serve(visit.lines)
        except OSError as error:
            log.info("%s: %s", door.address, error)
        except Exception:  # the boundary: a bug must end no other connection
            log.exception("%s: a connection failed", door.address)
        finally:
            if visit.channel and self._stopping:
                await visit.channel.close(LEAVING, LAST_FLUSH_LIMIT_S)
            elif visit.channel:
                await visit.channel.close(visit.ending, FLUSH_LIMIT_S)
            self._visits.discard(visit)
            if not self._visits:
                self._empty.set()

    async def _end(self) -> None:
        with anyio.move_on_after(CLOSE_LIMIT_S):
            async with anyio.create_task_group() as closing:
                for session in self._agent.live():
                    closing.start_soon(self._agent.close_session, session.id)
        for visit in self._visits:
            visit.end()
        with anyio.move_on_after(LEAVE_LIMIT_S):
            while self._visits:
                self._empty.clear()
                await self._empty.wait()
