"""authenticate, logout, auth/status and its updates."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acp_agent.acp.initialize import AUTH_METHOD, LOGIN_METHOD
from acp_agent.rpc.peer import Reply

if TYPE_CHECKING:
    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.params import Json, Params
    from acp_agent.rpc.peer import Work


METHODS = (AUTH_METHOD, LOGIN_METHOD)
"""The second is run by the client; some call it here as well when it has ended."""


def methods(connection: Connection) -> dict[str, Method]:
    def authenticate(params: Params) -> Work:
        method_id = params.text("methodId")
        if method_id not in METHODS:
            raise params.refuse("methodId", f"must be {AUTH_METHOD!r}, got {method_id!r}")
        return partial(_authenticate, connection)

    return {
        "authenticate": authenticate,
        "logout": lambda _: partial(_log_out, connection),
        "auth/status": lambda _: partial(_tell_status, connection),
    }


async def _authenticate(connection: Connection) -> Reply:
    """Returns at once when a model can be used; else the error says what a person can do."""
    before = await _status(connection)
    await connection.agent.check_access()
    return await _changed(connection, before)


async def _tell_status(connection: Connection) -> Json:
    connection.knows_access = True
    return await _status(connection)


async def _log_out(connection: Connection) -> Reply:
    before = await _status(connection)
    connection.agent.log_out()
    return await _changed(connection, before)


async def _changed(connection: Connection, before: Json) -> Reply:
    """An empty answer, and word of the new state if it is new and the client knows the notification."""
    now = await _status(connection)

    def tell() -> None:
        if connection.knows_access and now != before:
            connection.notify("auth/status_update", now)

    return Reply({}, then=tell)


async def _status(connection: Connection) -> Json:
    state, accounts = await connection.agent.access()
    found: Json = {"state": state}
    if accounts:
        found["accounts"] = [{"label": each.label, "active": each.active} for each in accounts]
    return found
