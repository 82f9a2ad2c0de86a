"""Model services that fail, in every wire protocol: no prompt is lost, nothing hangs, no text comes twice."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

import pytest

from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Finished,
    KeptPiece,
    TextPiece,
    ThoughtPiece,
    Usage,
)
from tests.support.client import choose
from tests.support.http_server import Answer, http_server
from tests.support.services import SERVICES
from tests.support.session import new_session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.models.stream import StreamEvent
    from tests.conftest import Launch
    from tests.support.http_server import HttpServer
    from tests.support.services import Service
    from tests.support.session import Session, Turn
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

ASK = "session/request_permission"
NOTICES: JsonObject = {"session": {"notices": {}}}
END = Finished("end", Usage(100, 20))
HELLO = (TextPiece("Hello"), TextPiece(" there"), END)
SILENCE_S = 0.4
MOST_S = 15
"""For a turn with a retry or two."""
READING = (CallStarted(0, "read"), *(CallArguments(0, each) for each in '{"path": "b.txt"}'))
ENDS = re.compile(
    rb"finish_reason|response\.incomplete|message_delta|finishReason|messageStop|\"done\": true"
)
"""In the pieces with which services end an answer."""
CALLS_COME_WHOLE = ("gemini", "ollama")
each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.protocol)


def said(service: Service, *events: StreamEvent) -> Answer:
    return Answer(list(service.speak(events)), content_type=service.content_type)


def begun(service: Service, *events: StreamEvent) -> Answer:
    """An answer that ends before it says that it does."""
    pieces = list(service.speak((*events, Finished("length", Usage(0, 0)))))
    return Answer(pieces[: _before_the_end(pieces)], content_type=service.content_type, breaks=True)


def _before_the_end(pieces: Sequence[bytes]) -> int:
    ends = re.compile(
        rb"finish_reason|response\.incomplete|message_delta|finishReason|messageStop|\"done\": true"
    )
    return next(number for number, piece in enumerate(pieces) if ends.search(piece))


def refusal(status: str, said: str, **headers: str) -> Answer:
    body = json.dumps({"error": {"message": said}, "message": said}).encode()
    named = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Answer([body], status=status, content_type="application/json", headers=named)


async def opened(
    service: Service, server: HttpServer, workbench: Workbench, launch: Launch, **settings: object
) -> Session:
    entry = {
        "provider_type": "custom",
        "protocol": service.protocol,
        "base_url": server.url,
        "model": "m",
        "stream_chunk_timeout_secs": SILENCE_S,
    }
    workbench.settle({"provider": "far", "providers": {"far": entry}, **settings})
    return await new_session(await launch(NOTICES), workbench.project)


def titles(turn: Turn) -> list[str]:
    return [update["title"] for update in turn.kind("notice")]


# Before anything was to be seen --------------------------------------------------------------------

REFUSALS: dict[str, Answer] = {
    "429": refusal("429 Too Many Requests", "slow down"),
    "429 with a reset": refusal("429 Too Many Requests", "slow down", retry_after="1"),
    "500": refusal("500 Internal Server Error", "oops"),
    "a gateway's page": Answer([b"<html><h1>502</h1>"], status="502 Bad Gateway", content_type="text/html"),
    "a cut connection": Answer([], breaks=True),
}


@each_service
@pytest.mark.requirement("faults.asked-again")
@pytest.mark.parametrize("fault", REFUSALS)
async def test_it_is_asked_again(service: Service, fault: str, workbench: Workbench, launch: Launch) -> None:
    first = (
        REFUSALS[fault]._replace(content_type=service.content_type) if fault[0] == "a" else REFUSALS[fault]
    )
    async with http_server(first, said(service, *HELLO)) as server:
        session = await opened(service, server, workbench, launch)
        turn = await session.prompt("go", within=MOST_S)
    assert (turn.stop_reason, turn.text) == ("end_turn", "Hello there")
    assert any("attempt 2 of 6" in title for title in titles(turn))
    assert server.requests[0].body == server.requests[1].body


@each_service
@pytest.mark.requirement("faults.told-in-the-end")
async def test_a_failure_that_stays_is_told(service: Service, workbench: Workbench, launch: Launch) -> None:
    no = refusal("503 Service Unavailable", "all of it is down")
    async with http_server(no, no, said(service, *HELLO)) as server:
        session = await opened(service, server, workbench, launch, retries=1)
        error = (await session.prompt("go", within=MOST_S)).reply.error
        assert "all of it is down" in error["message"]
        assert (await session.prompt("/resume")).text.endswith("Hello there")
    assert "go" in json.dumps(server.requests[-1].body)


@each_service
@pytest.mark.requirement("faults.not-asked-again")
@pytest.mark.parametrize(
    ("status", "said_by_service"),
    [
        ("401 Unauthorized", "invalid api key"),
        ("402 Payment Required", "no credit"),
        ("400 Bad Request", "no such parameter"),
        ("429 Too Many Requests", "You exceeded your current quota, insufficient_quota"),
    ],
)
async def test_what_does_not_pass_is_told_at_once(
    service: Service, status: str, said_by_service: str, workbench: Workbench, launch: Launch
) -> None:
    async with http_server(refusal(status, said_by_service)) as server:
        session = await opened(service, server, workbench, launch)
        error = (await session.prompt("go")).reply.error
    assert said_by_service in error["message"]
    assert len(server.requests) == 1


@pytest.mark.requirement("faults.cancel-while-waiting")
async def test_a_wait_can_be_cancelled(workbench: Workbench, launch: Launch) -> None:
    async with http_server(refusal("429 Too Many Requests", "slow", retry_after="200")) as server:
        session = await opened(SERVICES[0], server, workbench, launch)
        prompt = await session.start("go")
        told = await session.saw("notice", start=prompt.start)
        assert "attempt 2 of 6 in 200 s" in told["title"]
        await session.cancel()
        assert (await prompt.end()).stop_reason == "cancelled"


# After some of it was to be seen -------------------------------------------------------------------

BREAKS: dict[str, Callable[[Service], Answer]] = {
    "cut": lambda service: begun(service, TextPiece("Hel")),
    "error": lambda service: _and(
        begun(service, TextPiece("Hel")), service.broken("oops", "serviceUnavailableException"), breaks=False
    ),
    "silence": lambda service: _and(begun(service, TextPiece("Hel")), b"", breaks=False, hangs=True),
    "garbage": lambda service: _and(begun(service, TextPiece("Hel")), _garbage(service), breaks=False),
}


def _and(answer: Answer, piece: bytes, **changes: bool) -> Answer:
    return answer._replace(pieces=[*answer.pieces, piece] if piece else answer.pieces, **changes)


def _garbage(service: Service) -> bytes:
    return b"\x00" * 64 if service.protocol == "bedrock" else b"data: {]\n\n{]\n"


@each_service
@pytest.mark.requirement("faults.goes-on")
@pytest.mark.parametrize("fault", BREAKS)
async def test_an_answer_that_breaks_off_goes_on(
    service: Service, fault: str, workbench: Workbench, launch: Launch
) -> None:
    rest = said(service, TextPiece("lo there"), END)
    async with http_server(BREAKS[fault](service), rest) as server:
        session = await opened(service, server, workbench, launch)
        turn = await session.prompt("go", within=MOST_S)
    assert (turn.stop_reason, turn.text) == ("end_turn", "Hello there")
    assert any("broke off" in title for title in titles(turn))
    again = json.dumps(server.requests[1].body)
    assert again.count("Hel") == 1
    assert "Go on exactly where it stopped" in again


@each_service
@pytest.mark.requirement("faults.goes-on")
async def test_a_call_that_breaks_off_is_not_made(
    service: Service, workbench: Workbench, launch: Launch
) -> None:
    written = len(READING) if service.protocol in CALLS_COME_WHOLE else 9
    cut = begun(service, TextPiece("I look. "), *READING[:written])
    whole = said(service, *READING, Finished("tools", Usage(100, 20)))
    async with http_server(cut, whole, said(service, TextPiece("Two lines."), END)) as server:
        session = await opened(service, server, workbench, launch)
        turn = await session.prompt("go", within=MOST_S)
    assert (turn.stop_reason, turn.text) == ("end_turn", "I look. Two lines.")
    assert [call.states[-1] for call in turn.calls][-1] == "completed"
    assert all(call.states[-1] == "failed" for call in turn.calls[:-1])
    assert "one" in json.dumps(server.requests[-1].body)


@pytest.mark.requirement("faults.goes-on")
async def test_it_gives_up_when_nothing_but_pieces_come(workbench: Workbench, launch: Launch) -> None:
    service = SERVICES[0]
    async with http_server(*[begun(service, TextPiece(f"{n} ")) for n in range(4)]) as server:
        session = await opened(service, server, workbench, launch)
        turn = await session.prompt("go", within=MOST_S)
    assert turn.text == "0 1 2 3 "
    assert "broke" in turn.reply.error["message"]


# What must arrive whole ----------------------------------------------------------------------------


@each_service
@pytest.mark.requirement("faults.whole")
async def test_odd_characters_and_tiny_pieces(service: Service, workbench: Workbench, launch: Launch) -> None:
    odd = 'a\u2028b\u2029c\u0085d "\\ \U0001f680'
    look = (ThoughtPiece("Hm."), *READING, Finished("tools", Usage(100, 20)))
    calls = Answer(
        [bytes([byte]) for piece in service.speak(look) for byte in piece], content_type=service.content_type
    )
    async with http_server(calls, said(service, TextPiece(odd), END)) as server:
        session = await opened(service, server, workbench, launch)
        turn = await session.prompt("go")
    assert (turn.call.states[-1], turn.text) == ("completed", odd)


@pytest.mark.requirement("faults.empty")
async def test_an_empty_answer_is_asked_for_again(workbench: Workbench, launch: Launch) -> None:
    service = SERVICES[0]
    async with http_server(said(service, END), said(service, *HELLO)) as server:
        session = await opened(service, server, workbench, launch)
        assert (await session.prompt("go")).text == "Hello there"


@pytest.mark.requirement("faults.overflow")
async def test_a_conversation_that_is_too_long_is_summed_up(workbench: Workbench, launch: Launch) -> None:
    service = SERVICES[0]
    full = refusal("400 Bad Request", "maximum context length is 1000 tokens")
    cut = begun(service, TextPiece("They sa"))
    summary = said(service, TextPiece("They said go."), END)
    async with http_server(full, cut, summary, said(service, *HELLO)) as server:
        session = await opened(service, server, workbench, launch)
        turn = await session.prompt("go", within=MOST_S)
    assert turn.stop_reason == "end_turn"
    assert turn.text.endswith("They said go.\n\nHello there")
    assert "They said go." in json.dumps(server.requests[-1].body)


def _signed_without_words(service: Service) -> list[bytes]:
    """The beginning of an answer whose thoughts are kept and not shown."""
    pieces = list(service.speak((ThoughtPiece("Hm."), KeptPiece({"signature": "c2lnbmVk"}), END)))
    return [piece for piece in pieces[: _before_the_end(pieces)] if b"thinking_delta" not in piece]


@pytest.mark.requirement("faults.asked-again")
async def test_what_was_kept_of_a_failed_attempt_is_not_given_back(
    workbench: Workbench, launch: Launch
) -> None:
    service = next(each for each in SERVICES if each.protocol == "anthropic")
    thought = _signed_without_words(service)
    cut = Answer(thought, content_type=service.content_type, breaks=True)
    reading = list(service.speak((*READING, Finished("tools", Usage(100, 20)))))
    whole = Answer([*thought, *reading], content_type=service.content_type)
    async with http_server(cut, whole, said(service, *HELLO)) as server:
        session = await opened(service, server, workbench, launch)
        assert (await session.prompt("go", within=MOST_S)).text == "Hello there"
    assert json.dumps(server.requests[-1].body).count("c2lnbmVk") == 1


@pytest.mark.requirement("faults.goes-on")
@pytest.mark.parametrize("name", ["functions.read", "lies das", "r" * 90, "läs<|x|>", ""])
async def test_a_name_that_no_tool_can_have_does_not_end_the_session(
    name: str, workbench: Workbench, launch: Launch
) -> None:
    service = SERVICES[0]
    called = said(
        service, CallStarted(0, name or " "), CallArguments(0, "{}"), Finished("tools", Usage(1, 1))
    )
    async with http_server(called, said(service, *HELLO)) as server:
        session = await opened(service, server, workbench, launch)
        turn = await session.prompt("go")
    assert (turn.call.states[-1], turn.text) == ("failed", "Hello there")
    told = cast("JsonObject", server.requests[-1].body)["messages"][-2]
    assert re.fullmatch("[A-Za-z0-9_-]{1,64}", told["tool_calls"][0]["function"]["name"])


# Usage limits --------------------------------------------------------------------------------------

LIMITED = refusal("429 Too Many Requests", "usage limit reached", retry_after="7200")


@each_service
@pytest.mark.requirement("faults.parked")
async def test_a_limit_stops_the_turn_and_not_the_prompt(
    service: Service, workbench: Workbench, launch: Launch
) -> None:
    async with http_server(LIMITED, said(service, *HELLO)) as server:
        session = await opened(service, server, workbench, launch)
        session.client.handlers[ASK] = choose("reject_once")
        turn = await session.prompt("do it")
        (question,) = session.client.calls(ASK)
        assert question["params"]["toolCall"]["title"].startswith("Wait until ")
        assert turn.stop_reason == "end_turn"
        assert "/resume" in turn.text
        assert (await session.prompt("/resume")).text.endswith("Hello there")
    assert "do it" in json.dumps(server.requests[-1].body)


@pytest.mark.requirement("faults.parked")
async def test_a_limit_is_waited_for_with_consent(workbench: Workbench, launch: Launch) -> None:
    service = SERVICES[0]
    async with http_server(LIMITED) as server:
        session = await opened(service, server, workbench, launch)
        session.client.handlers[ASK] = choose("allow_once")
        prompt = await session.start("do it")
        told = await session.saw("notice", start=prompt.start)
        assert told["title"].startswith("The turn goes on at ")
        await session.cancel()
        assert (await prompt.end()).stop_reason == "cancelled"


# Other models --------------------------------------------------------------------------------------


@pytest.mark.requirement("faults.fallback")
async def test_another_model_goes_on(workbench: Workbench, launch: Launch) -> None:
    second = SERVICES[2]
    no = refusal("402 Payment Required", "no credit")
    hello = said(second, *HELLO)
    reading = said(second, *READING, Finished("tools", Usage(100, 20)))
    async with http_server(no) as server, http_server(reading, hello, hello) as other:
        entries = {
            "far": {"provider_type": "custom", "base_url": server.url, "model": "m"},
            "near": {
                "provider_type": "custom",
                "protocol": second.protocol,
                "base_url": other.url,
                "model": "n",
            },
        }
        workbench.settle({"provider": "far", "providers": entries, "fallback": ["near"]})
        session = await new_session(await launch(NOTICES), workbench.project)
        turn = await session.prompt("go")
        assert turn.text == "Hello there"
        assert [title for title in titles(turn) if "near/n is asked" in title] == titles(turn)[:1]
        assert (await session.prompt("go")).text == "Hello there"
    assert len(server.requests) == 1


@pytest.mark.requirement("faults.fallback")
async def test_no_other_model_is_asked_unless_the_settings_say_so(
    workbench: Workbench, launch: Launch
) -> None:
    async with (
        http_server(refusal("402 Payment Required", "no credit")) as server,
        http_server() as other,
    ):
        entries = {
            "far": {"provider_type": "custom", "base_url": server.url, "model": "m"},
            "near": {"provider_type": "custom", "base_url": other.url, "model": "n"},
        }
        workbench.settle({"provider": "far", "providers": entries})
        session = await new_session(await launch(), workbench.project)
        assert "no credit" in (await session.prompt("go")).reply.error["message"]
    assert other.requests == []
