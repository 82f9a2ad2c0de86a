"""session/new, load, resume and fork: how a client comes to have a session open."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from acp_agent.acp.encoder import config_options, modes
from acp_agent.acp.ports import Opening
from acp_agent.acp.replay import replay
from acp_agent.acp.servers import servers
from acp_agent.errors import NotFound
from acp_agent.rpc.peer import Reply

if TYPE_CHECKING:
    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.initialize import Client
    from acp_agent.acp.params import Json, Params
    from acp_agent.acp.ports import Session
    from acp_agent.rpc.peer import Work

REPLAY_STRIDE = 200
"""After so many updates of a replay a slow client is waited for, and others have their turn."""


def methods(connection: Connection) -> dict[str, Method]:
    def new(params: Params) -> Work:
        return partial(_new, connection, _opening(params))

    def load(params: Params) -> Work:
        return partial(_load, connection, params.text("sessionId"), _opening(params))

    def resume(params: Params) -> Work:
        return partial(_resume, connection, params.text("sessionId"), _opening(params))

    def fork(params: Params) -> Work:
        return partial(_fork, connection, params.text("sessionId"), _opening(params))

    return {"session/new": new, "session/load": load, "session/resume": resume, "session/fork": fork}


def _opening(params: Params) -> Opening:
    return Opening(
        params.absolute_path("cwd"),
        params.absolute_paths("additionalDirectories"),
        servers(params.values.get("mcpServers")),
    )


async def _new(connection: Connection, opening: Opening) -> Reply:
    session = await connection.agent.new_session(opening)
    return _opened(connection, session, {"sessionId": session.id, **settings(session, connection.client)})


async def _fork(connection: Connection, session_id: str, opening: Opening) -> Reply:
    session = await connection.agent.fork_session(session_id, opening)
    return _opened(connection, session, {"sessionId": session.id, **settings(session, connection.client)})


async def _resume(connection: Connection, session_id: str, opening: Opening) -> Reply:
    session = await connection.agent.open_session(session_id, opening)
    return _opened(connection, session, settings(session, connection.client))


async def _load(connection: Connection, session_id: str, opening: Opening) -> Reply:
    """Shows the whole conversation, then answers.

    What happens while the journal is read, or a slow client waited for, is added in the same
    step in which the answer leaves and the client begins to be told of what happens from then on.
    """
    session = await connection.agent.open_session(session_id, opening)
    async with connection.showing(session) as editor:
        past = await session.past()
        for count, update in enumerate(replay(past.events, connection.client), start=1):
            connection.show(session_id, update)
            if not count % REPLAY_STRIDE:
                await connection.drain()
                await anyio.lowlevel.checkpoint()
        if session.closed:
            raise NotFound(
                f"Session {session_id!r} was closed while it was being loaded.",
                data={"sessionId": session_id},
            )
        for update in replay(session.since(past.last), connection.client):
            connection.show(session_id, update)
    result = settings(session, connection.client)
    return Reply(result, then=partial(connection.join, session, editor))


def _opened(connection: Connection, session: Session, result: Json) -> Reply:
    return Reply(result, then=partial(connection.join, session))


def settings(session: Session, client: Client) -> Json:
    """What a client is told of a session's options, in the present and in the older form."""
    options = session.options
    return {
        "modes": modes(options),
        "configOptions": config_options(options, switches=client.shows_switches),
    }
