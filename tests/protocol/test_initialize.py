"""The handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.chat_server import says, use
from tests.support.client import NOTHING
from tests.support.http_server import http_server
from tests.support.schema import problems
from tests.support.session import new_session, opening

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

INVALID_REQUEST = -32600
INVALID_PARAMS = -32602


@pytest.mark.requirement("initialize.supported-version")
async def test_version_one(client: Client) -> None:
    assert client.introduced["protocolVersion"] == 1


@pytest.mark.requirement("initialize.unsupported-version")
@pytest.mark.parametrize("version", [0, 2, 99, 65535])
async def test_other_versions(launch: Launch, version: int) -> None:
    client = await launch(raw=True)
    assert (await client.initialize(version=version))["protocolVersion"] == 1


@pytest.mark.requirement("initialize.first")
async def test_nothing_before_initialize(workbench: Workbench, launch: Launch) -> None:
    client = await launch(raw=True)
    for method in ("session/new", "session/prompt", "authenticate", "_vendor/thing"):
        assert (await client.ask(method, opening(workbench.project))).error["code"] == INVALID_REQUEST
    await client.notify("session/cancel", {"sessionId": "none"})
    for version in ("one", None, 1.5, True):
        error = (await client.ask("initialize", {"protocolVersion": version})).error
        assert error["code"] == INVALID_PARAMS
    await client.initialize()
    await new_session(client, workbench.project)
    assert len(client.calls("session/update")) == len(client.wire.lines) - 10


@pytest.mark.requirement("initialize.first")
async def test_messages_sent_without_waiting(workbench: Workbench, launch: Launch) -> None:
    client = await launch(raw=True)
    first = await client.post("initialize", {"protocolVersion": 1})
    second = await client.post("session/new", opening(workbench.project))
    assert (await client.answer(first)).result["protocolVersion"] == 1
    assert (await client.answer(second)).result["sessionId"]


@pytest.mark.requirement("initialize.again")
async def test_initialize_again(client: Client) -> None:
    message = (await client.ask("initialize", {"protocolVersion": 1})).message
    assert message.get("result") == client.introduced or message["error"]["code"] == INVALID_REQUEST


@pytest.mark.requirement("initialize.capabilities-optional")
@pytest.mark.parametrize(
    "greeting",
    [{}, {"clientCapabilities": None, "clientInfo": None}, {"clientCapabilities": {"fs": {}}}],
    ids=["absent", "null", "empty"],
)
async def test_what_is_left_out_is_not_asked(
    workbench: Workbench, launch: Launch, greeting: JsonObject
) -> None:
    client = await launch(raw=True)
    await client.ask("initialize", {"protocolVersion": 1, **greeting})
    session = await new_session(client, workbench.project)
    await session.prompt("edit a.txt beta BETA")
    assert workbench.read("a.txt").splitlines()[1] == "BETA"
    asked = {message["method"] for message in client.wire.messages if "method" in message and "id" in message}
    assert asked <= {"session/request_permission"}


@pytest.mark.requirement("initialize.agent-info")
async def test_agent_info(client: Client) -> None:
    info = client.introduced["agentInfo"]
    assert info["name"] == "acp-agent"
    assert info["version"]


@pytest.mark.requirement("initialize.capability-encoding")
async def test_capability_encoding(client: Client) -> None:
    capabilities = client.introduced["agentCapabilities"]
    flags = [capabilities.get("loadSession", False)]
    for group in ("promptCapabilities", "mcpCapabilities"):
        flags += capabilities.get(group, {}).values()
    assert all(isinstance(flag, bool) for flag in flags)
    features = [*capabilities.get("sessionCapabilities", {}).values(), *capabilities.get("auth", {}).values()]
    assert all(isinstance(feature, dict) for feature in features)


@pytest.mark.requirement("initialize.prompt-answer")
@pytest.mark.parametrize("settings", ["", "{", '{"provider": 7, "providers": []}'])
async def test_answers_whatever_the_settings_are(workbench: Workbench, launch: Launch, settings: str) -> None:
    (workbench.config / "config.json").write_text(settings, encoding="utf-8")
    client = await launch(NOTHING, env=workbench.environment(HOME="/nonexistent"))
    assert client.introduced["agentInfo"]["version"]
    error = (await client.ask("session/new", opening(workbench.project))).error
    assert "config.json" in error["message"] + str(error.get("data"))


@pytest.mark.requirement("initialize.no-network")
async def test_no_model_is_asked_before_the_first_prompt(workbench: Workbench, launch: Launch) -> None:
    async with http_server(says("hi")) as server:
        use(workbench, server)
        client = await launch()
        session = await new_session(client, workbench.project)
        await client.settle()
        assert server.connections == 0
        assert (await session.prompt("hi")).text == "hi"


@pytest.mark.requirement("initialize.known-keys")
async def test_known_keys_only(session: Session) -> None:
    for prompt in ("edit a.txt beta BETA", "run python3 check.py", "plan", "search beta"):
        await session.prompt(prompt)
    await session.set_mode("accept")
    assert problems(session.client.wire) == []


@pytest.mark.requirement("initialize.auth-method")
async def test_auth_method(client: Client) -> None:
    own = [one for one in client.introduced["authMethods"] if one.get("type", "agent") == "agent"]
    assert len({one["id"] for one in client.introduced["authMethods"]}) == len(
        client.introduced["authMethods"]
    )
    assert (await client.ask("authenticate", {"methodId": own[0]["id"]})).result == {}
