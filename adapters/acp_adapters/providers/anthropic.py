"""Anthropic's Messages.

Sources: Anthropic's API reference for messages, streaming, extended thinking and prompt caching.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from acp_adapters.providers.exchange import Exchange, broken_off
from acp_adapters.providers.failures import kind_of_error
from acp_adapters.providers.frames import EventFrames
from acp_adapters.providers.values import alternating, as_number, as_object, as_text, read_object, sound
from acp_agent.content import Image
from acp_agent.models.messages import AssistantTurn, ToolOutput, UserTurn
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
from acp_agent.models.words import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acp_adapters.providers.exchange import Answer, Wire
    from acp_adapters.providers.values import Json
    from acp_agent.models.messages import Message, ModelRequest
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, Reason, StreamEvent

VERSION = "2023-06-01"
MAX_TOKENS = 16_384
"""Of an answer, when the settings name no limit: the service wants one."""
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
    """exchange.Wire."""

    def __init__(self, route: Route) -> None:
        self.url = f"{route.base_url}/messages"
        self._route = route

    def headers(self, content: bytes) -> dict[str, str]:
        key = self._route.key.value
        return {
            "Accept": "text/event-stream",
            "anthropic-version": VERSION,
            **({"x-api-key": key} if key else {}),
        }

    def frames(self) -> EventFrames:
        return EventFrames()

    def answer(self) -> Answer:
        return MessageAnswer()

    def body(self, request: ModelRequest, *, sees: bool) -> Json:
        return {"model": self._route.model, "stream": True, **message_body(self._route, request, sees=sees)}


def message_body(route: Route, request: ModelRequest, *, sees: bool) -> Json:
    """A request but for who is asked, which the service's resellers say elsewhere."""
    thinks = as_text(as_object(route.extra.get("thinking")).get("type")) in ("enabled", "adaptive")
    body: Json = {
        "max_tokens": _room(route),
        "system": [{"type": "text", "text": request.system, **_MARK}],
        "messages": _marked(list(alternating(_messages(request.messages, route.name, sees=sees), "content"))),
    }
    if request.tools:
        tools: list[Json] = [
            {"name": spec.name, "description": spec.description, "input_schema": spec.parameters}
            for spec in request.tools
        ]
        body["tools"] = [*tools[:-1], {**tools[-1], **_MARK}]
    if route.temperature is not None and not thinks:  # with thinking there is no choice of it
        body["temperature"] = route.temperature
    return body


def _room(route: Route) -> int:
    """The longest answer; thoughts are part of it, and there must be room for an answer after them."""
    budget = as_number(as_object(route.extra.get("thinking")).get("budget_tokens"))
    wanted = route.max_tokens or MAX_TOKENS
    return wanted if wanted > budget else budget + wanted


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
                    "content": output or "(no output)",
                }
                yield "user", [{**result, "is_error": True} if failed else result]


def _said(turn: AssistantTurn, model: str) -> Iterator[Json]:
    """Thoughts first, as they came; the service refuses those of other models, and empty texts."""
    yield from turn.kept_of(model, 0)
    if turn.text.strip():
        yield {"type": "text", "text": turn.text}
    for index, call in enumerate(turn.calls, 1):
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": sound(call.arguments)}
        yield from turn.kept_of(model, index)


def _piece(piece: str | Image) -> Json:
    if isinstance(piece, Image):
        source: Json = {"type": "base64", "media_type": piece.mime_type, "data": piece.data}
        return {"type": "image", "source": source}
    return {"type": "text", "text": piece or "(nothing)"}


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
        self.failed = False
        self._reason: str | None = None
        self._usage: Json = {}
        self._blocks: dict[object, _Block] = {}
        self._slots: dict[object, int] = {}

    def take(self, data: bytes) -> Iterator[StreamEvent]:
        event = read_object(data)
        index = event.get("index")
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
                self.failed = True
                error = as_object(event.get("error"))
                said = as_text(error.get("message")) or str(error)
                kind = kind_of_error(as_text(error.get("type")), said)
                yield Failed(kind, f"The model's service broke off its answer: {said}", said)
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
