"""OpenAI's Responses: what its reasoning models need to think on between tool calls.

Nothing is stored at the service: the history is sent each time, thoughts in it as ciphers.
Source: OpenAI's API reference for responses, streaming events and reasoning.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from acp_adapters.providers.exchange import Exchange
from acp_adapters.providers.failures import broken_off
from acp_adapters.providers.frames import EventFrames
from acp_adapters.providers.values import (
    as_index,
    as_number,
    as_object,
    as_text,
    key_header,
    place,
    read_object,
    sound_text,
    united,
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

_THINKS = "reasoning.encrypted_content"


def connect(route: Route) -> Model:
    """The model at the end of `route`."""
    return Exchange(route, Responses(route))


class Responses:
    """exchange.Wire."""

    optional: Mapping[str, str] = MappingProxyType(
        {
            # Summaries are for organizations that the service has verified.
            "reasoning.summary": r"reasoning[._ ]summar",
            "include": r"encrypted|\binclude\b",
            "prompt_cache_key": "prompt_cache_key",
        }
    )

    def __init__(self, route: Route) -> None:
        self.url = place(route.base_url, "/responses")
        self._route = route

    def headers(self, content: bytes) -> dict[str, str]:
        return {"Accept": "text/event-stream", **key_header(self._route)}

    def frames(self) -> EventFrames:
        return EventFrames()

    def answer(self) -> Answer:
        return _Answer()

    def body(self, request: ModelRequest, *, sees: bool) -> Json:
        body: Json = {
            "model": self._route.model,
            "instructions": request.system,
            "input": list(_items(request.messages, self._route.name, sees=sees)),
            "stream": True,
            "store": False,
        }
        if self._route.thought_levels or self._route.extra:  # other models refuse to be asked for it
            body["include"] = [_THINKS]
        if request.tools:
            body["tools"] = [
                {"type": "function", **spec._asdict(), "strict": False} for spec in request.tools
            ]
        if self._route.max_tokens is not None:
            body["max_output_tokens"] = self._route.max_tokens
        if self._route.temperature is not None:
            body["temperature"] = self._route.temperature
        if request.conversation:
            body["prompt_cache_key"] = request.conversation
        return united(body, self._route.extra)


def _items(messages: Sequence[Message], model: str, *, sees: bool) -> Iterator[Json]:
    for message in messages:
        match message:
            case UserTurn(content):
                yield {"role": "user", "content": [_piece(piece) for piece in told(content, sees=sees)]}
            case AssistantTurn():
                yield from _said(message, model)
            case ToolOutput(call_id, output, _):
                yield {
                    "type": "function_call_output",
                    "call_id": call_id,
                    "output": output or "(no output)",
                }


def _said(turn: AssistantTurn, model: str) -> Iterator[Json]:
    """Thoughts before what they led to; the service refuses those that led to nothing."""
    if turn.text or turn.calls:
        yield from turn.kept_of(model, 0)
    if turn.text:
        yield {"role": "assistant", "content": [{"type": "output_text", "text": turn.text}]}
    for index, call in enumerate(turn.calls, 1):
        yield {
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": sound_text(call.arguments),
        }
        if index < len(turn.calls):
            yield from turn.kept_of(model, index)


def _piece(piece: str | Image) -> Json:
    if isinstance(piece, Image):
        return {"type": "input_image", "image_url": f"data:{piece.mime_type};base64,{piece.data}"}
    return {"type": "input_text", "text": piece}


class _Answer:
    """exchange.Answer."""

    def __init__(self) -> None:
        self.done = False
        self.error: object = None
        self._reason: Reason | None = None
        self._usage: Usage | None = None
        self._slots: dict[object, int] = {}
        self._written: set[object] = set()
        """The calls of which arguments have come piece by piece."""

    def take(self, data: bytes) -> Iterator[StreamEvent]:
        if data == b"[DONE]":  # what only claims to speak this protocol ends so
            self.done = True
            return
        event = read_object(data)
        index = as_index(event.get("output_index"))
        match event.get("type"):
            case "response.output_text.delta" if piece := as_text(event.get("delta")):
                yield TextPiece(piece)
            case "response.refusal.delta" if piece := as_text(event.get("delta")):
                self._reason = "refusal"
                yield TextPiece(piece)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" if (
                piece := as_text(event.get("delta"))
            ):
                yield ThoughtPiece(piece)
            case "response.reasoning_summary_part.added" if event.get("summary_index"):
                yield ThoughtPiece("\n\n")
            case "response.output_item.added":
                yield from self._begin(index, as_object(event.get("item")))
            case "response.function_call_arguments.delta":
                yield from self._more(index, as_text(event.get("delta")))
            case "response.output_item.done":
                yield from self._end(index, as_object(event.get("item")))
            case "response.completed" | "response.incomplete":
                self._finished(as_object(event.get("response")))
            case "response.failed" | "error":
                self.error = as_object(event.get("response")).get("error") or event.get("error") or event
            case _:
                pass

    def _begin(self, index: object, item: Json) -> Iterator[StreamEvent]:
        if item.get("type") == "function_call" and index not in self._slots:
            self._slots[index] = len(self._slots)
            yield CallStarted(self._slots[index], as_text(item.get("name")))

    def _more(self, index: object, piece: str) -> Iterator[StreamEvent]:
        if index in self._slots and piece:
            self._written.add(index)
            yield CallArguments(self._slots[index], piece)

    def _end(self, index: object, item: Json) -> Iterator[StreamEvent]:
        if item.get("type") == "reasoning":
            if item.get("encrypted_content"):
                # Its id is known to the service only while it stores what was said.
                wanted = ("type", "summary", "encrypted_content")
                yield KeptPiece({key: item[key] for key in wanted if key in item})
        elif item.get("type") == "function_call":
            yield from self._begin(index, item)
            if index not in self._written:
                yield from self._more(index, as_text(item.get("arguments")))

    def _finished(self, response: Json) -> None:
        self.done = True
        if why := as_text(as_object(response.get("incomplete_details")).get("reason")):
            self._reason = "refusal" if why == "content_filter" else "length"
        if usage := as_object(response.get("usage")):
            details = as_object(usage.get("input_tokens_details"))
            self._usage = Usage(
                as_number(usage.get("input_tokens")),
                as_number(usage.get("output_tokens")),
                as_number(details.get("cached_tokens")),
                as_number(as_object(usage.get("output_tokens_details")).get("reasoning_tokens")),
                as_number(details.get("cache_write_tokens")),
            )

    def finish(self, name: str) -> StreamEvent:
        if not self.done:
            return broken_off(name)
        usual: Reason = "tools" if self._slots else "end"
        return Finished(self._reason or usual, self._usage)


if TYPE_CHECKING:

    def conforms(wire: Responses) -> Wire:
        return wire
