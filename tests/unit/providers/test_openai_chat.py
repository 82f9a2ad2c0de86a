"""Chat completions over HTTP: against a server that speaks them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from acp_adapters.http import close_clients
from acp_adapters.providers.openai_chat import connect
from acp_agent.content import Image, Resource, ResourceLink, Text
from acp_agent.models.messages import (
    AssistantTurn,
    ModelRequest,
    Reminder,
    ToolCall,
    ToolOutput,
    ToolSpec,
    UserTurn,
)
from acp_agent.models.routes import Key, Route, provider_types
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Failed,
    Finished,
    StreamEvent,
    TextPiece,
    ThoughtPiece,
    Usage,
)
from tests.support.http_server import Answer, http_server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator


@pytest.fixture(autouse=True)
async def a_client_for_each_loop() -> AsyncGenerator[None]:
    """A process has one loop and keeps its clients; here every test has a loop of its own."""
    yield
    await close_clients()


HELLO = ModelRequest("Be brief.", [UserTurn((Text("Hello"),))], [])


def route(base_url: str, **changes: Any) -> Route:
    plain = Route(
        alias="here", provider=provider_types()["openai"], base_url=base_url, model="m-1",
        key=Key("secret-key", "$OPENAI_API_KEY"), headers={"X-Team": "editors"}, window=1000,
        request_limit_s=5, silence_limit_s=5,
    )  # fmt: skip
    return plain._replace(**changes)


def chunk(delta: dict[str, object] | None = None, reason: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice], **more}, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


async def ask(given_route: Route, request: ModelRequest = HELLO) -> list[StreamEvent]:
    with anyio.fail_after(10):
        return [event async for event in connect(given_route).stream(request)]


async def answer_to(*answers: Answer, request: ModelRequest = HELLO, **changes: object) -> list[StreamEvent]:
    async with http_server(*answers) as server:
        return await ask(route(server.url, **changes), request)


async def test_the_request_is_just_this() -> None:
    call = ToolCall("call-1", "read", '{"path": "a.py"}')
    broken = ToolCall("call-2", "read", '{"path": ')
    request = ModelRequest(
        "Be brief.",
        [
            UserTurn((Text("See"), ResourceLink("file:///a.py", "a.py"), Resource("file:///b.py", "b = 1"))),
            AssistantTurn("Looking.", "thought", (call, broken)),
            ToolOutput("call-1", "a = 1", failed=False),
            ToolOutput("call-2", "", failed=True),
        ],
        [ToolSpec("read", "Reads.", {"type": "object", "properties": {}})],
    )
    async with http_server(Answer([chunk({"content": "ok"}, "stop"), DONE])) as server:
        await ask(route(server.url, max_tokens=50, temperature=0.5), request)
        (served,) = server.requests
    assert served.path == "/chat/completions"
    assert served.headers["authorization"] == "Bearer secret-key"
    assert served.headers["x-team"] == "editors"
    function = {"name": "read", "arguments": '{"path": "a.py"}'}
    assert served.body == {
        "model": "m-1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": "See\n\nThe user points at /a.py\n\n"
                '<resource uri="file:///b.py">\nb = 1\n</resource>',
            },
            {
                "role": "assistant",
                "content": "Looking.",
                "tool_calls": [
                    {"id": "call-1", "type": "function", "function": function},
                    {"id": "call-2", "type": "function", "function": {"name": "read", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "call-1", "content": "a = 1"},
            {"role": "tool", "tool_call_id": "call-2", "content": "(no output)"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "read",
                    "description": "Reads.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
        "max_completion_tokens": 50,
        "temperature": 0.5,
    }


HIGH = {"high": {"reasoning": {"effort": "high"}}}
BARE = {
    "model": "m-1",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}


@pytest.mark.parametrize(("level", "more"), [("high", HIGH["high"]), ("default", {}), ("nothing such", {})])
async def test_a_thought_level_is_said_and_the_default_is_not(level: str, more: dict[str, object]) -> None:
    async with http_server(Answer([chunk({"content": "ok"}, "stop"), DONE])) as server:
        await ask(route(server.url, thought_levels=HIGH).thinking(level))
        (served,) = server.requests
    assert served.body == {**BARE, **more}


async def test_a_reminder_is_a_part_of_the_user_message() -> None:
    request = HELLO._replace(
        messages=[UserTurn((Text("Hello"), Reminder("Plan."))), UserTurn((Reminder("Go."),))]
    )
    async with http_server(Answer([chunk({"content": "ok"}, "stop"), DONE])) as server:
        await ask(route(server.url), request)
        (served,) = server.requests
    assert served.body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello\n\n<reminder>\nPlan.\n</reminder>"},
        {"role": "user", "content": "<reminder>\nGo.\n</reminder>"},
    ]


@pytest.mark.parametrize(
    ("level", "body", "says"),
    [
        ("high", "Unsupported value: 'reasoning.effort' does not support 'high'", "thought level to default"),
        ("high", '"qwen" does not support thinking', "thought level to default"),
        ("default", "tools need /v1/responses, or set reasoning_effort to 'none'", "thought level to off"),
        ("high", "no such model", "Check the model's name"),
        ("default", "there is no model phi-reasoning", "Check the model's name"),
    ],
)
async def test_a_level_that_is_refused_says_what_to_set(level: str, body: str, says: str) -> None:
    async with http_server(Answer([body.encode()], "400 Bad Request", "text/plain")) as server:
        (event,) = await ask(route(server.url, thought_levels=HIGH).thinking(level))
    assert isinstance(event, Failed)
    assert says in event.message


async def test_thought_text_calls_and_usage_come_as_they_are_sent() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    pieces = [
        b": a comment\n\n",
        chunk({"role": "assistant", "reasoning_content": "hm"}),
        chunk({"content": "a\u2028b"}),
        chunk({"tool_calls": [{"index": 0, "id": "x", "function": {"name": "read", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"path'}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "y", "function": {"name": "list", "arguments": "{}"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '": "a"}'}}]}),
        chunk({}, "tool_calls"),
        b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n",
        DONE,
    ]
    assert await answer_to(Answer(pieces)) == [
        ThoughtPiece("hm"),
        TextPiece("a\u2028b"),
        CallStarted(0, "read"),
        CallArguments(0, '{"path'),
        CallStarted(1, "list"),
        CallArguments(1, "{}"),
        CallArguments(0, '": "a"}'),
        Finished("tools", Usage(10, 5, 4, 2)),
    ]


async def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in ("read", "list")]
    assert await answer_to(Answer([chunk({"tool_calls": calls}, "stop"), DONE])) == [
        CallStarted(0, "read"),
        CallArguments(0, "{}"),
        CallStarted(1, "list"),
        CallArguments(1, "{}"),
        Finished("tools", None),
    ]


REASONS = [
    ("stop", Finished("end")),
    ("length", Finished("length")),
    ("content_filter", Finished("refusal")),
]


@pytest.mark.parametrize(("reason", "end"), REASONS)
async def test_why_it_ended(reason: str, end: Finished) -> None:
    events = await answer_to(Answer([chunk({"content": "x"}, reason), DONE]))
    assert events[-1] == end


def refusals() -> Iterator[tuple[str, str, str, str]]:
    yield "401 Unauthorized", '{"error": {"message": "bad key"}}', "auth", "$OPENAI_API_KEY"
    yield "403 Forbidden", '{"error": "not yours"}', "auth", "not yours"
    yield "404 Not Found", '{"detail": "no such model"}', "not_found", "acp-agent models"
    yield "404 Not Found", "404 page not found", "request", "base_url"
    yield "402 Payment Required", "", "billing", "$OPENAI_API_KEY"
    yield "400 Bad Request", '{"error": {"message": "maximum context is 10"}}', "context_length", "too long"
    yield "429 Too Many Requests", "slow down", "rate_limit", "Wait"
    yield "500 Internal Server Error", "<html>oops</html>", "server", "again later"
    yield "503 Service Unavailable", "", "overloaded", "no reason given"


@pytest.mark.parametrize(("status", "body", "kind", "says"), list(refusals()))
async def test_a_refusal_says_what_to_do_but_never_the_key(
    status: str, body: str, kind: str, says: str
) -> None:
    (event,) = await answer_to(Answer([body.encode()], status, "application/json"))
    assert isinstance(event, Failed)
    assert event.kind == kind
    assert says in event.message
    assert "secret-key" not in repr(event)


async def test_an_error_inside_the_stream_ends_it() -> None:
    error = b'data: {"error": {"message": "overloaded"}}\n\n'
    first, last = await answer_to(Answer([chunk({"content": "x"}), error, DONE]))
    assert first == TextPiece("x")
    assert isinstance(last, Failed)
    assert "overloaded" in last.message


async def test_what_is_no_json_is_a_failure() -> None:
    (event,) = await answer_to(Answer([b"data: {oops\n\n"]))
    assert isinstance(event, Failed)
    assert event.kind == "protocol"


@pytest.mark.parametrize("breaks", [False, True])
async def test_an_answer_broken_off_is_a_failure(breaks: bool) -> None:
    first, last = await answer_to(Answer([chunk({"content": "x"})], breaks=breaks))
    assert first == TextPiece("x")
    assert isinstance(last, Failed)
    assert last.kind == "network"


async def test_silence_has_an_end() -> None:
    events = await answer_to(Answer([chunk({"content": "x"})], hangs=True), silence_limit_s=0.05)
    assert events[0] == TextPiece("x")
    assert isinstance(events[1], Failed)
    assert events[1].kind == "timeout"
    assert "kept silent for 0.05 s" in events[1].message


async def test_nobody_there() -> None:
    async with http_server() as server:
        port = server.port
    (event,) = await ask(route(f"http://127.0.0.1:{port}"))
    assert isinstance(event, Failed)
    assert event.kind == "not_found"  # what does not run here does not begin to in a few seconds
    assert f"127.0.0.1:{port}" in event.message


async def test_cancelling_hangs_up() -> None:
    async with http_server(Answer([chunk({"content": "x"})], hangs=True)) as server:
        stream = connect(route(server.url)).stream(HELLO)
        with anyio.fail_after(5):
            assert await anext(stream) == TextPiece("x")
            await stream.aclose()
            await server.hung_up.wait()


async def test_the_connection_is_used_again() -> None:
    hello = Answer([chunk({"content": "x"}, "stop"), DONE], keeps=True)
    async with http_server(hello, hello, hello) as server:
        for _ in range(3):
            await ask(route(server.url))
        assert server.connections == 1


@pytest.mark.parametrize("index", [0, None])
async def test_calls_with_one_index_are_told_apart_by_their_ids(index: int | None) -> None:
    calls = [{"index": index, "id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    more = [{"function": {"arguments": " "}}]
    events = await answer_to(
        Answer([chunk({"tool_calls": calls}), chunk({"tool_calls": more}), chunk({}, "tool_calls"), DONE])
    )
    assert events == [
        CallStarted(0, "a"),
        CallArguments(0, "{}"),
        CallStarted(1, "b"),
        CallArguments(1, "{}"),
        CallArguments(1, " "),
        Finished("tools"),
    ]


async def test_text_in_parts_and_arguments_as_an_object() -> None:
    call = {"index": 0, "id": "x", "function": {"name": "read", "arguments": {"path": "a"}}}
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]
    events = await answer_to(Answer([chunk({"content": parts, "tool_calls": [call]}, "tool_calls"), DONE]))
    assert events[:5] == [
        ThoughtPiece("hm"),
        TextPiece("a"),
        TextPiece("b"),
        CallStarted(0, "read"),
        CallArguments(0, '{"path": "a"}'),
    ]


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("application/json", '{"error": {"message": "model m is not loaded"}}', "model m is not loaded"),
        ("text/html", "<h1>Log in</h1>", "Log in"),
    ],
)
async def test_an_answer_that_is_no_stream_is_told_as_it_is(kind: str, body: str, says: str) -> None:
    (event,) = await answer_to(Answer([body.encode()], content_type=kind))
    assert isinstance(event, Failed)
    assert says in event.message
    assert "base_url" in event.message


async def test_a_service_that_repeats_the_key_does_not_get_it_further() -> None:
    (event,) = await answer_to(Answer([b"secret-key is wrong"], "401 Unauthorized", "text/plain"))
    assert "secret-key" not in repr(event)


@pytest.mark.parametrize("url", ["http://user:pass@127.0.0.1:9", "http://a b/\x7f", "http://[::1"])
async def test_an_odd_address_is_a_failure_and_no_password_is_told(url: str) -> None:
    (event,) = await ask(route(url))
    assert isinstance(event, Failed)
    assert "pass@" not in repr(event)


async def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    events = await answer_to(Answer([chunk({"content": "x"}, "stop"), DONE]))
    assert events[0] == TextPiece("x")


PICTURE = Image("AAAA", "image/png")
PICTURED = ModelRequest(
    "", [UserTurn((Text("Look:"), PICTURE._replace(uri="file:///a.png"), PICTURE, Text("?")))], []
)
ANSWERED = Answer([chunk({"content": "ok"}, "stop"), DONE])
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def contents(body: dict[str, object]) -> list[object]:
    return [message["content"] for message in cast("list[dict[str, object]]", body["messages"])]


async def test_images_go_between_the_texts_they_stand_between() -> None:
    async with http_server(ANSWERED) as server:
        await ask(route(server.url), PICTURED)
        (served,) = server.requests
    assert contents(served.body)[1] == [
        {"type": "text", "text": "Look:\n\nImage /a.png:"},
        SHOWN,
        SHOWN,
        {"type": "text", "text": "?"},
    ]


async def test_a_model_that_cannot_see_gets_words() -> None:
    async with http_server(ANSWERED) as server:
        await ask(route(server.url, vision=False), PICTURED)
        (served,) = server.requests
    blind = "which you cannot see; say so if it matters.)"
    assert contents(served.body)[1] == (
        f"Look:\n\n(The user gave an image, /a.png, {blind}\n\n(The user gave an image {blind}\n\n?"
    )


async def test_an_image_that_could_not_be_used_is_told_of_to_every_model() -> None:
    image = Image("", "image/png", note="which it cannot be shown: it is damaged")
    async with http_server(ANSWERED) as server:
        await ask(route(server.url), ModelRequest("", [UserTurn((image,))], []))
        (served,) = server.requests
    assert contents(served.body)[1] == "(The user gave an image which it cannot be shown: it is damaged.)"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("400 Bad Request", "messages[1]: unknown variant `image_url`, expected `text`"),
        ("400 Bad Request", "Invalid content type. image_url is only supported by certain models."),
        ("400 Bad Request", "m-1 is not a multimodal model"),
        ("404 Not Found", "No endpoints found that support image input"),
        ("422 Unprocessable Entity", "Input should be 'text'"),
        ("500 Internal Server Error", "image input is not supported - you may need to provide the mmproj"),
    ],
)
async def test_a_service_that_refuses_images_is_sent_none_after_that(status: str, said: str) -> None:
    """The conversation repeats the image with every request, so all of them would fail."""
    refusal = Answer([json.dumps({"error": {"message": said}}).encode()], status, "application/json")
    async with http_server(refusal, ANSWERED) as server:
        model = connect(route(server.url))
        with anyio.fail_after(10):
            (failed,) = [event async for event in model.stream(PICTURED)]
            assert isinstance(failed, Failed)
            assert said in failed.message
            assert "Send the prompt again" in failed.message
            assert '"vision": false under providers.here' in failed.message
            assert not model.sees
            again = [event async for event in model.stream(PICTURED)]
        assert TextPiece("ok") in again
        assert "image_url" not in str(server.requests[1].body)


@pytest.mark.parametrize(
    ("status", "said", "request_"),
    [
        ("400 Bad Request", "image_url is odd", HELLO),
        ("400 Bad Request", "no such model", PICTURED),
        ("401 Unauthorized", "no image for you", PICTURED),
        ("429 Too Many Requests", "too many images", PICTURED),
    ],
)
async def test_other_refusals_are_not_taken_for_that(status: str, said: str, request_: ModelRequest) -> None:
    refusal = Answer([json.dumps({"error": {"message": said}}).encode()], status, "application/json")
    async with http_server(refusal) as server:
        model = connect(route(server.url))
        (failed,) = [event async for event in model.stream(request_)]
        assert isinstance(failed, Failed)
        assert "does not take images" not in failed.message
        assert model.sees


@pytest.mark.parametrize("back", [True, False])
async def test_thoughts_of_the_turn_that_goes_on_are_sent_back_where_that_is_wanted(back: bool) -> None:
    call = ToolCall("c1", "read", "{}")
    old = [AssistantTurn("", "old thought", (call,)), ToolOutput("c1", "x", failed=False)]
    new = [AssistantTurn("", "new thought", (call,)), ToolOutput("c1", "y", failed=False)]
    asked = UserTurn((Text("Hello"),))
    request = ModelRequest("Be brief.", [asked, *old, asked, *new], [])
    async with http_server(Answer([chunk({"content": "ok"}, "stop"), DONE])) as server:
        provider = provider_types()["openai"]._replace(thoughts_back=back)
        await ask(route(server.url, provider=provider), request)
        (served,) = server.requests
    messages = cast("list[dict[str, object]]", served.body["messages"])
    thoughts = [each["reasoning_content"] for each in messages if "reasoning_content" in each]
    assert thoughts == (["new thought"] if back else [])
