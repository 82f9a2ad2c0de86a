"""JSON-RPC 2.0: who is answered, with what, under which id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.support.session import new_session

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
OPTIONAL = {
    "session/load": ("loadSession",),
    "session/resume": ("sessionCapabilities", "resume"),
    "session/list": ("sessionCapabilities", "list"),
    "session/close": ("sessionCapabilities", "close"),
    "session/delete": ("sessionCapabilities", "delete"),
    "session/fork": ("sessionCapabilities", "fork"),
    "session/archive": ("sessionCapabilities", "archive"),
    "session/status": ("sessionCapabilities", "status"),
    "session/set_title": ("sessionCapabilities", "title"),
    "logout": ("auth", "logout"),
    "auth/status": ("auth", "status"),
    "providers/list": ("providers",),
}
"""Methods that an agent may have, and the capability that announces each."""


NOT_JSON = [
    b"{",
    b"hello",
    b'{"jsonrpc":"2.0",}',
    b"\xff\xfe{}",
    b'{"id":1,"method":"_x","params":[NaN]}',
    b"{}{}",
]
NOT_AN_OBJECT = [b"[]", b"1", b'"initialize"', b"null", b"true", b'[{"jsonrpc":"2.0","id":1,"method":"_a"}]']
NO_MESSAGE = [
    b"{}",
    b'{"jsonrpc":"2.0"}',
    b'{"jsonrpc":"2.0","id":1}',
    b'{"jsonrpc":"2.0","id":1,"method":2}',
    b'{"jsonrpc":"2.0","id":{},"method":"_x"}',
]
NOTIFICATIONS: list[JsonObject] = [
    {"method": "session/cancel", "params": {"sessionId": "none"}},
    {"method": "session/cancel", "params": {"sessionId": 5}},
    {"method": "session/cancel"},
    {"method": "initialize", "params": {"protocolVersion": 1}},
    {"method": "session/prompt", "params": {}},
    {"method": "$/cancel_request", "params": {"requestId": "none"}},
    {"method": "$/cancel_request", "params": []},
    {"method": "nope"},
    {"method": "_vendor/thing", "params": {"a": 1}},
    {"method": "$/progress", "params": [1]},
    {"method": "session/update"},
    {"method": ""},
]
INVALID: list[tuple[str, object]] = [
    ("session/new", {}),
    ("session/new", {"cwd": 1, "mcpServers": []}),
    ("session/new", []),
    ("session/new", None),
    ("session/prompt", {"prompt": []}),
    ("session/prompt", {"sessionId": 1, "prompt": []}),
    ("session/prompt", {"sessionId": "ID"}),
    ("session/prompt", {"sessionId": "ID", "prompt": "text"}),
    ("session/prompt", {"sessionId": "ID", "prompt": [{"type": "text"}]}),
    ("session/prompt", {"sessionId": "ID", "prompt": [{"type": "smell"}]}),
    ("session/set_mode", {"sessionId": "ID", "modeId": "nope"}),
    ("session/set_mode", {"sessionId": "ID"}),
    ("session/set_config_option", {"sessionId": "ID", "configId": "nope", "value": "x"}),
    ("session/set_config_option", {"sessionId": "ID", "configId": "MODE", "value": "nope"}),
    ("session/set_config_option", {"sessionId": "ID", "configId": "MODE", "value": True}),
    ("authenticate", {"methodId": "nope"}),
    ("authenticate", {}),
]
"""Methods and parameters that they do not take; ID and MODE stand for what the session has."""
STRAY = [
    b'{"jsonrpc":"2.0","id":999,"result":{}}',
    b'{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m"}}',
    b'{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"m"}}',
    b'{"jsonrpc":"2.0","id":null,"error":null}',
]


async def responses_to(client: Client, *lines: bytes) -> list[JsonObject]:
    """Every response that these lines get."""
    start = len(client.wire.lines)
    for line in lines:
        await client.wire.send_raw(line + b"\n")
    await client.settle()
    return [message for message in client.wire.messages[start:-1] if "method" not in message]


def refusals(code: int, messages: list[JsonObject]) -> list[JsonObject]:
    """The messages that are errors of that code with a null id."""
    return [message for message in messages if message["id"] is None and message["error"]["code"] == code]


@pytest.mark.requirement("rpc.parse-error")
async def test_not_json(client: Client, subtests: pytest.Subtests) -> None:
    for line in NOT_JSON:
        with subtests.test(line=line):
            answers = await responses_to(client, line)
            assert len(answers) == len(refusals(PARSE_ERROR, answers)) == 1


@pytest.mark.requirement("rpc.not-an-object")
async def test_not_an_object(client: Client, subtests: pytest.Subtests) -> None:
    for line in NOT_AN_OBJECT:
        with subtests.test(line=line):
            answers = await responses_to(client, line)
            assert len(answers) == len(refusals(INVALID_REQUEST, answers)) == 1


@pytest.mark.requirement("rpc.unrecognised-object")
async def test_unrecognised_object(client: Client, subtests: pytest.Subtests) -> None:
    for line in NO_MESSAGE:
        with subtests.test(line=line):
            answers = await responses_to(client, line)
            assert len(answers) == len(refusals(INVALID_REQUEST, answers)) == 1


@pytest.mark.requirement("rpc.id-echo")
async def test_id_comes_back(client: Client, subtests: pytest.Subtests) -> None:
    for request_id in (0, 7, -1, 2**63 - 1, "7", "", "ü", None):
        with subtests.test(id=request_id):
            await client.wire.send({"jsonrpc": "2.0", "id": request_id, "method": "_test/x", "params": {}})
            assert (await client.answer(request_id)).error["code"] == METHOD_NOT_FOUND


@pytest.mark.requirement("rpc.result-or-error")
async def test_result_or_error(session: Session) -> None:
    await session.client.ask("_test/x", {})
    responses = [message for message in session.client.wire.messages if "method" not in message]
    assert len(responses) == 3
    assert all(("result" in message) != ("error" in message) for message in responses)
    error = responses[-1]["error"]
    assert (type(error["code"]), type(error["message"])) == (int, str)


@pytest.mark.requirement("rpc.notification-unanswered")
@pytest.mark.requirement("rpc.unknown-notification-ignored")
async def test_notifications_are_not_answered(client: Client, subtests: pytest.Subtests) -> None:
    for notification in NOTIFICATIONS:
        with subtests.test(notification=notification):
            line = json.dumps({"jsonrpc": "2.0", **notification}).encode()
            assert await responses_to(client, line) == []


@pytest.mark.requirement("rpc.method-not-found")
async def test_unknown_methods(session: Session, subtests: pytest.Subtests) -> None:
    for method in ("nope", "", "Initialize", "session/", "session/update", *OPTIONAL):
        announced: Any = session.client.introduced["agentCapabilities"]
        for key in OPTIONAL.get(method, ("none",)):
            announced = None if announced is None else announced.get(key)
        with subtests.test(method=method):
            reply = await session.client.ask(method, {"sessionId": session.id})
            assert announced not in (None, False) or reply.error["code"] == METHOD_NOT_FOUND


@pytest.mark.requirement("rpc.extension-request-answered")
async def test_extension_requests(client: Client) -> None:
    reply = await client.ask("_vendor/thing", {"a": 1})
    assert reply.error["code"] == METHOD_NOT_FOUND


@pytest.mark.requirement("rpc.invalid-params")
async def test_invalid_params(session: Session, subtests: pytest.Subtests) -> None:
    for method, params in INVALID:
        with subtests.test(method=method, params=params):
            known = json.dumps(params).replace("ID", session.id).replace("MODE", mode_option(session))
            reply = await session.client.ask(method, json.loads(known))
            assert reply.error["code"] == INVALID_PARAMS
            assert reply.error["message"]


def mode_option(session: Session) -> str:
    return next(one["id"] for one in session.opened["configOptions"] if one.get("category") == "mode")


@pytest.mark.requirement("rpc.stray-responses-ignored")
async def test_stray_responses(session: Session) -> None:
    assert await responses_to(session.client, *STRAY, *STRAY) == []
    assert (await session.prompt("say hi")).text == "hi"


@pytest.mark.requirement("rpc.lenient-reading")
async def test_lenient_reading(workbench: Workbench, launch: Launch) -> None:
    client = await launch(raw=True)
    greeting = {
        "protocolVersion": 1,
        "clientCapabilities": {"fs": "yes", "terminal": 1, "session": None, "unheard": {"of": 1}},
        "clientInfo": ["not", "an", "object"],
        "extra": [1],
    }
    assert (await client.ask("initialize", greeting)).result["protocolVersion"] == 1
    junk = [1, {"type": "future"}, None]
    session = await new_session(client, workbench.project, mcpServers=junk, additionalDirectories=7, extra={})
    block = {"type": "text", "text": "say hi", "annotations": "odd", "extra": 1}
    assert (await session.prompt([block])).text == "hi"


@pytest.mark.requirement("rpc.reader-never-blocked")
async def test_a_turn_does_not_block_the_reader(session: Session) -> None:
    prompt = await session.start("wait")
    await session.saw("agent_message_chunk")
    await session.client.settle()
    other = await new_session(session.client, session.cwd)
    assert (await other.prompt("say hi")).text == "hi"
    await session.set_mode("accept")
    await session.cancel()
    assert (await prompt.end()).stop_reason == "cancelled"


@pytest.mark.requirement("rpc.meta")
async def test_meta_is_accepted(workbench: Workbench, launch: Launch) -> None:
    meta = {"_meta": {"cwd": "/elsewhere", "traceparent": "00-1-1-00", "nested": {"a": [1]}}}
    client = await launch(raw=True)
    await client.ask("initialize", {"protocolVersion": 1, "clientCapabilities": {**meta}, **meta})
    session = await new_session(client, workbench.project, **meta)
    prompt = [{"type": "text", "text": "read a.txt", **meta}]
    reply = await client.ask("session/prompt", {"sessionId": session.id, "prompt": prompt, **meta})
    assert reply.result["stopReason"] == "end_turn"
    await client.ask("session/set_mode", {"sessionId": session.id, "modeId": "accept", "_meta": None})
    await client.notify("session/cancel", {"sessionId": session.id, **meta})
    assert all(isinstance(found, dict | None) for found in metas(client.wire.messages))


def metas(value: Any) -> list[object]:
    """Every `_meta` in a value."""
    if isinstance(value, list):
        return [found for item in cast("list[Any]", value) for found in metas(item)]
    if not isinstance(value, dict):
        return []
    value = cast("dict[str, Any]", value)
    own = [value["_meta"]] if "_meta" in value else []
    return own + [found for item in value.values() for found in metas(item)]
