"""Google's Gemini: generateContent, with a key of AI Studio or, at Vertex AI, an access token.

Sources: Google's API reference for generateContent, thinking and thought signatures.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from acp_adapters.providers.exchange import Exchange
from acp_adapters.providers.failures import broken_off
from acp_adapters.providers.frames import EventFrames
from acp_adapters.providers.values import (
    alternating,
    as_list,
    as_number,
    as_object,
    as_text,
    key_header,
    place,
    read_object,
    sound,
    united,
    vertex,
)
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
    from collections.abc import Iterator, Mapping, Sequence

    from acp_adapters.providers.exchange import Answer, Wire
    from acp_adapters.providers.values import Json
    from acp_agent.models.messages import Message, ModelRequest
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, Reason, StreamEvent

UNSIGNED = "skip_thought_signature_validator"
"""Google's word for calls that another model made, for models that refuse calls without a signature."""
_SIGNATURE = "thoughtSignature"
_REASONS: dict[str, Reason] = {
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "IMAGE_SAFETY": "refusal",
}
_BROKEN_CALLS = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"})


def connect(route: Route) -> Model:
    """The model at the end of `route`."""
    return Exchange(route, GenerateContent(route))


class GenerateContent:
    """exchange.Wire."""

    optional: Mapping[str, str] = MappingProxyType(
        {"generationConfig.thinkingConfig.includeThoughts": r"include_?thoughts"}
    )

    def __init__(self, route: Route) -> None:
        model = quote(route.model.removeprefix("models/"), safe="@")
        base_url = vertex(route.base_url, "google") or route.base_url
        self.url = place(base_url, f"/models/{model}:streamGenerateContent", "alt=sse")
        self._route = route

    def headers(self, content: bytes) -> dict[str, str]:
        # Keys of AI Studio are no tokens of OAuth, which Vertex AI wants.
        is_vertex = vertex(self._route.base_url, "google") is not None
        return key_header(self._route, "Authorization" if is_vertex else "x-goog-api-key")

    def frames(self) -> EventFrames:
        return EventFrames()

    def answer(self) -> Answer:
        return _Answer()

    def body(self, request: ModelRequest, *, sees: bool) -> Json:
        signs = "gemini-3" in self._route.model
        said = _contents(request.messages, self._route.name, sees=sees, signs=signs)
        body: Json = {
            "systemInstruction": {"parts": [{"text": request.system}]},
            "contents": list(alternating(said, "parts")),
        }
        if request.tools:
            declared = [
                {
                    "name": spec.name,
                    "description": spec.description,
                    "parametersJsonSchema": spec.parameters,
                }
                for spec in request.tools
            ]
            body["tools"] = [{"functionDeclarations": declared}]
        settings: Json = {}
        if self._route.max_tokens is not None:
            settings["maxOutputTokens"] = self._route.max_tokens
        if self._route.temperature is not None:
            settings["temperature"] = self._route.temperature
        return united({**body, "generationConfig": settings} if settings else body, self._route.extra)


def _contents(
    messages: Sequence[Message], model: str, *, sees: bool, signs: bool
) -> Iterator[tuple[str, list[Json]]]:
    names: dict[str, str] = {}
    for message in messages:
        match message:
            case UserTurn(content):
                yield "user", [_piece(piece) for piece in told(content, sees=sees)]
            case AssistantTurn(_, _, calls):
                names.update((call.id, call.name) for call in calls)
                yield "model", list(_said(message, model, signs=signs))
            case ToolOutput(call_id, output, failed):
                response = {"error" if failed else "output": output}
                yield (
                    "user",
                    [{"functionResponse": {"name": names.get(call_id, call_id), "response": response}}],
                )


def _said(turn: AssistantTurn, model: str, *, signs: bool) -> Iterator[Json]:
    """Texts and calls, each with the signature that came with it."""
    signatures = {each.calls: each.data for each in turn.kept if each.model == model}
    if turn.text:
        yield {"text": turn.text, **signatures.get(0, {})}
    for index, call in enumerate(turn.calls, 1):
        unsigned = {_SIGNATURE: UNSIGNED} if signs and index == 1 else {}
        yield {
            "functionCall": {"name": call.name, "args": sound(call.arguments)},
            **signatures.get(index, unsigned),
        }


def _piece(piece: str | Image) -> Json:
    if isinstance(piece, Image):
        return {"inlineData": {"mimeType": piece.mime_type, "data": piece.data}}
    return {"text": piece}


class _Answer:
    """exchange.Answer. Calls come whole."""

    def __init__(self) -> None:
        self.done = False
        self.error: object = None
        self._reason: str | None = None
        self._usage: Usage | None = None
        self._calls = 0

    def take(self, data: bytes) -> Iterator[StreamEvent]:
        chunk = read_object(data)
        if error := chunk.get("error"):
            self.error = error
            return
        if usage := as_object(chunk.get("usageMetadata")):
            self._usage = _usage(usage)
        if as_text(as_object(chunk.get("promptFeedback")).get("blockReason")):
            self._reason = "SAFETY"
        for candidate in as_list(chunk.get("candidates"))[:1]:
            one = as_object(candidate)
            for part in as_list(as_object(one.get("content")).get("parts")):
                yield from self._part(as_object(part))
            self._reason = as_text(one.get("finishReason")) or self._reason

    def _part(self, part: Json) -> Iterator[StreamEvent]:
        text = as_text(part.get("text"))
        if call := as_object(part.get("functionCall")):
            slot, self._calls = self._calls, self._calls + 1
            yield CallStarted(slot, as_text(call.get("name")))
            yield CallArguments(slot, json.dumps(as_object(call.get("args")), ensure_ascii=False))
        elif text:
            yield ThoughtPiece(text) if part.get("thought") else TextPiece(text)
        if signature := as_text(part.get(_SIGNATURE)):
            yield KeptPiece({_SIGNATURE: signature})

    def finish(self, name: str) -> StreamEvent:
        if self._reason is None:
            return broken_off(name)
        if self._reason in _BROKEN_CALLS and not self._calls:
            return Failed("protocol", f"{name} wrote a tool call that its service could not read. Try again.")
        usual: Reason = "tools" if self._calls else "end"
        return Finished(_REASONS.get(self._reason, usual), self._usage)


def _usage(usage: Json) -> Usage:
    thoughts = as_number(usage.get("thoughtsTokenCount"))
    return Usage(
        as_number(usage.get("promptTokenCount")) + as_number(usage.get("toolUsePromptTokenCount")),
        as_number(usage.get("candidatesTokenCount")) + thoughts,
        as_number(usage.get("cachedContentTokenCount")),
        thoughts,
    )


if TYPE_CHECKING:

    def conforms(wire: GenerateContent) -> Wire:
        return wire
