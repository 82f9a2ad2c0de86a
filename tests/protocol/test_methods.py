"""The methods that are answered, against the protocol's schema."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from acp_agent.acp.connection import Connection
from acp_agent.acp.initialize import Client, answer
from acp_agent.assembly.agent import Agent
from acp_agent.config.load import Overrides
from tests.support.node import installed

STABLE = "@agentclientprotocol/sdk/schema/v1/schema.json"
UNSTABLE = "@agentclientprotocol/sdk/schema/v1/schema.unstable.json"
OTHER_ROLES = {
    "proxy/initialize": "an agent that ends a chain of proxies gets initialize",
    "proxy/successor": "only proxies have one",
}
"""Methods of the schema that are for somebody else, and why."""
LEGACY = {"session/set_model"}
"""No longer in the schema; clients still send them."""


def requests(schema: str) -> set[str]:
    """The requests that a client may send to an agent."""
    definitions = json.loads(installed(schema).read_text(encoding="utf-8"))["$defs"]
    return {
        definition["x-method"]
        for name, definition in definitions.items()
        if name.endswith("Request") and definition.get("x-side") in ("agent", "proxy")
    }


@pytest.mark.requirement("rewind.methods")
async def test_the_methods_of_ours_are_those_that_are_announced() -> None:
    connection = Connection(Agent({}, Overrides()), Client(), cast("Any", None))
    (announced,) = cast("Any", answer(Client()))["agentCapabilities"]["_meta"].items()
    area, further = announced
    namespace, _, name = area.partition("/")
    assert connection.extensions == {f"_{namespace}/{each}" for each in (name, *further)}


@pytest.mark.requirement("session.dispatch-table")
async def test_the_methods_are_those_of_the_schema() -> None:
    connection = Connection(Agent({}, Overrides()), Client(), cast("Any", None))
    answered = set(connection.methods)
    assert requests(STABLE) <= answered
    assert answered == (requests(UNSTABLE) - OTHER_ROLES.keys()) | LEGACY
