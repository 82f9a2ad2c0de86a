"""Ollama's own protocol, which unlike its copy of OpenAI's can be told how large a context is to be.

Source: Ollama's API reference for /api/chat, thinking and tool calling.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING

from acp_adapters.providers.exchange import Exchange
from acp_adapters.providers.failures import broken_off
from acp_adapters.providers.frames import LineFrames
from acp_adapters.providers.values import (
    as_list,
    as_number,
    as_object,
    as_text,
    key_header,
    place,
    read_object,
    sound,
    united,
)
from acp_agent.content import Image
from acp_agent.models.messages import AssistantTurn, ToolOutput, UserTurn
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Finished,
    TextPiece,
    ThoughtPiece,
    Usage,
)
from acp_agent.models.words import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from acp_adapters.providers.exchange import Answer, Wire
    from acp_adapters.providers.values import Json
    from acp_agent.content import Part
    from acp_agent.models.messages import Message, ModelRequest, Reminder
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, Reason, StreamEvent


def connect(route: Route) -> Model:
    """The model at the end of `route`."""
    return Exchange(route, OllamaChat(route))


class OllamaChat:
    """exchange.Wire."""

    optional: Mapping[str, str] = MappingProxyType({})

    def __init__(self, route: Route) -> None:
        self.url = place(route.base_url.removesuffix("/v1"), "/api/chat")
        self._route = route

    def headers(self, content: bytes) -> dict[str, str]:
        return key_header(self._route)

    def frames(self) -> LineFrames:
        return LineFrames()

    def answer(self) -> Answer:
        return _Answer()

    def body(self, request: ModelRequest, *, sees: bool) -> Json:
        options: Json = {"num_ctx": self._route.window}  # it would cut a longer history, saying nothing
        if self._route.max_tokens is not None:
            options["num_predict"] = self._route.max_tokens
        if self._route.temperature is not None:
            options["temperature"] = self._route.temperature
        body: Json = {
            "model": self._route.model,
            "messages": [
                {"role": "system", "content": request.system},
                *_messages(request.messages, sees=sees),
            ],
            "stream": True,
            "options": options,
        }
        if request.tools:
            body["tools"] = [{"type": "function", "function": spec._asdict()} for spec in request.tools]
        return united(body, self._route.extra)


def _messages(messages: Sequence[Message], *, sees: bool) -> Iterator[Json]:
    names: dict[str, str] = {}
    for message in messages:
        match message:
            case UserTurn(content):
                yield _asked(content, sees=sees)
            case AssistantTurn(text, thought, calls):
                names.update((call.id, call.name) for call in calls)
                said: Json = {"role": "assistant", "content": text}
                if calls:
                    said["tool_calls"] = [
                        {"function": {"name": call.name, "arguments": sound(call.arguments)}}
                        for call in calls
                    ]
                    if thought:  # models that think between calls have to see what they thought
                        said["thinking"] = thought
                yield said
            case ToolOutput(call_id, output, _):
                yield {"role": "tool", "tool_name": names.get(call_id, ""), "content": output}


def _asked(content: Sequence[Part | Reminder], *, sees: bool) -> Json:
    pieces = list(told(content, sees=sees))
    images = [piece.data for piece in pieces if isinstance(piece, Image)]
    text = "\n\n".join(piece for piece in pieces if isinstance(piece, str))
    return {"role": "user", "content": text, **({"images": images} if images else {})}


class _Answer:
    """exchange.Answer. Calls come whole."""

    def __init__(self) -> None:
        self.done = False
        self.error: object = None
        self._reason = ""
        self._usage: Usage | None = None
        self._calls = 0

    def take(self, data: bytes) -> Iterator[StreamEvent]:
        line = read_object(data)
        if error := line.get("error"):
            self.error = error
            return
        message = as_object(line.get("message"))
        if thought := as_text(message.get("thinking")):
            yield ThoughtPiece(thought)
        if text := as_text(message.get("content")):
            yield TextPiece(text)
        for call in as_list(message.get("tool_calls")):
            function = as_object(as_object(call).get("function"))
            slot, self._calls = self._calls, self._calls + 1
            yield CallStarted(slot, as_text(function.get("name")))
            arguments = function.get("arguments")
            text = (
                arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
            )
            yield CallArguments(slot, text)
        if line.get("done"):
            self.done = True
            self._reason = as_text(line.get("done_reason"))
            self._usage = Usage(as_number(line.get("prompt_eval_count")), as_number(line.get("eval_count")))

    def finish(self, name: str) -> StreamEvent:
        if not self.done:
            return broken_off(name)
        usual: Reason = "tools" if self._calls else "end"
        return Finished("length" if self._reason == "length" else usual, self._usage)


if TYPE_CHECKING:

    def conforms(wire: OllamaChat) -> Wire:
        return wire
