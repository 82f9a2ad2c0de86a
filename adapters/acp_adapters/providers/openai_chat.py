"""OpenAI's chat completions, as a great many services speak them."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, cast

from acp_adapters.providers.exchange import Exchange, broken_off
from acp_adapters.providers.frames import EventFrames
from acp_adapters.providers.values import as_list, as_number, as_object, read_object, sound_text
from acp_agent.content import Image
from acp_agent.models.messages import AssistantTurn, ToolOutput, UserTurn
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Failed,
    Finished,
    TextPiece,
    ThoughtPiece,
    Usage,
)
from acp_agent.models.words import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acp_adapters.providers.exchange import Answer, Wire
    from acp_adapters.providers.values import Json
    from acp_agent.content import Part
    from acp_agent.models.messages import Message, ModelRequest, Reminder, ToolSpec
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, Reason, StreamEvent

_REASONS: dict[str, Reason] = {
    "tool_calls": "tools",
    "function_call": "tools",
    "length": "length",
    "content_filter": "refusal",
}


def connect(route: Route) -> Model:
    """The model at the end of `route`."""
    return Exchange(route, ChatCompletions(route))


class ChatCompletions:
    """exchange.Wire."""

    def __init__(self, route: Route) -> None:
        self.url = f"{route.base_url}/chat/completions"
        self._route = route

    def headers(self, content: bytes) -> dict[str, str]:
        key = self._route.key.value
        return {"Accept": "text/event-stream", **({"Authorization": f"Bearer {key}"} if key else {})}

    def frames(self) -> EventFrames:
        return EventFrames()

    def answer(self) -> Answer:
        return _Answer()

    def body(self, request: ModelRequest, *, sees: bool) -> Json:
        body: Json = {
            "model": self._route.model,
            "messages": [
                {"role": "system", "content": request.system},
                *_messages(request.messages, sees=sees, thoughts=self._route.provider.thoughts_back),
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            body["tools"] = [_tool(spec) for spec in request.tools]
        if self._route.max_tokens is not None:
            body["max_tokens"] = self._route.max_tokens
        if self._route.temperature is not None:
            body["temperature"] = self._route.temperature
        return body


def _tool(spec: ToolSpec) -> Json:
    return {"type": "function", "function": spec._asdict()}


def _messages(messages: Sequence[Message], *, sees: bool, thoughts: bool) -> Iterator[Json]:
    asked = max((at for at, each in enumerate(messages) if isinstance(each, UserTurn)), default=0)
    for at, message in enumerate(messages):
        match message:
            case UserTurn(content):
                yield {"role": "user", "content": _content(content, sees=sees)}
            case AssistantTurn(text, thought, calls):
                said: Json = {"role": "assistant", "content": text or None}
                if thoughts and thought and calls and at > asked:
                    said["reasoning_content"] = thought
                if calls:
                    said["tool_calls"] = [
                        {
                            "id": call.id,
                            "type": "function",
                            "function": {"name": call.name, "arguments": sound_text(call.arguments)},
                        }
                        for call in calls
                    ]
                yield said
            case ToolOutput(call_id, output, _):
                yield {"role": "tool", "tool_call_id": call_id, "content": output or "(no output)"}


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


class _Answer:
    """What has come of an answer so far."""

    def __init__(self) -> None:
        self.done = False
        self.failed = False
        self._reason: str | None = None
        self._usage: Usage | None = None
        self._slots: dict[str, int] = {}
        self._ids: dict[str, object] = {}
        self._latest = ""

    def take(self, data: bytes) -> Iterator[StreamEvent]:
        """The events that the data of one server-sent event stand for; raises ValueError."""
        if data == b"[DONE]":
            self.done = True
            return
        chunk = read_object(data)
        if error := chunk.get("error"):
            self.failed = True
            said = as_object(error).get("message") or error
            yield Failed("server", f"The model's service broke off its answer: {said}", str(error))
            return
        if usage := as_object(chunk.get("usage")):
            self._usage = _usage(usage)
        for choice in as_list(chunk.get("choices")):
            delta = as_object(as_object(choice).get("delta"))
            for key in ("reasoning_content", "reasoning"):
                if isinstance(thought := delta.get(key), str) and thought:
                    yield ThoughtPiece(thought)
                    break
            if text := _joined(delta.get("content")):
                yield TextPiece(text)
            for call in as_list(delta.get("tool_calls")):
                yield from self._call(as_object(call))
            if isinstance(reason := as_object(choice).get("finish_reason"), str):
                self._reason = reason

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
        usual: Reason = "tools" if self._slots else "end"
        return Finished(_REASONS.get(self._reason or "", usual), self._usage)


def _usage(usage: Json) -> Usage:
    details = as_object(usage.get("prompt_tokens_details"))
    reasoning = as_object(usage.get("completion_tokens_details"))
    return Usage(
        as_number(usage.get("prompt_tokens")),
        as_number(usage.get("completion_tokens")),
        as_number(details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")),
        as_number(reasoning.get("reasoning_tokens")),
    )


def _joined(content: object) -> str:
    """Text, which some services send in parts."""
    if isinstance(content, str):
        return content
    return "".join(str(as_object(part).get("text") or "") for part in as_list(content))


if TYPE_CHECKING:

    def conforms(wire: ChatCompletions) -> Wire:
        return wire
