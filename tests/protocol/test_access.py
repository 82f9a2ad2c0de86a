"""Authentication, and where requests to models go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from acp_agent.accounts.account import Account
from acp_agent.accounts.file import AuthFile, put
from tests.support.http_server import Answer, http_server
from tests.support.session import new_session, opening

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.workbench import Workbench

AUTH_REQUIRED = -32000
INVALID_PARAMS = -32602


def store(workbench: Workbench, provider: str, **keys: str) -> None:
    """Stores accounts, the last of them active."""
    file = AuthFile(workbench.config / "auth.json")
    for name, key in keys.items():
        account = Account(provider, name, "api_key", api_key=key)
        file.change(lambda providers, account=account: put(providers, account))


async def status(client: Client) -> Any:
    return (await client.ask("auth/status", {})).result


@pytest.mark.requirement("initialize.terminal-auth")
@pytest.mark.requirement("initialize.unique-auth-methods")
@pytest.mark.parametrize("capabilities", [{}, {"auth": {}}, {"auth": {"terminal": False}}, {"auth": None}])
async def test_authentication_methods(launch: Launch, capabilities: dict[str, object]) -> None:
    methods: Any = (await launch(capabilities)).introduced["authMethods"]
    assert methods
    assert all(method.get("type", "agent") == "agent" for method in methods)
    assert len({method["id"] for method in methods}) == len(methods)


@pytest.mark.requirement("initialize.terminal-auth")
@pytest.mark.requirement("initialize.unique-auth-methods")
@pytest.mark.parametrize(
    ("capabilities", "typed", "extended"),
    [
        ({"auth": {"terminal": True}}, True, False),
        ({"_meta": {"terminal-auth": True}}, False, True),
        ({"auth": {"terminal": True}, "_meta": {"terminal-auth": True}}, True, True),
    ],
)
async def test_logging_in_with_a_terminal(
    launch: Launch, workbench: Workbench, capabilities: dict[str, object], typed: bool, extended: bool
) -> None:
    client = await launch(capabilities)
    first, login = client.introduced["authMethods"]
    assert first.get("type", "agent") == "agent"
    assert "_meta" not in first
    assert first["id"] != login["id"]
    assert (login.get("type") == "terminal") is typed
    assert ("args" in login) is typed
    assert ("_meta" in login) is extended
    assert login["name"]
    assert login["description"]
    assert (await client.ask("authenticate", {"methodId": login["id"]})).result == {}, "as Zed does after it"
    workbench.settle({})
    assert (await client.ask("authenticate", {"methodId": login["id"]})).error["code"] == AUTH_REQUIRED


@pytest.mark.requirement("initialize.terminal-auth")
@pytest.mark.parametrize("no", [False, None, "true", 1, {}])
async def test_only_true_announces_a_terminal(launch: Launch, no: object) -> None:
    client = await launch({"auth": {"terminal": no}, "_meta": {"terminal-auth": no}})
    assert len(client.introduced["authMethods"]) == 1


@pytest.mark.requirement("session.authenticate")
async def test_authenticate(client: Client, workbench: Workbench) -> None:
    (method,) = client.introduced["authMethods"]
    assert (await client.ask("authenticate", {"methodId": method["id"]})).result == {}
    for wrong in ("nothing", "", 5):
        assert (await client.ask("authenticate", {"methodId": wrong})).error["code"] == INVALID_PARAMS
    workbench.settle({})
    error = (await client.ask("authenticate", {"methodId": method["id"]})).error
    assert error["code"] == AUTH_REQUIRED
    assert "acp-agent auth login" in error["message"]


@pytest.mark.requirement("session.logout")
async def test_logout(client: Client, workbench: Workbench) -> None:
    session = await new_session(client, workbench.project)
    assert client.introduced["agentCapabilities"]["auth"]["logout"] == {}
    assert (await client.ask("logout", {})).result == {}
    refused = (await client.ask("session/new", opening(workbench.project))).error
    assert refused["code"] == AUTH_REQUIRED
    assert "uthenticate" in refused["message"]
    assert (await session.prompt("say still here")).text == "still here"
    (method,) = client.introduced["authMethods"]
    await client.ask("authenticate", {"methodId": method["id"]})
    assert (await (await new_session(client, workbench.project)).prompt("say hi")).text == "hi"


@pytest.mark.requirement("session.auth-status")
async def test_status(client: Client, workbench: Workbench) -> None:
    (method,) = client.introduced["authMethods"]
    assert await status(client) == {
        "state": "not_required",
        "accounts": [{"label": "script at a script, no key", "active": True}],
    }
    await client.ask("logout", {})
    assert (await status(client))["state"] == "unauthenticated"
    await client.ask("authenticate", {"methodId": method["id"]})
    await client.settle()
    told = [message["params"]["state"] for message in client.calls("auth/status_update")]
    assert told == ["unauthenticated", "not_required"]
    workbench.settle({})
    assert await status(client) == {"state": "unauthenticated"}
    (workbench.config / "config.json").write_text("{", encoding="utf-8")
    assert await status(client) == {"state": "unknown"}


@pytest.mark.requirement("session.auth-status")
async def test_clients_that_never_asked_are_told_nothing(client: Client) -> None:
    await client.ask("logout", {})
    await client.settle()
    assert client.calls("auth/status_update") == []


@pytest.mark.requirement("session.auth-status")
async def test_a_key_is_never_told(workbench: Workbench, launch: Launch) -> None:
    workbench.settle({"provider": "openai"})
    client = await launch(env=workbench.environment(OPENAI_API_KEY="sk-very-secret"))
    found = await status(client)
    assert found["state"] == "authenticated"
    assert found["accounts"][0]["label"].endswith("key from $OPENAI_API_KEY")
    assert b"very-secret" not in b"".join(line.raw for line in client.wire.lines)


@pytest.mark.requirement("session.auth-status")
async def test_accounts_are_told_without_their_secrets(workbench: Workbench, launch: Launch) -> None:
    workbench.settle({"provider": "openai"})
    store(workbench, "openai", work="sk-very-secret-1", home="sk-very-secret-2")
    client = await launch()
    found = await status(client)
    of = "openai at https://api.openai.com/v1, key from account {} of `acp-agent auth`"
    assert found == {
        "state": "authenticated",
        "accounts": [
            {"label": of.format("home"), "active": True},
            {"label": of.format("work"), "active": False},
        ],
    }
    assert b"very-secret" not in b"".join(line.raw for line in client.wire.lines)


@pytest.mark.requirement("session.auth-required")
async def test_a_broken_file_of_accounts_is_named(workbench: Workbench, launch: Launch) -> None:
    workbench.settle({"provider": "openai"})
    file = workbench.config / "auth.json"
    file.write_text("{", encoding="utf-8")
    file.chmod(0o600)
    client = await launch()
    error = (await client.ask("session/new", opening(workbench.project))).error
    assert error["code"] == AUTH_REQUIRED
    assert str(file) in error["message"]
    assert (await status(client))["state"] == "unauthenticated"
    assert file.read_text(encoding="utf-8") == "{"


@pytest.mark.requirement("session.providers")
async def test_an_account_is_not_sent_to_an_address_of_the_client(
    workbench: Workbench, launch: Launch
) -> None:
    said = b'data: {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}\n\n'
    async with http_server(Answer([said, b"data: [DONE]\n\n"])) as server:
        workbench.settle({"provider": "openai", "providers": {"openai": {"account": "work"}}})
        store(workbench, "openai", work="sk-very-secret-1")
        client = await launch()
        routing = {
            "providerId": "openai",
            "apiType": "openai",
            "baseUrl": f"{server.url}/v1",
            "headers": {"X-Gateway": "token"},
        }
        assert (await client.ask("providers/set", routing)).result == {}
        session = await new_session(client, workbench.project)
        assert (await session.prompt("hi")).text == "hi"
        (request,) = server.requests
    assert "authorization" not in request.headers


@pytest.mark.requirement("session.providers")
async def test_providers(client: Client, workbench: Workbench) -> None:
    async def listed() -> dict[str, Any]:
        providers = (await client.ask("providers/list", {})).result["providers"]
        return {one["providerId"]: one for one in providers}

    assert set(await listed()) == {"script"}
    assert (await listed())["script"]["required"] is True
    assert (await client.ask("providers/disable", {"providerId": "script"})).error["code"] == INVALID_PARAMS
    gateway = {
        "providerId": "gateway",
        "apiType": "openai",
        "baseUrl": "http://127.0.0.1:9/v1",
        "headers": {"Authorization": "Bearer very-secret"},
    }
    assert (await client.ask("providers/set", gateway)).result == {}
    found = await listed()
    assert found["gateway"]["current"] == {"apiType": "openai", "baseUrl": "http://127.0.0.1:9/v1"}
    assert found["script"]["required"] is False
    assert b"very-secret" not in b"".join(line.raw for line in client.wire.lines)
    assert (await client.ask("providers/disable", {"providerId": "gateway"})).result == {}
    assert (await client.ask("providers/disable", {"providerId": "nobody"})).result == {}
    assert "current" not in (await listed()).get("gateway", {})
    session = await new_session(client, workbench.project)
    assert (await session.prompt("say hi")).text == "hi"


@pytest.mark.requirement("session.providers")
@pytest.mark.parametrize(
    "wrong",
    [
        {"apiType": "telepathy"},
        {"baseUrl": "ftp://example.org"},
        {"baseUrl": "http://example.org/v1"},
        {"baseUrl": ""},
        {"baseUrl": "https://[::1/v1"},
        {"baseUrl": "https://me:secret@example.org/v1"},
        {"headers": {"X": "${HOME}"}},
    ],
)
async def test_providers_that_cannot_be(client: Client, wrong: dict[str, object]) -> None:
    right = {"providerId": "gateway", "apiType": "openai", "baseUrl": "https://example.org/v1"}
    assert (await client.ask("providers/set", {**right, **wrong})).error["code"] == INVALID_PARAMS


@pytest.mark.requirement("prompt.trace-context")
async def test_trace_context_is_passed_on(workbench: Workbench, launch: Launch) -> None:
    trace = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
        "tracestate": "vendor=1",
        "baggage": "user=7",
    }
    said = b'data: {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}\n\n'
    async with http_server(Answer([said, b"data: [DONE]\n\n"])) as server:
        entry = {"provider_type": "custom", "base_url": f"{server.url}/v1", "model": "m"}
        workbench.settle({"provider": "here", "providers": {"here": entry}})
        client = await launch()
        session = await new_session(client, workbench.project)
        given = {**trace, "other": "not passed on", "x-split": "a\r\nb"}
        params = {"sessionId": session.id, "prompt": [{"type": "text", "text": "hi"}], "_meta": given}
        assert (await client.ask("session/prompt", params)).result["stopReason"] == "end_turn"
        headers = server.requests[0].headers
    assert {key: headers.get(key) for key in trace} == trace
    assert "other" not in headers


@pytest.mark.requirement("session.providers")
async def test_requests_go_where_the_client_said(workbench: Workbench, launch: Launch) -> None:
    """With its headers, and without the key that was meant for somebody else."""
    said = b'data: {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}\n\n'
    async with http_server(Answer([said, b"data: [DONE]\n\n"])) as server:
        workbench.settle({"provider": "openai"})
        client = await launch(env=workbench.environment(OPENAI_API_KEY="sk-very-secret"))
        routing = {
            "providerId": "openai",
            "apiType": "openai",
            "baseUrl": f"{server.url}/gateway/v1/",
            "headers": {"X-Gateway": "token"},
        }
        assert (await client.ask("providers/set", routing)).result == {}
        session = await new_session(client, workbench.project)
        assert (await session.prompt("hi")).text == "hi"
        (request,) = server.requests
    assert request.path == "/gateway/v1/chat/completions"
    assert request.headers["x-gateway"] == "token"
    assert "authorization" not in request.headers
