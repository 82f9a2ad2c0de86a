"""authenticate."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acp_agent.acp.initialize import AUTH_METHOD

if TYPE_CHECKING:
    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.params import Json, Params
    from acp_agent.rpc.peer import Work


def methods(connection: Connection) -> dict[str, Method]:
    def authenticate(params: Params) -> Work:
        method_id = params.text("methodId")
        if method_id != AUTH_METHOD:
            raise params.refuse("methodId", f"must be {AUTH_METHOD!r}, got {method_id!r}")
        return partial(_authenticate, connection)

    return {"authenticate": authenticate}


async def _authenticate(connection: Connection) -> Json:
    """Returns at once when a model can be used; there is nothing to log in to."""
    await connection.agent.check_access()
    return {}
