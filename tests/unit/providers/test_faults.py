"""What goes wrong on the way, in every wire protocol: each ends in one event, and nothing is said twice."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, NamedTuple

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_adapters.http import close_clients
from acp_adapters.providers.anthropic import Messages
from acp_adapters.providers.bedrock import Converse
from acp_adapters.providers.gemini import GenerateContent
from acp_adapters.providers.ollama_chat import OllamaChat
from acp_adapters.providers.openai_chat import ChatCompletions
from acp_adapters.providers.openai_responses import Responses
from acp_agent.assembly.adapters import connect
from acp_agent.models.stream import CallArguments, CallStarted, Failed, Finished, TextPiece, Usage
from tests.support.asking import HELLO, ask, each_service, joined, route, said
from tests.support.http_server import Answer
from tests.support.services import SERVICES, amazon_frame, sse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from acp_adapters.providers.exchange import Wire
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import StreamEvent
    from tests.support.services import Service

    Make = Callable[[Service], Answer]

USAGE = Usage(100, 20)
SPOKEN: tuple[StreamEvent, ...] = (TextPiece("Once"), TextPiece(" upon\u2028a time"), Finished("end", USAGE))
CALLED: tuple[StreamEvent, ...] = (
    CallStarted(0, "read"),
    *(CallArguments(0, each) for each in '{"path": "\u2028é\\n"}'),
    Finished("tools", USAGE),
)
JUNK = b"\x00\xff}{ not a thing \n\n" * 20


@pytest.fixture(autouse=True)
async def a_client_for_each_loop() -> AsyncGenerator[None]:
    """A process has one loop and keeps its clients; here every test has a loop of its own."""
    yield
    await close_clients()


def begun(service: Service) -> list[bytes]:
    """Up to the first piece of text."""
    pieces = list(service.speak(SPOKEN))
    return pieces[: next(at for at, piece in enumerate(pieces) if b"Once" in piece) + 1]


def of(service: Service, *pieces: bytes, breaks: bool = False, hangs: bool = False) -> Answer:
    return Answer(pieces, content_type=service.content_type, breaks=breaks, hangs=hangs)


def failing(service: Service) -> Answer:
    return of(service, *begun(service), service.broken("internal error 500", "internalServerException"))


def refusing(status: str, *headers: str) -> Make:
    return lambda _: Answer([b'{"error": {"message": "no"}}'], status, "application/json", headers=headers)


def page(status: str, title: str) -> Make:
    return lambda _: Answer([f"<!DOCTYPE html><title>{title}</title>".encode()], status, "text/html")


def silent(service: Service) -> Answer:
    return of(service, hangs=True)


def silenced(service: Service) -> Answer:
    return of(service, *begun(service), hangs=True)


def garbage(service: Service) -> Answer:
    return of(service, b"data: " + JUNK)


def garbled(service: Service) -> Answer:
    return of(service, *begun(service), b"data: " + JUNK)


def cut(service: Service) -> Answer:
    return of(service, breaks=True)


def cut_off(service: Service) -> Answer:
    return of(service, *begun(service), breaks=True)


def ended(service: Service) -> Answer:
    return of(service, *begun(service))


def unnamed(service: Service) -> Answer:
    return said(service, *SPOKEN)._replace(content_type="")


def packed(service: Service) -> Answer:
    content = gzip.compress(b"".join(service.speak(SPOKEN)))
    pieces = [content[at : at + 7] for at in range(0, len(content), 7)]
    return of(service, *pieces)._replace(headers=("Content-Encoding: gzip",))


def flood(service: Service) -> Answer:
    lines = tuple(f"X-{number}: {'x' * 1000}" for number in range(200))
    return said(service, *SPOKEN)._replace(headers=lines)


def twice(service: Service) -> Answer:
    """All of it again after its end."""
    return of(service, b"".join(service.speak(SPOKEN)) * 2)


class Fault(NamedTuple):
    answer: Make
    kind: str = ""
    """Of the failure; empty when it does no harm."""
    text: str = ""
    """What is said all the same."""
    wait_s: float | None = None


ALL = "Once upon\u2028a time"
FAULTS = {
    "429 with a reset": Fault(refusing("429 Too Many", "Retry-After: 7"), "rate_limit", wait_s=7),
    "429 without": Fault(refusing("429 Too Many"), "rate_limit"),
    "500 at once": Fault(refusing("500 Oops"), "server"),
    "500 in the midst": Fault(failing, "server", "Once"),
    "silence from the start": Fault(silent, "timeout"),
    "silence in the midst": Fault(silenced, "timeout", "Once"),
    "garbage": Fault(garbage, "protocol"),
    "garbage in the midst": Fault(garbled, "protocol", "Once"),
    "cut at the start": Fault(cut, "network"),
    "cut in the midst": Fault(cut_off, "network", "Once"),
    "ended in the midst": Fault(ended, "network", "Once"),
    "a page": Fault(page("200 OK", "Log in"), "protocol"),
    "a page of a gateway": Fault(page("502 Bad Gateway", "502 Bad Gateway"), "server"),
    "a page of a gateway as a success": Fault(page("200 OK", "503 Service Unavailable"), "overloaded"),
    "a flood of headers": Fault(flood, "network"),
    "no content type": Fault(unnamed, text=ALL),
    "packed": Fault(packed, text=ALL),
    "said twice": Fault(twice, text=ALL),
}


@each_service
@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_one_failure(service: Service, name: str) -> None:
    fault = FAULTS[name]
    if name == "said twice" and service.protocol == "gemini":
        return  # it has no mark for its end but that of the connection
    limit_s = 0.2 if fault.kind == "timeout" else 5
    events = await ask(service, fault.answer(service), silence_limit_s=limit_s)
    assert "".join(event.text for event in events if isinstance(event, TextPiece)) == fault.text
    ends = [event for event in events if isinstance(event, Finished | Failed)]
    assert ends == [events[-1]]
    end = ends[0]
    if fault.kind:
        assert isinstance(end, Failed)
        assert (end.kind, end.wait_s) == (fault.kind, fault.wait_s)
        assert end.message.startswith(("here/m-1 ", "The conversation"))
    else:
        assert end == Finished("end", USAGE)


@each_service
async def test_a_service_that_does_not_begin_to_answer(service: Service) -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        model = connect(route(service, f"http://127.0.0.1:{port}", request_limit_s=0.1))
        with anyio.fail_after(5):
            (end,) = [event async for event in model.stream(HELLO)]
    assert isinstance(end, Failed)
    assert end.kind == "timeout"


@each_service
async def test_arguments_may_come_byte_by_byte(service: Service) -> None:
    whole = b"".join(service.speak(CALLED))
    answer = Answer([bytes([byte]) for byte in whole], content_type=service.content_type)
    started, arguments, end = joined(await ask(service, answer))
    assert started == CallStarted(0, "read")
    assert isinstance(arguments, CallArguments)
    assert json.loads(arguments.piece) == {"path": "\u2028é\n"}
    assert end == Finished("tools", USAGE)


# What is not known --------------------------------------------------------------------------------

WIRES: dict[str, Callable[[Route], Wire]] = {
    "openai": ChatCompletions,
    "openai-responses": Responses,
    "anthropic": Messages,
    "gemini": GenerateContent,
    "bedrock": Converse,
    "ollama": OllamaChat,
}
ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.none(), max_size=2)
)
KEYS = st.sampled_from(
    [
        "id", "choices", "delta", "usage", "index", "content_block", "message", "candidates", "item", "start",
        "output_index", "response", "usageMetadata", "contentBlockIndex", "content", "tool_calls", "model",
    ]
)  # fmt: skip
KINDS = st.sampled_from(["ping", "yet.to.come", "content_block_delta", "response.created", None, 5])


def junk_event(kind: object, rest: dict[str, object]) -> dict[str, object]:
    return {**rest, "type": kind}


JUNK_EVENTS = st.builds(junk_event, KINDS, st.dictionaries(KEYS, ODD, max_size=4))


def framed(service: Service, event: dict[str, object]) -> bytes:
    if service.protocol == "bedrock":
        return amazon_frame("contentBlockDelta" if event["type"] == "ping" else "yetToCome", event)
    if service.protocol == "ollama":
        return json.dumps(event).encode() + b"\n"
    return sse(event)


def understood(service: Service, pieces: Sequence[bytes]) -> list[StreamEvent]:
    wire = WIRES[service.protocol](route(service, "http://127.0.0.1:9"))
    frames, answer = wire.frames(), wire.answer()
    events = [event for piece in pieces for frame in frames.feed(piece) for event in answer.take(frame)]
    assert answer.error is None
    return joined([*events, answer.finish("here/m-1")])


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.protocol)
@settings(deadline=None, max_examples=200)
@given(junk=st.lists(st.tuples(st.integers(0, 30), JUNK_EVENTS), max_size=8), size=st.integers(1, 50))
async def test_what_is_not_known_changes_nothing(
    service: Service, junk: list[tuple[int, dict[str, object]]], size: int
) -> None:
    for spoken in (SPOKEN, CALLED):
        pieces = list(service.speak(spoken))
        expected = understood(service, pieces)
        for at, event in junk:
            pieces.insert(at % max(1, len(pieces) - 1), framed(service, event))
        content = b"".join(pieces)
        cut = [content[at : at + size] for at in range(0, len(content), size)]
        assert understood(service, cut) == expected


WORDS = KEYS | st.sampled_from(
    [
        "type", "error", "response.failed", "response.completed", "response.output_item.done",
        "function_call", "message_start", "content_block_start", "content_block_stop", "message_delta",
        "tool_use", "thinking", "contentBlockStart", "contentBlockDelta", "contentBlockStop",
        "messageStop", "metadata", "done", "parts", "functionCall", "function", "name", "arguments",
        "finish_reason", "reasoning_details", "content_block", "signature", "stop_reason", "input",
        "toolUse", "reasoningContent", "encrypted_content", "extra_content",
    ]
)  # fmt: skip
DEEP = st.recursive(
    ODD | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.protocol)
@settings(deadline=None, max_examples=200)
@given(events=st.lists(st.dictionaries(WORDS, DEEP, max_size=5), max_size=5))
async def test_whatever_comes_is_understood_or_refused(service: Service, events: list[object]) -> None:
    answer = WIRES[service.protocol](route(service, "http://127.0.0.1:9")).answer()
    for event in events:
        try:
            for found in answer.take(json.dumps(event).encode()):
                assert not isinstance(found, Finished | Failed)
        except ValueError:
            pass
    assert isinstance(answer.finish("here/m-1"), Finished | Failed)


# What ends oddly, or not at all --------------------------------------------------------------------


@each_service
async def test_an_answer_is_whole_when_only_the_end_of_the_connection_is_missing(service: Service) -> None:
    pieces = list(service.speak(SPOKEN))
    said_before_the_last = service.protocol in ("openai", "anthropic", "bedrock")
    cut = pieces[:-1] if said_before_the_last else pieces
    events = await ask(service, of(service, *cut, breaks=True))
    assert [type(event) for event in events] == [TextPiece, TextPiece, Finished]


async def test_signs_of_life_are_no_answer() -> None:
    anthropic = next(each for each in SERVICES if each.protocol == "anthropic")
    pings = Answer([b'data: {"type": "ping"}\n\n'] * 1_000_000, content_type=anthropic.content_type)
    (end,) = await ask(anthropic, pings, silence_limit_s=0.05)
    assert isinstance(end, Failed)
    assert (end.kind, "0.3 s" in end.message) == ("timeout", True)
