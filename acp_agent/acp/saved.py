"""Saved sessions: session/list, close, delete, archive, unarchive, status and set_title."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.params import Json, Params
    from acp_agent.acp.ports import Listed, Shelf
    from acp_agent.rpc.peer import Work

SHELVES: dict[str, Shelf] = {"exclude": "exclude", "include": "include", "only": "only"}


def methods(connection: Connection) -> dict[str, Method]:
    agent = connection.agent

    def list_(params: Params) -> Work:
        given = params.optional_text("archived") or "exclude"
        archived = SHELVES.get(given)
        if archived is None:
            raise params.refuse("archived", f"must be one of {', '.join(SHELVES)}, got {given!r}")
        cwd = params.absolute_path("cwd") if params.values.get("cwd") is not None else None
        return partial(_list, connection, cwd, archived, params.optional_text("cursor"))

    def status(params: Params) -> Work:
        return partial(_status, connection, params.text("sessionId"))

    def set_title(params: Params) -> Work:
        return partial(_set_title, connection, params.text("sessionId"), params.text("title"))

    return {
        "session/list": list_,
        "session/close": _acting(agent.close_session),
        "session/delete": _acting(agent.delete_session),
        "session/archive": _acting(partial(agent.archive_session, archived=True)),
        "session/unarchive": _acting(partial(agent.archive_session, archived=False)),
        "session/status": status,
        "session/set_title": set_title,
    }


def _acting(act: Callable[[str], Awaitable[None]]) -> Method:
    """A method that does something with a session and has nothing to tell."""

    async def work(session_id: str) -> Json:
        await act(session_id)
        return {}

    return lambda params: partial(work, params.text("sessionId"))


async def _list(connection: Connection, cwd: str | None, archived: Shelf, cursor: str | None) -> Json:
    page = await connection.agent.list_sessions(cwd, archived, cursor)
    found: Json = {"sessions": [_listed(each) for each in page.entries]}
    return found | ({"nextCursor": page.next_cursor} if page.next_cursor else {})


def _listed(entry: Listed) -> Json:
    updated = datetime.fromtimestamp(entry.updated, UTC).isoformat(timespec="seconds")
    found: Json = {"sessionId": entry.session_id, "cwd": entry.cwd, "updatedAt": updated}
    if entry.title:
        found["title"] = entry.title
    if entry.folders:
        found["additionalDirectories"] = list(entry.folders)
    if entry.archived:
        found["archived"] = True
    return found


async def _status(connection: Connection, session_id: str) -> Json:
    return {"status": "open" if await connection.agent.is_open(session_id) else "saved"}


async def _set_title(connection: Connection, session_id: str, title: str) -> Json:
    return {"title": await connection.agent.title_session(session_id, title)}
