"""OpenAI's chat completions, as a great many services speak them."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from acp_adapters.providers.exchange import Exchange
from acp_adapters.providers.failures import broken_off
from acp_adapters.providers.frames import EventFrames
from acp_adapters.providers.values import (
    Json,
    as_list,
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
    from acp_agent.content import Part
    from acp_agent.models.messages import Message, ModelRequest, Reminder, ToolSpec
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, Reason, StreamEvent

CACHED_TURNS = 2
"""The last user messages marked for the cache, where a service wants marks."""
_MARK: Json = {"cache_control": {"type": "ephemeral"}}
_REASONS: dict[str, Reason] = {
    "tool_calls": "tools",
    "function_call": "tools",
    "length": "length",
    "model_length": "length",
    "content_filter": "refusal",
}
_FAILURES = {
    "error": {"message": "it has failed"},
    "insufficient_system_resource": {"code": "overloaded", "message": "too much to do"},
}
"""Reasons for an end that is none."""
_STRICT = re.compile(r"(?:mi|mini|magi|dev|code)stral|mixtral|pixtral", re.IGNORECASE)
"""Mistral's models, wherever they are served, refuse two things that others take: ids of calls that are
not nine letters and digits, and a user who speaks between the output of a call and the next answer."""
_ID_CHARACTERS = 9
_BRIDGE = "(I was interrupted.)"
_DETAILS = "reasoning_details"
_EXTRA = "extra_content"


def connect(route: Route) -> Model:
    """The model at the end of `route`."""
    return Exchange(route, ChatCompletions(route))


class ChatCompletions:
    """exchange.Wire."""

    optional: Mapping[str, str] = MappingProxyType(
        {"stream_options": "stream_options", "prompt_cache_key": "prompt_cache_key"}
    )

    def __init__(self, route: Route) -> None:
        self.url = place(route.base_url, "/chat/completions")
        self._route = route

    def headers(self, content: bytes) -> dict[str, str]:
        return {"Accept": "text/event-stream", **key_header(self._route)}

    def frames(self) -> EventFrames:
        return EventFrames()

    def answer(self) -> Answer:
        return _Answer()

    def body(self, request: ModelRequest, *, sees: bool) -> Json:
        route = self._route
        messages: list[Json] = [
            {"role": "system", "content": request.system},
            *_messages(request.messages, route, sees=sees),
        ]
        if _STRICT.search(route.model):
            messages = list(_strict(messages))
        if any(part in route.model for part in route.provider.cache_marks):
            messages = _marked(messages)
        body: Json = {
            "model": route.model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            body["tools"] = [_tool(spec) for spec in request.tools]
        if route.max_tokens is not None:
            body[route.provider.limit_field] = route.max_tokens
        if route.temperature is not None:
            body["temperature"] = route.temperature
        if route.provider.cache_key and request.conversation:
            body["prompt_cache_key"] = request.conversation
        return united(body, route.extra)


# The request ---------------------------------------------------------------------------------------


def _tool(spec: ToolSpec) -> Json:
    return {"type": "function", "function": spec._asdict()}


def _messages(messages: Sequence[Message], route: Route, *, sees: bool) -> Iterator[Json]:
    asked = max((at for at, each in enumerate(messages) if isinstance(each, UserTurn)), default=0)
    for at, message in enumerate(messages):
        match message:
            case UserTurn(content):
                yield {"role": "user", "content": _content(content, sees=sees)}
            case AssistantTurn():
                said = _said(message, route.name)
                if route.provider.thoughts_back and message.thought and message.calls and at > asked:
                    said["reasoning_content"] = message.thought
                yield said
            case ToolOutput(call_id, output, _):
                yield {"role": "tool", "tool_call_id": call_id, "content": output or "(no output)"}


def _said(turn: AssistantTurn, model: str) -> Json:
    said: Json = {"role": "assistant", "content": turn.text or None}
    for kept in turn.kept:
        if kept.model == model and _DETAILS in kept.data:
            said[_DETAILS] = kept.data[_DETAILS]
    calls: list[Json] = []
    for index, call in enumerate(turn.calls, 1):
        function: Json = {"name": call.name, "arguments": sound_text(call.arguments)}
        extra = next((data for data in turn.kept_of(model, index) if _EXTRA in data), Json())
        calls.append({"id": call.id, "type": "function", "function": function, **extra})
    if calls:
        said["tool_calls"] = calls
    return said


def _strict(messages: Sequence[Json]) -> Iterator[Json]:
    """As _STRICT wants them."""
    before: object = None
    for message in messages:
        if before == "tool" and message["role"] == "user":
            yield {"role": "assistant", "content": _BRIDGE}
        before = message["role"]
        if calls := as_list(message.get("tool_calls")):
            short = [{**as_object(call), "id": _short_id(as_object(call)["id"])} for call in calls]
            yield {**message, "tool_calls": short}
        elif before == "tool":
            yield {**message, "tool_call_id": _short_id(message["tool_call_id"])}
        else:
            yield message


def _short_id(call_id: object) -> str:
    return sha256(str(call_id).encode()).hexdigest()[:_ID_CHARACTERS]


def _content(parts: Sequence[Part | Reminder], *, sees: bool) -> str | list[Json]:
    """What a person said: a text, or texts and images in their order where there are images to see."""
    pieces = list(told(parts, sees=sees))
    if not any(isinstance(piece, Image) for piece in pieces):
        return "\n\n".join(cast("list[str]", pieces))
    found: list[Json] = []
    for is_text, run in groupby(pieces, key=lambda piece: isinstance(piece, str)):
        if is_text:
            found.append({"type": "text", "text": "\n\n".join(cast("Iterator[str]", run))})
            continue
        for image in cast("Iterator[Image]", run):
            url = f"data:{image.mime_type};base64,{image.data}"
            found.append({"type": "image_url", "image_url": {"url": url}})
    return found


def _marked(messages: list[Json]) -> list[Json]:
    """With Anthropic's marks for the cache, on the system prompt and the last messages of the user.

    Texts become parts whether marked or not: what is sent again must not change when its mark moves on.
    """
    users = [at for at, message in enumerate(messages) if message["role"] == "user"]
    marked = {0, *users[-CACHED_TURNS:]}
    for at in (0, *users):
        content = messages[at]["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else as_list(content)
        if parts and content:
            last = {**as_object(parts[-1]), **(_MARK if at in marked else {})}
            messages[at] = {**messages[at], "content": [*parts[:-1], last]}
    return messages


# The answer ----------------------------------------------------------------------------------------


class _Answer:
    """What has come of an answer so far."""

    def __init__(self) -> None:
        self.done = False
        self.error: object = None
        self._reason: str | None = None
        self._refused = False
        self._usage: Usage | None = None
        self._slots: dict[str, int] = {}
        self._ids: dict[str, object] = {}
        self._latest = ""
        self._details: list[Json] = []

    def take(self, data: bytes) -> Iterator[StreamEvent]:
        """The events that the data of one server-sent event stand for; raises ValueError."""
        if data == b"[DONE]":
            self.done = True
            return
        chunk = read_object(data)
        if error := chunk.get("error"):
            self.error = error
            return
        if usage := as_object(chunk.get("usage")):
            self._usage = _usage(usage)
        for choice in as_list(chunk.get("choices")):
            yield from self._choice(as_object(choice))

    def _choice(self, choice: Json) -> Iterator[StreamEvent]:
        delta = as_object(choice.get("delta"))
        for key in ("reasoning_content", "reasoning", "reasoning_text"):
            if isinstance(thought := delta.get(key), str) and thought:
                yield ThoughtPiece(thought)
                break
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                yield TextPiece(content)
        else:
            yield from _pieces(content)
        if refusal := as_text(delta.get("refusal")):
            self._refused = True
            yield TextPiece(refusal)
        for detail in as_list(delta.get(_DETAILS)):
            self._detail(as_object(detail))
        for call in as_list(delta.get("tool_calls")):
            yield from self._call(as_object(call))
        if usage := as_object(choice.get("usage")):
            self._usage = _usage(usage)
        if isinstance(reason := choice.get("finish_reason"), str):
            yield from self._end(reason, choice)

    def _end(self, reason: str, choice: Json) -> Iterator[StreamEvent]:
        self._reason = reason
        if reason in _FAILURES:
            self.error = choice.get("error") or _FAILURES[reason]
        elif self._details:
            yield KeptPiece({_DETAILS: self._details})
            self._details = []

    def _detail(self, piece: Json) -> None:
        """Pieces of one detail follow each other: their texts are joined, the rest is the latest."""
        last = self._details[-1] if self._details else {}
        if not last or any(last.get(key) != piece.get(key) for key in ("type", "index")):
            self._details.append(dict(piece))
            return
        for key, value in piece.items():
            old = last.get(key)
            joins = key in ("text", "summary", "data") and isinstance(old, str) and isinstance(value, str)
            if value is not None:
                last[key] = f"{old}{value}" if joins else value

    def _call(self, call: Json) -> Iterator[StreamEvent]:
        """Services leave the index out or repeat it, and then it is the id that tells calls apart."""
        function = as_object(call.get("function"))
        index, call_id, name = call.get("index"), call.get("id"), function.get("name")
        key = str(index) if index is not None else str(call_id or self._latest)
        if call_id and self._ids.get(key, call_id) != call_id:
            key = f"{key} {call_id}"
        if key not in self._slots and isinstance(name, str) and name:
            self._slots[key] = len(self._slots)
            yield CallStarted(self._slots[key], name)
            if extra := as_object(call.get(_EXTRA)):
                yield KeptPiece({_EXTRA: extra})
        if call_id:
            self._ids[key] = call_id
        self._latest = key
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        if key in self._slots and isinstance(arguments, str) and arguments:
            yield CallArguments(self._slots[key], arguments)

    def finish(self, name: str) -> StreamEvent:
        """The end, once the stream has ended."""
        if self._reason is None and not self.done:
            return broken_off(name)
        usual: Reason = "tools" if self._slots else "refusal" if self._refused else "end"
        return Finished(_REASONS.get(self._reason or "", usual), self._usage)


def _usage(usage: Json) -> Usage:
    """Services call the same thing by many names."""
    details = as_object(usage.get("prompt_tokens_details"))
    reasoning = as_object(usage.get("completion_tokens_details"))
    cached = (
        details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or usage.get("cached_tokens")
    )
    written = details.get("cache_write_tokens") or usage.get("cache_creation_input_tokens")
    return Usage(
        as_number(usage.get("prompt_tokens")),
        as_number(usage.get("completion_tokens")),
        as_number(cached),
        as_number(reasoning.get("reasoning_tokens")),
        as_number(written),
    )


def _pieces(content: object) -> Iterator[StreamEvent]:
    """What some services send in parts, thoughts among them."""
    for part in as_list(content):
        one = as_object(part)
        if text := as_text(one.get("text")):
            yield TextPiece(text)
        for thought in as_list(one.get("thinking")):
            if text := as_text(as_object(thought).get("text")):
                yield ThoughtPiece(text)


if TYPE_CHECKING:

    def conforms(wire: ChatCompletions) -> Wire:
        return wire
