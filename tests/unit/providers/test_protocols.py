"""One table of conversations, in every wire protocol: what is sent, and what an answer means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from acp_adapters.http import close_clients
from acp_agent.assembly.adapters import connect
from acp_agent.content import Image, Text
from acp_agent.models.messages import (
    AssistantTurn,
    Kept,
    ModelRequest,
    Reminder,
    ToolCall,
    ToolOutput,
    UserTurn,
)
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
from tests.support.asking import HELLO, READ, ask, each_service, joined, route, said
from tests.support.http_server import Answer, http_server
from tests.support.services import SERVICES, amazon_frame, sse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.models.stream import StreamEvent
    from tests.support.services import Service

REQUESTS = Path(__file__).with_name("requests")


@pytest.fixture(autouse=True)
async def a_client_for_each_loop() -> AsyncGenerator[None]:
    """A process has one loop and keeps its clients; here every test has a loop of its own."""
    yield
    await close_clients()


USAGE = Usage(100, 20)
CALLS = (
    CallStarted(0, "read"),
    CallArguments(0, '{"path": "a.py"}'),
    CallStarted(1, "grep"),
    CallArguments(1, '{"pattern": "é\\u2028\\n"}'),
)
CONVERSATIONS: dict[str, tuple[StreamEvent, ...]] = {
    "text": (TextPiece("Hello"), TextPiece(" there"), Finished("end", USAGE)),
    "odd characters": (TextPiece('a\u2028b\u0085c \U0001f680 \\ " \x00'), Finished("end", USAGE)),
    "thoughts": (ThoughtPiece("Hm."), TextPiece("Yes."), Finished("end", USAGE)),
    "calls": (TextPiece("I look."), *CALLS, Finished("tools", USAGE)),
    "cut": (TextPiece("Once upon"), Finished("length", USAGE)),
}


@each_service
@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_an_answer_is_understood(service: Service, name: str) -> None:
    events = CONVERSATIONS[name]
    found = joined(await ask(service, said(service, *events)))
    assert [readable(event) for event in found] == [readable(event) for event in joined(events)]


def readable(event: StreamEvent) -> object:
    """Arguments by what they say: some services give them as JSON, not as text."""
    return (event.slot, json.loads(event.piece)) if isinstance(event, CallArguments) else event


@each_service
async def test_it_is_the_same_when_it_comes_byte_by_byte(service: Service) -> None:
    events = CONVERSATIONS["calls"]
    whole = said(service, *events)
    single = [bytes([byte]) for byte in b"".join(whole.pieces)]
    found = joined(await ask(service, whole._replace(pieces=single)))
    assert [readable(event) for event in found] == [readable(event) for event in joined(events)]


@each_service
async def test_what_is_counted(service: Service) -> None:
    counted = Usage(1000, 50, cached=600, reasoning=30, written=100)
    (*_, end) = await ask(service, said(service, TextPiece("x"), Finished("end", counted)))
    known: dict[str, Usage] = {
        "anthropic": counted._replace(reasoning=0),
        "bedrock": counted._replace(reasoning=0),
        "gemini": counted._replace(written=0),
        "ollama": Usage(1000, 50),
    }
    assert end == Finished("end", known.get(service.protocol, counted))


@each_service
async def test_a_refusal_is_one(service: Service) -> None:
    if service.protocol == "ollama":  # nobody stands above its models
        return
    (*_, end) = await ask(service, said(service, Finished("refusal", USAGE)))
    assert end == Finished("refusal", USAGE)


@each_service
async def test_thoughts_that_a_service_wants_back_go_back_to_their_model_only(service: Service) -> None:
    if service.keeps is None:
        return
    kept = KeptPiece(service.keeps)
    call = (CallStarted(0, "read"), CallArguments(0, "{}"))
    events: tuple[StreamEvent, ...] = (ThoughtPiece("Hm. I look."), kept, *call, Finished("tools", USAGE))
    if service.protocol == "gemini":  # there it belongs to the call
        events = (ThoughtPiece("Hm. I look."), *call, kept, Finished("tools", USAGE))
    found = await ask(service, said(service, *events))
    assert kept in found
    at = found.index(kept)
    before = sum(isinstance(event, CallStarted) for event in found[:at])
    for model, there in (("here/m-1", True), ("here/m-2", False)):
        turn = AssistantTurn(
            "", "Hm. I look.", (ToolCall("c1", "read", "{}"),), (Kept(model, kept.data, before),)
        )
        request = HELLO._replace(messages=[*HELLO.messages, turn, ToolOutput("c1", "a = 1", failed=False)])
        body = json.dumps(await sent(service, request))
        assert (json.dumps(marker(kept.data)) in body) is there


def marker(data: dict[str, object]) -> str:
    """What is in `data` and nowhere else in a request."""
    text = json.dumps(data)
    return "Y2lwaGVy" if "Y2lwaGVy" in text else "c2lnbmVk"


async def sent(service: Service, request: ModelRequest, **changes: Any) -> dict[str, object]:
    async with http_server(said(service, TextPiece("ok"), Finished("end", USAGE))) as server:
        model = connect(route(service, server.url, **changes))
        with anyio.fail_after(10):
            async for _ in model.stream(request):
                pass
        (served,) = server.requests
        return served.body


FULL = ModelRequest(
    "Be brief.",
    [
        UserTurn(
            (
                Text("What is this?"),
                Image("aW1hZ2U=", "image/png", "file:///home/me/a.png"),
                Reminder("Plan."),
            )
        ),
        AssistantTurn(
            "I look.",
            "Hm. I look.",
            (ToolCall("call-1", "read", '{"path": "a.py"}'), ToolCall("call-2", "read", '{"path": ')),
        ),
        ToolOutput("call-1", "a = 1", failed=False),
        ToolOutput("call-2", "The arguments are no JSON.", failed=True),
        UserTurn((Text("Go on."),)),
        AssistantTurn("Done.", "", ()),
        UserTurn((Text("Thanks."),)),
    ],
    [READ],
)


@each_service
async def test_the_request_is_just_this(service: Service) -> None:
    kept = (
        (Kept("here/m-1", service.keeps, 1 if service.protocol == "gemini" else 0),) if service.keeps else ()
    )
    turn = cast(AssistantTurn, FULL.messages[1])._replace(kept=kept)
    request = FULL._replace(messages=[FULL.messages[0], turn, *FULL.messages[2:]])
    body = await sent(service, request, max_tokens=50, temperature=0.5)
    expected = json.loads((REQUESTS / f"{service.protocol}.json").read_text(encoding="utf-8"))
    assert body == expected


@each_service
async def test_a_failure_in_the_midst_of_an_answer_is_told(service: Service) -> None:
    begun = list(service.speak(CONVERSATIONS["text"]))[:2]
    answer = Answer(
        [*begun, service.broken("out of memory", "anyException")], content_type=service.content_type
    )
    (*_, end) = await ask(service, answer)
    assert isinstance(end, Failed)
    assert end.message.startswith("here/m-1 broke off its answer: out of memory.")
    assert end.kind == "server"


NAMED: list[tuple[str, str, str]] = [
    # kind, words, what the services call it: openai, openai-responses, anthropic, gemini, bedrock
    (
        "rate_limit", "rate limit exceeded",
        "rate_limit_exceeded rate_limit_exceeded rate_limit_error RESOURCE_EXHAUSTED throttlingException",
    ),
    (
        "overloaded", "we are overloaded",
        "engine_overloaded server_is_overloaded overloaded_error UNAVAILABLE serviceUnavailableException",
    ),
    (
        "context_length", "your input exceeds the context window of this model",
        "context_length_exceeded context_length_exceeded - - validationException",
    ),
    (
        "server", "hiccup",
        "server_error server_error api_error INTERNAL modelStreamErrorException",
    ),
    (
        "auth", "invalid api key",
        "invalid_api_key invalid_api_key authentication_error UNAUTHENTICATED accessDeniedException",
    ),
    (
        "billing", "your credit balance is too low",
        "insufficient_quota insufficient_quota billing_error FAILED_PRECONDITION validationException",
    ),
]  # fmt: skip


@each_service
@pytest.mark.parametrize(("kind", "words", "names"), NAMED, ids=[kind for kind, *_ in NAMED])
async def test_failures_in_the_midst_of_an_answer_are_told_apart(
    service: Service, kind: str, words: str, names: str
) -> None:
    protocols = [each.protocol for each in SERVICES]
    name = dict(zip(protocols, names.split(), strict=False)).get(service.protocol, "")
    begun = list(service.speak(CONVERSATIONS["text"]))[:2]
    answer = Answer([*begun, service.broken(words, name)], content_type=service.content_type)
    (*_, end) = await ask(service, answer)
    assert isinstance(end, Failed)
    assert (end.kind, end.wait_s) == (kind, None)
    if kind in ("rate_limit", "overloaded"):
        later = service.broken(f"{words}; try again in 20s", name)
        (end,) = await ask(service, Answer([later], content_type=service.content_type))
        assert isinstance(end, Failed)
        assert (end.kind, end.wait_s) == (kind, 20.0)


@each_service
async def test_an_answer_that_is_cut_off_keeps_what_was_said(service: Service) -> None:
    pieces = list(service.speak(CONVERSATIONS["text"]))
    begun = pieces[: next(at for at, piece in enumerate(pieces) if b"Hello" in piece) + 1]
    found = await ask(service, Answer(begun, content_type=service.content_type))
    assert found[0] == TextPiece("Hello")
    assert isinstance(found[-1], Failed)
    assert found[-1].kind == "network"


@each_service
async def test_what_is_not_known_is_passed_over(service: Service) -> None:
    pieces = list(service.speak(CONVERSATIONS["text"]))
    odd: list[bytes] = []
    for piece in pieces:
        odd += [piece, *unknown(service)]
    found = joined(await ask(service, Answer(odd, content_type=service.content_type)))
    assert found == [TextPiece("Hello there"), Finished("end", USAGE)]


def unknown(service: Service) -> list[bytes]:
    strange: dict[str, object] = {"type": "yet.to.come", "content": [1, None], "delta": 5, "message": "x"}
    if service.protocol == "bedrock":
        return [amazon_frame("yetToCome", strange)]
    if service.protocol == "ollama":
        return [json.dumps({"yet": strange}).encode() + b"\n", b"\n"]
    return [sse(strange), b": a comment\n\n", sse([1]), sse("text"), sse(None)]


@each_service
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", "auth"),
        ("429 Too Many Requests", "rate_limit"),
        ("503 Unavailable", "overloaded"),
    ],
)
async def test_a_refused_request_is_explained(service: Service, status: str, kind: str) -> None:
    body = json.dumps({"error": {"message": "no, because"}}).encode()
    (end,) = await ask(service, Answer([body], status, "application/json"))
    assert isinstance(end, Failed)
    assert end.kind == kind
    assert "no, because" in end.message
    assert "secret-key" not in end.message


@each_service
async def test_garbage_is_a_failure_and_no_crash(service: Service) -> None:
    (*_, end) = await ask(service, Answer([b"data: {{{\n\n\x00\xff" * 40], content_type=service.content_type))
    assert isinstance(end, Failed)
    assert end.kind in ("protocol", "network")
