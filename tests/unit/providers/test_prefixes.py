"""What services cache goes by the beginning of a request: it stays the same, byte by byte."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, cast

import pytest

from acp_adapters.providers.anthropic import Messages
from acp_adapters.providers.bedrock import Converse
from acp_adapters.providers.gemini import GenerateContent
from acp_adapters.providers.ollama_chat import OllamaChat
from acp_adapters.providers.openai_chat import ChatCompletions
from acp_adapters.providers.openai_responses import Responses
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
from acp_agent.models.routes import ProviderType
from tests.support.asking import READ, route
from tests.support.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from acp_adapters.providers.exchange import Wire
    from acp_agent.models.messages import Message
    from acp_agent.models.routes import Route
    from tests.support.services import Service

TURNS = 30
TOOLS = [READ, READ._replace(name="grep")]
CASES: list[tuple[str, Callable[[Route], Wire], str, str]] = [
    # the service, its wire, a model that it has, where its requests have the conversation
    ("openai", ChatCompletions, "gpt-5", "messages"),
    ("openai", ChatCompletions, "anthropic/claude-opus-5.5", "messages"),
    ("openai-responses", Responses, "gpt-5.6", "input"),
    ("anthropic", Messages, "claude-sonnet-4-5", "messages"),
    ("gemini", GenerateContent, "gemini-3-flash", "contents"),
    ("bedrock", Converse, "anthropic.claude-sonnet-4-5", "messages"),
    ("ollama", OllamaChat, "qwen3", "messages"),
]


def conversation(service: Service, model: str) -> Iterator[list[Message]]:
    """The history at each request of many turns, each with a call, thoughts and now and then an image."""
    said: list[Message] = []
    for turn in range(TURNS):
        image = (Image("aW1hZ2U=", "image/png"),) if turn % 7 == 3 else ()
        said.append(UserTurn((Text(f"Question {turn}"), *image, Reminder(f"It is {turn} o'clock."))))
        yield said
        kept = (
            (Kept(f"here/{model}", service.keeps, int(service.protocol == "gemini")),)
            if service.keeps
            else ()
        )
        call = ToolCall(
            f"call-{turn}", "read", json.dumps({"path": f"é{turn}\u2028"}, ensure_ascii=turn % 2 == 0)
        )
        said.append(AssistantTurn("I look.", f"Hm {turn}.", (call,), kept))
        said.append(ToolOutput(call.id, f"a = {turn}", failed=turn % 5 == 0))
        yield said
        said.append(AssistantTurn(f"It is {turn}.", "", ()))


def unmarked(value: object) -> object:
    """Without marks for the cache, which move with the end of the conversation by design."""
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key: unmarked(each) for key, each in items if key != "cache_control"}
    if isinstance(value, list):
        found = [unmarked(each) for each in cast("list[object]", value)]
        return [each for each in found if each != {"cachePoint": {"type": "default"}}]
    return value


def written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize(("protocol", "make", "model", "field"), CASES, ids=lambda value: str(value)[:20])
def test_what_was_said_stays_as_it_was_said(
    protocol: str, make: Callable[[Route], Wire], model: str, field: str
) -> None:
    service = next(each for each in SERVICES if each.protocol == protocol)
    provider = ProviderType(protocol, cache_key=True, cache_marks=("anthropic/",))
    extra = {"thinking": {"type": "enabled", "budget_tokens": 5000}} if protocol == "anthropic" else {}
    wire = make(
        route(service, "http://127.0.0.1:9", model=model, provider=provider, extra=extra, temperature=0.5)
    )
    heads: set[str] = set()
    before: list[object] = []
    for history in conversation(service, model):
        request = ModelRequest("Be brief.", history, TOOLS, {"traceparent": "00"}, "conversation-1")
        body = wire.body(request, sees=True)
        whole = cast("dict[str, object]", json.loads(written(body)))
        said = cast("list[object]", unmarked(whole.pop(field)))
        heads.add(hashlib.sha256(written(whole)).hexdigest())
        # The newest message may still grow: what follows an output within a turn joins it.
        assert written(said[: max(0, len(before) - 1)]) == written(before[:-1])
        before = said
    assert len(heads) == 1, "system prompt, tools and settings"
    assert len(before) > TURNS


def test_marks_are_known_to_this_test() -> None:
    mark = {"type": "default"}
    marked = {"a": [{"text": "x", "cache_control": mark}, {"cachePoint": mark}]}
    assert unmarked(marked) == {"a": [{"text": "x"}]}
