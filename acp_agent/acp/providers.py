"""providers/list, providers/set and providers/disable: where requests to models go (unstable)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.acp.params import as_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.params import Json, Params
    from acp_agent.rpc.peer import Work


class Routing(NamedTuple):
    """Where the requests to one provider go, as a client sets it. May hold secrets."""

    protocol: str
    base_url: str
    headers: Mapping[str, str]


class Provider(NamedTuple):
    """A provider that a client may configure, without its secrets."""

    id: str
    protocols: tuple[str, ...]
    """Those it may be spoken to with."""
    required: bool
    """It cannot be disabled."""
    current: Routing | None
    """None when it is disabled; without headers."""


def methods(connection: Connection) -> dict[str, Method]:
    agent = connection.agent

    def set_(params: Params) -> Work:
        headers = {
            name: value
            for name, value in as_object(params.values.get("headers")).items()
            if isinstance(value, str)
        }
        routing = Routing(params.text("apiType"), params.text("baseUrl"), headers)
        provider_id = params.text("providerId")

        async def work() -> Json:
            agent.set_provider(provider_id, routing)
            return {}

        return work

    def disable(params: Params) -> Work:
        provider_id = params.text("providerId")

        async def work() -> Json:
            agent.disable_provider(provider_id)
            return {}

        return work

    return {
        "providers/list": lambda _: partial(_list, connection),
        "providers/set": set_,
        "providers/disable": disable,
    }


async def _list(connection: Connection) -> Json:
    return {"providers": [_shown(each) for each in connection.agent.providers()]}


def _shown(provider: Provider) -> Json:
    shown: Json = {
        "providerId": provider.id,
        "supported": list(provider.protocols),
        "required": provider.required,
    }
    if provider.current:
        shown["current"] = {"apiType": provider.current.protocol, "baseUrl": provider.current.base_url}
    return shown
