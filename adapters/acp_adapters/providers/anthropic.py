"""Anthropic's Messages.

Sources: Anthropic's API reference for messages, streaming, extended thinking and prompt caching.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from acp_adapters.providers.exchange import Exchange
from acp_adapters.providers.failures import broken_off
from acp_adapters.providers.frames import EventFrames
from acp_adapters.providers.thoughts import longest_answer, open_call_lacks, thinking_of
from acp_adapters.providers.values import (
    alternating,
    as_index,
    as_number,
    as_object,
    as_text,
    key_header,
    place,
    read_object,
    sound,
    united,
    vertex,
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

VERSION = "2023-06-01"
VERTEX_VERSION = "vertex-2023-10-16"
INTERLEAVED = "interleaved-thinking-2025-05-14"
"""Lets models that think by a budget think between calls too; those that adapt do so anyway."""
CACHED_TURNS = 2
"""The last user messages marked for the cache; the service takes four marks, two go to the prefix."""
_MARK: Json = {"cache_control": {"type": "ephemeral"}}
_REASONS: dict[str, Reason] = {
    "tool_use": "tools",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


def connect(route: Route) -> Model:
    """The model at the end of `route`."""
    return Exchange(route, Messages(route))


class Messages:
    """exchange.Wire. At Vertex AI, which its address shows, the model is part of the address."""

    optional: Mapping[str, str] = MappingProxyType({"thinking.display": r"thinking\.\S*display"})

    def __init__(self, route: Route) -> None:
        self._vertex = vertex(route.base_url, "anthropic")
        if self._vertex:
            model = f"/models/{quote(route.model, safe='@')}:streamRawPredict"
            self.url = place(self._vertex, model)
        else:
            self.url = place(route.base_url, "/messages")
        self._route = route

    def headers(self, content: bytes) -> dict[str, str]:
        found = {
            "Accept": "text/event-stream",
            **({} if self._vertex else {"anthropic-version": VERSION}),
            **key_header(self._route, "Authorization" if self._vertex else "x-api-key"),
        }
        by_budget = thinking_of(self._route.extra).get("type") == "enabled"
        if by_budget and "claude" in self._route.model:
            found["anthropic-beta"] = INTERLEAVED
        return found

    def frames(self) -> EventFrames:
        return EventFrames()

    def answer(self) -> Answer:
        return MessageAnswer()

    def body(self, request: ModelRequest, *, sees: bool) -> Json:
        route = self._route
        extra = dict(route.extra)
        if thinking_of(extra).get("type") == "enabled" and open_call_lacks(request.messages, route.name):
            extra = without(extra, "thinking")
        thinking = thinking_of(extra)
        body: Json = {"model": route.model, "stream": True}
        if self._vertex:
            body = {"anthropic_version": VERTEX_VERSION, "stream": True}
        body["max_tokens"] = longest_answer(route, thinking)
        if request.system:
            body["system"] = [{"type": "text", "text": request.system, **_MARK}]
        said = _messages(request.messages, route.name, sees=sees)
        body["messages"] = _marked(list(alternating(said, "content")))
        if request.tools:
            tools: list[Json] = [
                {"name": spec.name, "description": spec.description, "input_schema": spec.parameters}
                for spec in request.tools
            ]
            body["tools"] = [*tools[:-1], {**tools[-1], **_MARK}]
        if route.temperature is not None and thinking.get("type") in (None, "disabled"):
            body["temperature"] = route.temperature  # with thinking there is no choice of it
        return united(body, extra)


# The request ---------------------------------------------------------------------------------------


def _messages(messages: Sequence[Message], model: str, *, sees: bool) -> Iterator[tuple[str, list[Json]]]:
    for message in messages:
        match message:
            case UserTurn(content):
                yield "user", [_piece(piece) for piece in told(content, sees=sees)]
            case AssistantTurn():
                yield "assistant", list(_said(message, model))
            case ToolOutput(call_id, output, failed):
                result: Json = {
                    "type": "tool_result",
                    "tool_use_id": call_id,
                    "content": output if output.strip() else "(no output)",
                }
                yield "user", [{**result, "is_error": True} if failed else result]


def _said(turn: AssistantTurn, model: str) -> Iterator[Json]:
    """Thoughts first, as they came.

    The service refuses those of other models, those that nothing comes after, and empty texts.
    """
    if not turn.text.strip() and not turn.calls:
        return
    yield from turn.kept_of(model, 0)
    if turn.text.strip():
        yield {"type": "text", "text": turn.text}
    for index, call in enumerate(turn.calls, 1):
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": sound(call.arguments)}
        if index < len(turn.calls):
            yield from turn.kept_of(model, index)


def _piece(piece: str | Image) -> Json:
    if isinstance(piece, Image):
        source: Json = {"type": "base64", "media_type": piece.mime_type, "data": piece.data}
        return {"type": "image", "source": source}
    return {"type": "text", "text": piece}


def _marked(messages: list[Json]) -> list[Json]:
    """With marks for the cache, so that the next request finds this one there."""
    users = [index for index, message in enumerate(messages) if message["role"] == "user"]
    for index in users[-CACHED_TURNS:]:
        message = messages[index]
        content = cast("list[Json]", message["content"])
        messages[index] = {**message, "content": [*content[:-1], {**content[-1], **_MARK}]}
    return messages


# The answer ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Block:
    start: Json
    thought: list[str] = field(default_factory=list[str])
    signature: list[str] = field(default_factory=list[str])

    def kept(self) -> Json | None:
        """What the service wants back: thoughts that it has signed, or those that only it can read."""
        kind = self.start.get("type")
        if kind == "redacted_thinking":
            return self.start
        signature = as_text(self.start.get("signature")) + "".join(self.signature)
        if kind != "thinking" or not signature:
            return None
        thought = as_text(self.start.get("thinking")) + "".join(self.thought)
        return {"type": kind, "thinking": thought, "signature": signature}


class MessageAnswer:
    """exchange.Answer."""

    def __init__(self) -> None:
        self.done = False
        self.error: object = None
        self._reason: str | None = None
        self._usage: Json = {}
        self._blocks: dict[object, _Block] = {}
        self._slots: dict[object, int] = {}

    def take(self, data: bytes) -> Iterator[StreamEvent]:
        event = read_object(data)
        index = as_index(event.get("index"))
        match event.get("type"):
            case "message_start":
                self._usage.update(as_object(as_object(event.get("message")).get("usage")))
            case "content_block_start":
                yield from self._begin(index, as_object(event.get("content_block")))
            case "content_block_delta":
                yield from self._more(index, as_object(event.get("delta")))
            case "content_block_stop":
                yield from self._end(index)
            case "message_delta":
                self._reason = as_text(as_object(event.get("delta")).get("stop_reason")) or self._reason
                # Only what is said counts: the input was told at the start.
                usage = as_object(event.get("usage"))
                self._usage.update({key: value for key, value in usage.items() if value is not None})
            case "message_stop":
                self.done = True
            case "error":
                self.error = event.get("error") or event
            case _:
                pass  # ping, and what is yet to be invented

    def _begin(self, index: object, block: Json) -> Iterator[StreamEvent]:
        self._blocks[index] = _Block(block)
        match block.get("type"):
            case "tool_use":
                self._slots[index] = len(self._slots)
                yield CallStarted(self._slots[index], as_text(block.get("name")))
                if given := as_object(block.get("input")):
                    yield CallArguments(self._slots[index], json.dumps(given))
            case "text" if text := as_text(block.get("text")):
                yield TextPiece(text)
            case "thinking" if thought := as_text(block.get("thinking")):
                yield ThoughtPiece(thought)
            case _:
                pass

    def _more(self, index: object, delta: Json) -> Iterator[StreamEvent]:
        block = self._blocks.setdefault(index, _Block({}))
        match delta.get("type"):
            case "text_delta" if text := as_text(delta.get("text")):
                yield TextPiece(text)
            case "thinking_delta" if thought := as_text(delta.get("thinking")):
                block.thought.append(thought)
                yield ThoughtPiece(thought)
            case "signature_delta":
                block.signature.append(as_text(delta.get("signature")))
            case "input_json_delta" if index in self._slots and (piece := as_text(delta.get("partial_json"))):
                yield CallArguments(self._slots[index], piece)
            case _:
                pass

    def _end(self, index: object) -> Iterator[StreamEvent]:
        block = self._blocks.pop(index, None)
        if block and (kept := block.kept()):
            yield KeptPiece(kept)

    def finish(self, name: str) -> StreamEvent:
        if self._reason is None and not self.done:
            return broken_off(name)
        usual: Reason = "tools" if self._slots else "end"
        return Finished(_REASONS.get(self._reason or "", usual), _usage(self._usage))


def _usage(usage: Json) -> Usage | None:
    """The service counts what its cache had, and took in, beside the rest of the input."""
    if not usage:
        return None
    cached = as_number(usage.get("cache_read_input_tokens"))
    written = as_number(usage.get("cache_creation_input_tokens"))
    return Usage(
        as_number(usage.get("input_tokens")) + cached + written,
        as_number(usage.get("output_tokens")),
        cached,
        as_number(as_object(usage.get("output_tokens_details")).get("thinking_tokens")),
        written,
    )


if TYPE_CHECKING:

    def conforms(wire: Messages) -> Wire:
        return wire
