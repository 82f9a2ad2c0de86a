"""What `acp-agent ps`, `attach` and `stop` ask of a server. Methods of ours, not of the protocol.

Only connections have them that come by a Unix socket, which is its owner's alone, or that have
shown the token.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acp_agent.errors import NotFound

if TYPE_CHECKING:
    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.params import Json, Params
    from acp_agent.acp.ports import Agent, LiveSession
    from acp_agent.rpc.peer import Work

SESSIONS = "_acp-agent/sessions"
STOP = "_acp-agent/stop"


def methods(connection: Connection) -> dict[str, Method]:
    def sessions(_: Params) -> Work:
        return partial(_sessions, connection.agent)

    def stop(params: Params) -> Work:
        return partial(_stop, connection.agent, params.text("sessionId"))

    return {SESSIONS: sessions, STOP: stop}


async def _sessions(agent: Agent) -> Json:
    return {"sessions": [_described(session) for session in agent.live()]}


async def _stop(agent: Agent, session_id: str) -> Json:
    if not any(session.id == session_id for session in agent.live()):
        raise NotFound(f"There is no open session {session_id!r}.", data={"sessionId": session_id})
    await agent.close_session(session_id)
    return {}


def _described(session: LiveSession) -> Json:
    return {
        "sessionId": session.id,
        "cwd": session.cwd,
        "title": session.title,
        "state": session.state,
        "watchers": session.watchers,
        "since": session.since,
    }
