"""session/new."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acp_agent.acp.encoder import config_options, modes
from acp_agent.acp.ports import NewSession
from acp_agent.rpc.peer import Reply

if TYPE_CHECKING:
    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.params import Json, Params
    from acp_agent.acp.ports import Session
    from acp_agent.rpc.peer import Work


def methods(connection: Connection) -> dict[str, Method]:
    def new(params: Params) -> Work:
        return partial(_new, connection, NewSession(params.absolute_path("cwd"), connection.editor))

    return {"session/new": new}


async def _new(connection: Connection, request: NewSession) -> Reply:
    session = await connection.agent.new_session(request)
    connection.adopt(session)
    return Reply({"sessionId": session.id, **settings(session)}, then=session.announce)


def settings(session: Session) -> Json:
    """What a client is told of a session's options, in the present and in the older form."""
    return {"modes": modes(session.options), "configOptions": config_options(session.options)}
