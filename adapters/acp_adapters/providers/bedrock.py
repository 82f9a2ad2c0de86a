"""Amazon Bedrock: Converse, which is the same for all models that it has.

Source: the API reference of Amazon Bedrock Runtime for ConverseStream.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

from acp_adapters.providers.aws import AmazonFrames, credentials, signed
from acp_adapters.providers.exchange import Exchange
from acp_adapters.providers.failures import broken_off
from acp_adapters.providers.thoughts import longest_answer, open_call_lacks, thinking_of
from acp_adapters.providers.values import (
    alternating,
    as_index,
    as_number,
    as_object,
    as_text,
    place,
    read_object,
    sound,
    united,
    without,
)
from acp_agent.content import Image
from acp_agent.models.messages import AssistantTurn, ToolOutput, UserTurn
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Finished,
    KeptPiece,
    TextPiece,
    ThoughtPiece,
    Usage,
)
from acp_agent.models.words import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from acp_adapters.providers.exchange import Answer, Wire
    from acp_adapters.providers.values import Json
    from acp_agent.models.messages import Message, ModelRequest
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, Reason, StreamEvent

REGION = "us-east-1"
_REGION = re.compile(r"\b([a-z]{2}(?:-[a-z]+)+-\d)\b")
_MARK: Json = {"cachePoint": {"type": "default"}}
_CACHES = ("anthropic.claude", "amazon.nova")
"""In the names of models for which a request may mark what is to be kept; others refuse it."""
_CACHES_TOOLS = "anthropic.claude"
CACHED_TURNS = 2
"""The last user messages marked for the cache; the service takes four marks, two go to the prefix."""
_FIELDS = "additionalModelRequestFields"
_REASONS: dict[str, Reason] = {
    "tool_use": "tools",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "refusal",
    "content_filtered": "refusal",
}


def connect(route: Route) -> Model:
    """The model at the end of `route`."""
    return Exchange(route, Converse(route))


class Converse:
    """exchange.Wire. The key is sent as a token, or signs the request when it is `ID:SECRET`."""

    optional: Mapping[str, str] = MappingProxyType({})

    def __init__(self, route: Route) -> None:
        self.url = place(route.base_url, f"/model/{quote(route.model, safe='')}/converse-stream")
        self._route = route

    def headers(self, content: bytes) -> dict[str, str]:
        key = self._route.key.value
        if key is None:
            return {}
        if held := credentials(key):
            found = _REGION.search(urlsplit(self.url).netloc)
            return signed(self.url, content, found[1] if found else REGION, held, datetime.now(UTC))
        return {"Authorization": f"Bearer {key}"}

    def frames(self) -> AmazonFrames:
        return AmazonFrames()

    def answer(self) -> Answer:
        return _Answer()

    def body(self, request: ModelRequest, *, sees: bool) -> Json:
        route = self._route
        mark = [_MARK] if any(part in route.model for part in _CACHES) else []
        said = _messages(request.messages, route.name, sees=sees)
        messages = list(alternating(said, "content"))
        body: Json = {"messages": _marked(messages) if mark else messages}
        if request.system:
            body["system"] = [{"text": request.system}, *mark]
        if request.tools:
            tools: list[Json] = [
                {
                    "toolSpec": {
                        "name": spec.name,
                        "description": spec.description,
                        "inputSchema": {"json": spec.parameters},
                    }
                }
                for spec in request.tools
            ]
            body["toolConfig"] = {"tools": [*tools, *(mark if _CACHES_TOOLS in route.model else ())]}
        return self._thinking(body, request)

    def _thinking(self, body: Json, request: ModelRequest) -> Json:
        """`body` with what is said of thinking, and what depends on it."""
        route, extra = self._route, dict(self._route.extra)
        thinking = thinking_of(as_object(extra.get(_FIELDS)))
        if thinking.get("type") == "enabled" and open_call_lacks(request.messages, route.name):
            extra, thinking = without(extra, f"{_FIELDS}.thinking"), {}
        settings: Json = {}
        if route.max_tokens is not None or thinking.get("type") == "enabled":
            settings["maxTokens"] = longest_answer(route, thinking)
        if route.temperature is not None and thinking.get("type") in (None, "disabled"):
            settings["temperature"] = route.temperature
        return united({**body, "inferenceConfig": settings} if settings else body, extra)


def _marked(messages: list[Json]) -> list[Json]:
    """With marks for the cache behind the last messages of the user."""
    users = [at for at, message in enumerate(messages) if message["role"] == "user"]
    for at in users[-CACHED_TURNS:]:
        content = cast("list[Json]", messages[at]["content"])
        messages[at] = {**messages[at], "content": [*content, _MARK]}
    return messages


def _messages(messages: Sequence[Message], model: str, *, sees: bool) -> Iterator[tuple[str, list[Json]]]:
    for message in messages:
        match message:
            case UserTurn(content):
                yield "user", [_piece(piece) for piece in told(content, sees=sees)]
            case AssistantTurn():
                yield "assistant", list(_said(message, model))
            case ToolOutput(call_id, output, failed):
                result = {
                    "toolUseId": call_id,
                    "content": [{"text": output if output.strip() else "(no output)"}],
                    "status": "error" if failed else "success",
                }
                yield "user", [{"toolResult": result}]


def _said(turn: AssistantTurn, model: str) -> Iterator[Json]:
    """Thoughts that nothing comes after are refused, and empty texts."""
    if not turn.text.strip() and not turn.calls:
        return
    for data in turn.kept_of(model, 0):
        yield {"reasoningContent": data}
    if turn.text.strip():
        yield {"text": turn.text}
    for index, call in enumerate(turn.calls, 1):
        yield {"toolUse": {"toolUseId": call.id, "name": call.name, "input": sound(call.arguments)}}
        for data in turn.kept_of(model, index) if index < len(turn.calls) else ():
            yield {"reasoningContent": data}


def _piece(piece: str | Image) -> Json:
    if isinstance(piece, Image):
        kind = piece.mime_type.rpartition("/")[2].replace("jpg", "jpeg")
        return {"image": {"format": kind, "source": {"bytes": piece.data}}}
    return {"text": piece}


class _Answer:
    """exchange.Answer."""

    def __init__(self) -> None:
        self.done = False
        self.error: object = None
        self._reason: str | None = None
        self._usage: Usage | None = None
        self._slots: dict[object, int] = {}
        self._thoughts: dict[object, dict[str, list[str]]] = {}

    def take(self, data: bytes) -> Iterator[StreamEvent]:
        for kind, value in read_object(data).items():
            event = as_object(value)
            index = as_index(event.get("contentBlockIndex"))
            match kind:
                case "contentBlockStart":
                    if call := as_object(as_object(event.get("start")).get("toolUse")):
                        self._slots[index] = len(self._slots)
                        yield CallStarted(self._slots[index], as_text(call.get("name")))
                case "contentBlockDelta":
                    yield from self._more(index, as_object(event.get("delta")))
                case "contentBlockStop":
                    yield from self._end(index)
                case "messageStop":
                    self._reason = as_text(event.get("stopReason")) or "end_turn"
                case "metadata":  # the last, after the end of the message
                    self._usage = _usage(as_object(event.get("usage")))
                    self.done = True
                case _ if kind.endswith(("Exception", "Error")):
                    self.error = {"code": kind, "message": as_text(event.get("message")) or kind}
                    return
                case _:
                    pass

    def _more(self, index: object, delta: Json) -> Iterator[StreamEvent]:
        if text := as_text(delta.get("text")):
            yield TextPiece(text)
        if index in self._slots and (piece := as_text(as_object(delta.get("toolUse")).get("input"))):
            yield CallArguments(self._slots[index], piece)
        thought = as_object(delta.get("reasoningContent"))
        for name, value in thought.items():
            self._thoughts.setdefault(index, {}).setdefault(name, []).append(as_text(value))
        if text := as_text(thought.get("text")):
            yield ThoughtPiece(text)

    def _end(self, index: object) -> Iterator[StreamEvent]:
        thought = {name: "".join(pieces) for name, pieces in self._thoughts.pop(index, {}).items()}
        if "redactedContent" in thought:
            yield KeptPiece({"redactedContent": thought["redactedContent"]})
        elif "signature" in thought:
            yield KeptPiece(
                {"reasoningText": {"text": thought.get("text", ""), "signature": thought["signature"]}}
            )

    def finish(self, name: str) -> StreamEvent:
        if self._reason is None:
            return broken_off(name)
        usual: Reason = "tools" if self._slots else "end"
        return Finished(_REASONS.get(self._reason, usual), self._usage)


def _usage(usage: Json) -> Usage | None:
    if not usage:
        return None
    cached = as_number(usage.get("cacheReadInputTokens"))
    written = as_number(usage.get("cacheWriteInputTokens"))
    return Usage(
        as_number(usage.get("inputTokens")) + cached + written,
        as_number(usage.get("outputTokens")),
        cached,
        written=written,
    )


if TYPE_CHECKING:

    def conforms(wire: Converse) -> Wire:
        return wire
