"""The servers on this machine, as their owner talks to them: over their control sockets."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_agent.acp.administration import SESSIONS, STOP
from acp_agent.acp.params import Json, as_list, as_object, as_text
from acp_agent.cli.client.agent import Agent, Trouble
from acp_agent.config.paths import state_dir
from acp_agent.remote import registry
from acp_agent.transport.network import FLUSH_LIMIT_S, OVER
from acp_agent.transport.sockets import connect_unix

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.remote.registry import Entry


class LiveSession(NamedTuple):
    """A session that is open in a server."""

    server: Entry
    id: str
    cwd: str
    title: str
    state: str
    watchers: int
    since: float
    """Seconds since the epoch."""


class Silent:
    """A viewer and asker for who neither watches nor decides."""

    def show(self, update: Json) -> None:
        del update

    async def ask(self, tool_call: Json, options: list[Json]) -> tuple[str | None, str]:
        del tool_call, options
        return None, ""


def running() -> list[Entry]:
    """The servers of this user, the oldest first."""
    return registry.servers(state_dir(os.environ))


@asynccontextmanager
async def connected(server: Entry) -> AsyncGenerator[Agent]:
    """A connection to a server. Raises Trouble when there comes none."""
    try:
        channel = await connect_unix(server.control)
    except OSError as error:
        raise Trouble(
            f"Server {server.pid} cannot be reached: {error.strerror or error}: {server.control}."
        ) from None
    agent = Agent(channel, Path.cwd(), Silent(), Silent())
    trouble: Trouble | None = None
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agent.serve)
            try:
                await agent.introduce()
                yield agent
            except Trouble as error:  # not out of the task group, which would wrap it
                trouble = error
            tasks.cancel_scope.cancel()
    finally:
        await channel.close(OVER, FLUSH_LIMIT_S)
    if trouble:
        raise trouble


async def sessions_of(server: Entry) -> list[LiveSession]:
    """The sessions that are open in it. Raises Trouble."""
    async with connected(server) as agent:
        answer = await agent.ask(SESSIONS, {})
    return [_session(server, as_object(entry)) for entry in as_list(answer.get("sessions"))]


async def all_sessions() -> list[LiveSession]:
    """Those of every server. Raises Trouble."""
    return [session for server in running() for session in await sessions_of(server)]


async def stop_session(session: LiveSession) -> None:
    """Ends a session; what it did until then can be loaded. Raises Trouble."""
    async with connected(session.server) as agent:
        await agent.ask(STOP, {"sessionId": session.id})


def chosen(sessions: list[LiveSession], beginning: str) -> LiveSession:
    """The session whose id begins so. Raises Trouble when there is none, or more than one."""
    found = [session for session in sessions if session.id.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Trouble(f"{len(found)} sessions begin with {beginning!r}: write more of the id.")
    raise Trouble(f"No server has a session {beginning!r} open.", "`acp-agent ps` lists those that are.")


def _session(server: Entry, entry: Json) -> LiveSession:
    watchers, since = entry.get("watchers"), entry.get("since")
    return LiveSession(
        server,
        as_text(entry.get("sessionId")) or "",
        as_text(entry.get("cwd")) or "",
        as_text(entry.get("title")) or "",
        as_text(entry.get("state")) or "",
        watchers if isinstance(watchers, int) else 0,
        since if isinstance(since, int | float) else 0.0,
    )
