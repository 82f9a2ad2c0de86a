"""What each wire protocol has of its own: addresses, headers, thoughts, marks for the cache."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from acp_adapters.http import close_clients
from acp_agent.assembly.adapters import connect
from acp_agent.content import Image, Text
from acp_agent.models.messages import AssistantTurn, Kept, ToolCall, ToolOutput, UserTurn
from acp_agent.models.routes import ProviderType
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Failed,
    Finished,
    KeptPiece,
    TextPiece,
    ThoughtPiece,
    Usage,
)
from tests.support.asking import HELLO, LIMIT_S, READ, ask, each_service, route, said
from tests.support.http_server import Answer, http_server
from tests.support.services import SERVICES, sse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.stream import StreamEvent
    from tests.support.http_server import Served
    from tests.support.services import Service

BY_NAME = {service.protocol: service for service in SERVICES}
CHAT, RESPONSES = BY_NAME["openai"], BY_NAME["openai-responses"]
ANTHROPIC, GEMINI, BEDROCK, OLLAMA = (BY_NAME[name] for name in ("anthropic", "gemini", "bedrock", "ollama"))
USAGE = Usage(100, 20)
OK = (TextPiece("ok"), Finished("end", USAGE))
CALL = ToolCall("c1", "read", "{}")
OUTPUT = ToolOutput("c1", "a = 1", failed=False)
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 5000}}


@pytest.fixture(autouse=True)
async def a_client_for_each_loop() -> AsyncGenerator[None]:
    """A process has one loop and keeps its clients; here every test has a loop of its own."""
    yield
    await close_clients()


async def served(service: Service, request: ModelRequest = HELLO, path: str = "", **changes: Any) -> Served:
    """The request as the service got it; `path` is that of the base URL."""
    async with http_server(said(service, *OK)) as server:
        model = connect(route(service, server.url + path, **changes))
        with anyio.fail_after(LIMIT_S):
            events = [event async for event in model.stream(request)]
        assert isinstance(events[-1], Finished), events
        (found,) = server.requests
        return found


def working(*kept: Kept) -> ModelRequest:
    """A conversation in the midst of a tool call."""
    turn = AssistantTurn("", "Hm.", (CALL,), kept)
    return HELLO._replace(messages=[*HELLO.messages, turn, OUTPUT], tools=[READ])


# Addresses and keys -------------------------------------------------------------------------------


VERTEX = "/v1/projects/p/locations/l"
AZURE = ProviderType("openai", key_header="api-key")
PLACES: list[tuple[str, str, dict[str, Any], str, dict[str, str]]] = [
    ("openai", "/v1", {}, "/v1/chat/completions", {"authorization": "Bearer secret-key"}),
    (
        "openai", "/openai/deployments/d?api-version=1", {"provider": AZURE},
        "/openai/deployments/d/chat/completions?api-version=1", {"api-key": "secret-key"},
    ),
    ("openai-responses", "/v1", {}, "/v1/responses", {"authorization": "Bearer secret-key"}),
    ("anthropic", "/v1", {}, "/v1/messages", {"x-api-key": "secret-key", "anthropic-version": "2023-06-01"}),
    (
        "anthropic", VERTEX, {"model": "claude-sonnet-4-5@20250929"},
        f"{VERTEX}/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
        {"authorization": "Bearer secret-key"},
    ),
    (
        "gemini", "/v1beta", {}, "/v1beta/models/m-1:streamGenerateContent?alt=sse",
        {"x-goog-api-key": "secret-key"},
    ),
    (
        "gemini", f"{VERTEX}/publishers/google", {},
        f"{VERTEX}/publishers/google/models/m-1:streamGenerateContent?alt=sse",
        {"authorization": "Bearer secret-key"},
    ),
    (
        "bedrock", "", {"model": "a.b:0"}, "/model/a.b%3A0/converse-stream",
        {"authorization": "Bearer secret-key"},
    ),
    ("ollama", "/v1", {}, "/api/chat", {"authorization": "Bearer secret-key"}),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "base", "changes", "path", "headers"), PLACES)
async def test_where_and_by_what_key_a_service_is_asked(
    protocol: str, base: str, changes: dict[str, Any], path: str, headers: Mapping[str, str]
) -> None:
    found = await served(BY_NAME[protocol], path=base, **changes)
    assert found.path == path
    assert found.headers.items() >= headers.items()
    for name in ("authorization", "x-api-key", "api-key", "x-goog-api-key"):
        assert (name in found.headers) is (name in headers)


async def test_claude_at_vertex_is_named_by_the_address_only() -> None:
    found = await served(ANTHROPIC, path=VERTEX, model="claude-opus-4-6")
    assert "model" not in found.body
    assert found.body["anthropic_version"] == "vertex-2023-10-16"
    assert "anthropic-version" not in found.headers


# Left out and asked again --------------------------------------------------------------------------

REFUSED: list[tuple[Service, dict[str, object], str, str]] = [
    (CHAT, {}, "Unknown parameter: 'stream_options'", "stream_options"),
    (
        CHAT, {"provider": ProviderType("openai", cache_key=True)},
        "prompt_cache_key: not allowed", "prompt_cache_key",
    ),
    (RESPONSES, {}, "Unsupported: prompt_cache_key", "prompt_cache_key"),
    (
        RESPONSES, {"extra": {"reasoning": {"summary": "auto"}}},
        "Your organization must be verified to generate reasoning summaries.", "reasoning",
    ),
    (
        RESPONSES, {"extra": {"reasoning": {"effort": "low"}}},
        "Encrypted content is not supported with this model.", "include",
    ),
    (
        GEMINI, {"extra": {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}},
        "Unknown name includeThoughts", "generationConfig",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("service", "changes", "words", "field"), REFUSED)
async def test_what_is_refused_and_not_needed_is_left_out_from_then_on(
    service: Service, changes: dict[str, object], words: str, field: str
) -> None:
    refusal = Answer([json.dumps({"error": {"message": words}}).encode()], "400 Bad", "application/json")
    request = HELLO._replace(conversation="conversation-1")
    async with http_server(refusal, said(service, *OK), said(service, *OK)) as server:
        model = connect(route(service, server.url, **changes))
        with anyio.fail_after(LIMIT_S):
            for _ in range(2):
                events = [event async for event in model.stream(request)]
                assert events[-1] == Finished("end", USAGE)
    assert [field in each.body for each in server.requests] == [True, False, False]


async def test_what_stays_refused_is_a_failure() -> None:
    refusal = Answer([b'{"error": {"message": "stream_options"}}'], "400 Bad", "application/json")
    (end,) = await ask(CHAT, refusal, refusal)
    assert isinstance(end, Failed)
    assert end.kind == "request"


# Thoughts ------------------------------------------------------------------------------------------

SIGNED: dict[str, object] = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
REASONED: dict[str, object] = {"reasoningText": {"text": "Hm.", "signature": "c2lnbmVk"}}


@pytest.mark.parametrize("keeps", [True, False])
async def test_claude_thinks_on_only_from_a_thought_of_its_own(keeps: bool) -> None:
    """Otherwise the service refuses the request, as after another model began the work."""
    kept = (Kept("here/claude-sonnet-4-5", SIGNED),) if keeps else (Kept("here/other", SIGNED),)
    found = await served(ANTHROPIC, working(*kept), model="claude-sonnet-4-5", extra=BUDGET, temperature=0.5)
    assert ("thinking" in found.body) is keeps
    assert ("temperature" in found.body) is not keeps
    assert found.body["max_tokens"] == 16_384
    assert found.headers["anthropic-beta"] == "interleaved-thinking-2025-05-14"
    fields = {"additionalModelRequestFields": {**BUDGET, "top_k": 5}}
    kept = tuple(each._replace(data=REASONED) for each in kept)
    kept = tuple(each._replace(model=each.model.replace("/claude", "/anthropic.claude")) for each in kept)
    found = await served(
        BEDROCK, working(*kept), model="anthropic.claude-sonnet-4-5", extra=fields, temperature=0.5
    )
    assert found.body["additionalModelRequestFields"] == (
        fields["additionalModelRequestFields"] if keeps else {"top_k": 5}
    )
    expected = {"maxTokens": 16_384} if keeps else {"temperature": 0.5}
    assert found.body["inferenceConfig"] == expected


async def test_one_that_adapts_thinks_on_from_anywhere() -> None:
    extra = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
    found = await served(ANTHROPIC, working(), extra=extra, temperature=0.5)
    assert found.body["thinking"] == {"type": "adaptive"}
    assert found.body["output_config"] == {"effort": "high"}
    assert found.body["max_tokens"] == 64_000
    assert "temperature" not in found.body
    assert "anthropic-beta" not in found.headers


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({}, 16_384),
        ({"max_output": 8192}, 8192),
        ({"max_tokens": 100}, 100),
        ({"extra": BUDGET, "max_tokens": 100}, 5100),
        ({"extra": BUDGET, "max_tokens": 6000}, 6000),
        ({"extra": {"thinking": {"type": "enabled", "budget_tokens": 32_000}}, "max_output": 40_000}, 40_000),
    ],
)
async def test_there_is_room_for_an_answer_after_the_thoughts(changes: dict[str, Any], most: int) -> None:
    assert (await served(ANTHROPIC, **changes)).body["max_tokens"] == most


@each_service
async def test_thoughts_that_led_to_nothing_are_not_sent(service: Service) -> None:
    """Their turn was cancelled; services refuse a history with a thought and nothing after it."""
    if service.keeps is None:
        return
    turn = AssistantTurn("", "Hm. I look.", (), (Kept("here/m-1", service.keeps),))
    request = HELLO._replace(messages=[*HELLO.messages, turn, UserTurn((Text("Go on."),))])
    found = json.dumps((await served(service, request)).body)
    assert "Go on." in found
    assert "c2lnbmVk" not in found
    assert "Y2lwaGVy" not in found


async def test_details_of_thoughts_go_back_as_they_came() -> None:
    """What resellers hand on of other services' signatures and ciphers."""
    pieces: list[dict[str, object]] = [
        {"reasoning": "Hm", "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "Hm"}]},
        {"reasoning": ".", "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "."}]},
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "signature": "c2lnbmVk"}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": "Y2lwaGVy"}]},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "read", "arguments": "{}"}}]},
    ]
    details = [
        {"type": "reasoning.text", "index": 0, "text": "Hm.", "signature": "c2lnbmVk"},
        {"type": "reasoning.encrypted", "index": 1, "data": "Y2lwaGVy"},
    ]
    chunks = [sse({"choices": [{"index": 0, "delta": piece}]}) for piece in pieces]
    end = sse({"choices": [{"index": 0, "finish_reason": "tool_calls"}]})
    kept = KeptPiece({"reasoning_details": details})
    assert await ask(CHAT, Answer([*chunks, end])) == [
        ThoughtPiece("Hm"),
        ThoughtPiece("."),
        CallStarted(0, "read"),
        CallArguments(0, "{}"),
        kept,
        Finished("tools"),
    ]
    for model in ("here/m-1", "here/other"):
        found = await served(CHAT, working(Kept(model, kept.data, 1)))
        (turn,) = (each for each in messages(found) if each["role"] == "assistant")
        assert turn.get("reasoning_details") == (details if model == "here/m-1" else None)


async def test_a_signature_beside_a_call_goes_back_beside_it() -> None:
    """Gemini's, where it speaks OpenAI's protocol."""
    extra = {"google": {"thought_signature": "c2lnbmVk"}}
    calls = [
        {"index": at, "id": f"c{at}", "function": {"name": "read", "arguments": "{}"}, **more}
        for at, more in enumerate([{"extra_content": extra}, {}])
    ]
    answer = Answer([sse({"choices": [{"delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]})])
    kept = KeptPiece({"extra_content": extra})
    assert (await ask(CHAT, answer))[:2] == [CallStarted(0, "read"), kept]
    found = await served(CHAT, working(Kept("here/m-1", kept.data, 1)))
    (turn,) = (each for each in messages(found) if each["role"] == "assistant")
    assert cast("list[dict[str, object]]", turn["tool_calls"])[0]["extra_content"] == extra


def messages(found: Served) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", found.body["messages"])


# The cache -----------------------------------------------------------------------------------------


def marks(body: object, name: str) -> int:
    return json.dumps(body).count(f'"{name}"')


@pytest.mark.parametrize(
    ("service", "model", "name", "most"),
    [
        (ANTHROPIC, "claude-opus-5-5", "cache_control", 4),
        (BEDROCK, "anthropic.claude-opus-5", "cachePoint", 4),
        (BEDROCK, "us.amazon.nova-2-lite-v1:0", "cachePoint", 3),  # it takes none behind tools
        (BEDROCK, "meta.llama4", "cachePoint", 0),
        (CHAT, "anthropic/claude-opus-5.5", "cache_control", 3),
        (CHAT, "openai/gpt-5", "cache_control", 0),
    ],
)
async def test_no_more_marks_than_a_service_takes(service: Service, model: str, name: str, most: int) -> None:
    image = Image("aW1hZ2U=", "image/png")
    asked = [UserTurn((Text(str(number)), image)) for number in range(9)]
    turns = [message for turn in asked for message in (turn, AssistantTurn("", "", (CALL,)), OUTPUT)]
    request = HELLO._replace(messages=turns, tools=[READ, READ._replace(name="other")])
    provider = ProviderType(service.protocol, cache_marks=("anthropic/",))
    found = await served(service, request, model=model, provider=provider)
    assert marks(found.body, name) == most
    bare = await served(service, HELLO._replace(system=""), model=model, provider=provider)
    assert marks(bare.body, name) == min(most, 1)  # an empty text takes none


@pytest.mark.parametrize(
    ("service", "cache_key", "named"),
    [(RESPONSES, False, True), (CHAT, True, True), (CHAT, False, False), (ANTHROPIC, True, False)],
)
async def test_the_conversation_is_named_where_that_helps(
    service: Service, cache_key: bool, named: bool
) -> None:
    request = HELLO._replace(conversation="conversation-1")
    provider = ProviderType(service.protocol, cache_key=cache_key)
    body = (await served(service, request, provider=provider)).body
    assert body.get("prompt_cache_key") == ("conversation-1" if named else None)
    assert "prompt_cache_key" not in (await served(service, provider=provider)).body


# Settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_the_longest_answer_has_a_name_of_the_service(field: str) -> None:
    provider = ProviderType("openai", limit_field=field)
    body = (await served(CHAT, provider=provider, max_tokens=5)).body
    assert {key for key in body if key.startswith("max")} == {field}


async def test_settings_of_thoughts_join_the_others() -> None:
    extra = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low", "includeThoughts": True}}}
    body = (await served(GEMINI, extra=extra, max_tokens=5)).body
    assert body["generationConfig"] == {"maxOutputTokens": 5, **extra["generationConfig"]}
    assert (await served(OLLAMA, extra={"think": "low"})).body["think"] == "low"


# Ends ----------------------------------------------------------------------------------------------


def completed(**response: object) -> list[bytes]:
    return [sse({"type": "response.completed", "response": response})]


ENDS: list[tuple[Service, list[bytes], list[StreamEvent]]] = [
    (
        RESPONSES,
        [sse({"type": "response.refusal.delta", "delta": "No."}), *completed()],
        [TextPiece("No."), Finished("refusal")],
    ),
    (RESPONSES, completed(incomplete_details={"reason": "max_output_tokens"}), [Finished("length")]),
    (RESPONSES, completed(incomplete_details={"reason": "content_filter"}), [Finished("refusal")]),
    (RESPONSES, completed(incomplete_details=None), [Finished("end")]),
    (
        CHAT,
        [sse({"choices": [{"delta": {"refusal": "No."}, "finish_reason": "stop"}]})],
        [TextPiece("No."), Finished("refusal")],
    ),
    (
        CHAT,
        [sse({"choices": [{"delta": {"refusal": "No."}}]}), b"data: [DONE]\n\n"],
        [TextPiece("No."), Finished("refusal")],
    ),
    (ANTHROPIC, [sse({"type": "message_delta", "delta": {"stop_reason": "pause_turn"}})], [Finished("end")]),
    (GEMINI, [sse({"promptFeedback": {"blockReason": "OTHER"}})], [Finished("refusal")]),
]


@pytest.mark.parametrize(("service", "pieces", "events"), ENDS)
async def test_ends(service: Service, pieces: list[bytes], events: list[StreamEvent]) -> None:
    assert await ask(service, Answer(pieces)) == events


TOO_MUCH = {"code": 429, "message": "too much"}
FAILING: list[tuple[Service, object, str]] = [
    (CHAT, {"choices": [{"delta": {}, "finish_reason": "error", "error": TOO_MUCH}]}, "rate_limit"),
    (CHAT, {"choices": [{"delta": {}, "finish_reason": "error"}]}, "server"),
    (CHAT, {"choices": [{"delta": {}, "finish_reason": "insufficient_system_resource"}]}, "overloaded"),
    (RESPONSES, {"type": "error", "code": "rate_limit_exceeded", "message": "slow"}, "rate_limit"),
    (RESPONSES, {"type": "error", "error": {"type": "server_error", "message": "slow"}}, "server"),
    (GEMINI, {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}, "protocol"),
]


@pytest.mark.parametrize(("service", "data", "kind"), FAILING)
async def test_ends_that_are_failures(service: Service, data: object, kind: str) -> None:
    (end,) = await ask(service, Answer([sse(data)]))
    assert isinstance(end, Failed)
    assert end.kind == kind
    assert "{" not in end.message


USAGES: list[tuple[dict[str, object], Usage]] = [
    ({"prompt_tokens": 9, "completion_tokens": 3, "prompt_cache_hit_tokens": 4}, Usage(9, 3, 4)),
    ({"prompt_tokens": 9, "completion_tokens": 3, "cached_tokens": 4}, Usage(9, 3, 4)),
    (
        {"prompt_tokens": 9.0, "completion_tokens": 3, "cache_creation_input_tokens": 2},
        Usage(9, 3, written=2),
    ),
    ({"prompt_tokens": -9, "completion_tokens": "3", "prompt_tokens_details": None}, Usage(0, 0)),
]


@pytest.mark.parametrize(("usage", "counted"), USAGES)
@pytest.mark.parametrize("within", [True, False])
async def test_services_count_in_their_own_words(
    usage: dict[str, object], counted: Usage, within: bool
) -> None:
    choice: dict[str, object] = {"delta": {}, "finish_reason": "stop"}
    chunk = {"choices": [{**choice, "usage": usage}]} if within else {"choices": [choice], "usage": usage}
    assert await ask(CHAT, Answer([sse(chunk)])) == [Finished("end", counted)]


# Mistral's models ----------------------------------------------------------------------------------


async def test_mistrals_models_get_short_ids_and_answers_between_outputs_and_users() -> None:
    request = working()
    messages = [*request.messages, *HELLO.messages]
    got = await served(CHAT, request._replace(messages=messages), model="mistralai/devstral-2")
    _, asked, called, output, between, told = cast("list[Any]", got.body["messages"])
    assert [each["role"] for each in (asked, between, told)] == ["user", "assistant", "user"]
    call_id = called["tool_calls"][0]["id"]
    assert (len(call_id), call_id.isalnum()) == (9, True)
    assert output["tool_call_id"] == call_id
    plain = await served(CHAT, request._replace(messages=messages), model="gpt")
    assert len(cast("list[Any]", plain.body["messages"])) == 5


# What is blank ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [ANTHROPIC, BEDROCK, GEMINI], ids=["anthropic", "bedrock", "gemini"])
async def test_no_text_is_blank(service: Service) -> None:
    turn = AssistantTurn(" ", "", (CALL,))
    blank = [UserTurn((Text(""), Text(" "))), turn, OUTPUT._replace(output="\n"), UserTurn((Text("\n"),))]
    got = await served(service, HELLO._replace(messages=blank, tools=[READ]))
    texts = _texts({key: value for key, value in got.body.items() if key in ("messages", "contents")})
    assert "(nothing)" in texts
    assert [text for text in texts if service is not GEMINI and not text.strip()] == []
    assert "" not in texts


def _texts(data: object) -> list[str]:
    """Everything that stands behind `text` or `content`."""
    if isinstance(data, dict):
        pairs = cast("dict[str, object]", data).items()
        own = [value for key, value in pairs if key in ("text", "content") and isinstance(value, str)]
        return own + [text for _, value in pairs for text in _texts(value)]
    return (
        [text for each in cast("list[object]", data) for text in _texts(each)]
        if isinstance(data, list)
        else []
    )
