"""The `mcpServers` of a request. What cannot be used is listed with the reason and fails nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.acp.params import as_list, as_object, as_text
from acp_agent.extend.servers import RemoteServer, StdioServer, UnusableServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acp_agent.acp.params import Json
    from acp_agent.extend.servers import ServerSpec


def servers(value: object) -> tuple[ServerSpec, ...]:
    """The servers that a client names. A missing list is an empty one."""
    return tuple(_server(as_object(entry), number) for number, entry in enumerate(as_list(value), start=1))


def _server(entry: Json, number: int) -> ServerSpec:
    name = as_text(entry.get("name")) or f"server-{number}"
    kind = entry.get("type", "stdio")
    if kind == "stdio":
        command = as_text(entry.get("command"))
        if not command:
            return UnusableServer(name, "the editor gave no command for it")
        args = as_list(entry.get("args"))
        if not all(isinstance(each, str) for each in args):
            return UnusableServer(name, "the editor gave arguments for it that are no text")
        return StdioServer(name, command, tuple(map(str, args)), _pairs(entry.get("env")))
    if kind in ("http", "sse"):
        url = as_text(entry.get("url"))
        if not url:
            return UnusableServer(name, "the editor gave no url for it")
        return RemoteServer(name, "sse" if kind == "sse" else "http", url, _pairs(entry.get("headers")))
    return UnusableServer(name, f"type {kind!r} is not supported; it can be stdio, http or sse")


def _pairs(value: object) -> Mapping[str, str]:
    """A list of objects with name and value; those that are no such thing are left out."""
    found: dict[str, str] = {}
    for entry in map(as_object, as_list(value)):
        name, text = as_text(entry.get("name")), as_text(entry.get("value"))
        if name and text is not None:
            found[name] = text
    return found
