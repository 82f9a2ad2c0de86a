"""How model services answer, each in its own wire protocol: a script of what is said becomes bytes."""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Finished,
    KeptPiece,
    TextPiece,
    ThoughtPiece,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from acp_agent.models.stream import Reason, StreamEvent

Json = dict[str, object]


class Speak(Protocol):
    def __call__(self, events: Sequence[StreamEvent], /) -> Iterator[bytes]:
        """An answer that stands for `events`, the last of which is a Finished with a usage."""
        ...


class Service(NamedTuple):
    """A service that speaks one protocol."""

    protocol: str
    content_type: str
    speak: Speak
    broken: Callable[[str, str], bytes]
    """In the midst of an answer: why it has failed, and what the service calls that."""
    keeps: Json | None
    """Something of thoughts that it wants back; None where there is no such thing."""


def sse(data: object) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def _usage(events: Sequence[StreamEvent]) -> Usage:
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.usage is not None
    return end.usage


def _reason(events: Sequence[StreamEvent], names: dict[Reason, str]) -> str:
    end = events[-1]
    assert isinstance(end, Finished)
    return names[end.reason]


# OpenAI --------------------------------------------------------------------------------------------


def chat_completions(events: Sequence[StreamEvent]) -> Iterator[bytes]:
    def chunk(delta: Json, **more: object) -> bytes:
        return sse({"choices": [{"index": 0, "delta": delta, **more}]})

    for event in events:
        match event:
            case TextPiece(text):
                yield chunk({"content": text})
            case ThoughtPiece(text):
                yield chunk({"reasoning_content": text})
            case CallStarted(slot, name):
                function: Json = {"name": name, "arguments": ""}
                yield chunk({"tool_calls": [{"index": slot, "id": f"c{slot}", "function": function}]})
            case CallArguments(slot, piece):
                yield chunk({"tool_calls": [{"index": slot, "function": {"arguments": piece}}]})
            case _:
                pass
    names: dict[Reason, str] = {
        "end": "stop", "tools": "tool_calls", "length": "length", "refusal": "content_filter"
    }  # fmt: skip
    yield chunk({}, finish_reason=_reason(events, names))
    usage = _usage(events)
    yield sse(
        {
            "choices": [],
            "usage": {
                "prompt_tokens": usage.input,
                "completion_tokens": usage.output,
                "prompt_tokens_details": {
                    "cached_tokens": usage.cached,
                    "cache_write_tokens": usage.written,
                },
                "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
            },
        }
    )
    yield b"data: [DONE]\n\n"


def responses(events: Sequence[StreamEvent]) -> Iterator[bytes]:
    def event_of(kind: str, **fields: object) -> bytes:
        return f"event: {kind}\n".encode() + sse({"type": kind, **fields})

    yield event_of("response.created", response={})
    calls: dict[int, Json] = {}
    for event in events:
        match event:
            case TextPiece(text):
                yield event_of("response.output_text.delta", output_index=50, delta=text)
            case ThoughtPiece(text):
                yield event_of("response.reasoning_summary_text.delta", output_index=60, delta=text)
            case KeptPiece(data):
                item = {**data, "id": "rs_1"}
                yield event_of("response.output_item.done", output_index=60, item=item)
            case CallStarted(slot, name):
                calls[slot] = {"type": "function_call", "call_id": f"c{slot}", "name": name}
                yield event_of("response.output_item.added", output_index=slot, item=calls[slot])
            case CallArguments(slot, piece):
                yield event_of("response.function_call_arguments.delta", output_index=slot, delta=piece)
                calls[slot]["arguments"] = f"{calls[slot].get('arguments', '')}{piece}"
            case _:
                pass
    for slot, item in calls.items():
        yield event_of("response.output_item.done", output_index=slot, item=item)
    usage = _usage(events)
    counted = {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    why = _reason(
        events, {"end": "", "tools": "", "length": "max_output_tokens", "refusal": "content_filter"}
    )
    if why:
        response = {"usage": counted, "incomplete_details": {"reason": why}}
        yield event_of("response.incomplete", response=response)
    else:
        yield event_of("response.completed", response={"usage": counted, "incomplete_details": None})


# Anthropic -----------------------------------------------------------------------------------------


class _Blocks:
    """The block that an answer is in, of services that number them."""

    def __init__(self, event: Callable[[str, Json], bytes], names: tuple[str, str]) -> None:
        self._event = event
        self._start, self._stop = names
        self.index = -1
        self.kind = ""

    def enter(self, kind: str, start: Json | None = None) -> Iterator[bytes]:
        """Ends the last one and begins one of the kind; no kind, and there is none."""
        if self.kind:
            yield self._event(self._stop, {})
        self.index += 1
        self.kind = kind
        if start is not None:
            yield self._event(self._start, start)


def _message_event(kind: str, fields: Json) -> bytes:
    return f"event: {kind}\n".encode() + sse({"type": kind, **fields})


def messages(events: Sequence[StreamEvent]) -> Iterator[bytes]:
    def event_of(kind: str, fields: Json) -> bytes:
        return _message_event(kind, {"index": blocks.index, **fields})

    blocks = _Blocks(event_of, ("content_block_start", "content_block_stop"))
    usage = _usage(events)
    counted = {
        "input_tokens": usage.input - usage.cached - usage.written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": usage.written,
        "output_tokens": 1,
    }
    yield _message_event("message_start", {"message": {"usage": counted}})
    yield _message_event("ping", {})
    for event in events:
        kind, start, delta = _message_block(event)
        if kind and (kind != blocks.kind or kind == "tool_use"):
            yield from blocks.enter(kind, {"content_block": {"type": kind, **start}})
        if delta:
            yield event_of("content_block_delta", {"delta": delta})
    yield from blocks.enter("")
    names: dict[Reason, str] = {
        "end": "end_turn", "tools": "tool_use", "length": "max_tokens", "refusal": "refusal"
    }  # fmt: skip
    end: Json = {"delta": {"stop_reason": _reason(events, names)}, "usage": {"output_tokens": usage.output}}
    yield _message_event("message_delta", end)
    yield _message_event("message_stop", {})


def _message_block(event: StreamEvent) -> tuple[str, Json, Json]:
    """The kind of block that an event begins or goes on with, its start, and what is added to it."""
    match event:
        case TextPiece(text):
            return "text", {"text": ""}, {"type": "text_delta", "text": text}
        case ThoughtPiece(text):
            start: Json = {"thinking": "", "signature": ""}
            return "thinking", start, {"type": "thinking_delta", "thinking": text}
        case KeptPiece(data):
            return "", {}, {"type": "signature_delta", "signature": data["signature"]}
        case CallStarted(slot, name):
            return "tool_use", {"id": f"toolu_{slot}", "name": name, "input": {}}, {}
        case CallArguments(_, piece):
            return "", {}, {"type": "input_json_delta", "partial_json": piece}
        case _:
            return "", {}, {}


# Google --------------------------------------------------------------------------------------------


def generate_content(events: Sequence[StreamEvent]) -> Iterator[bytes]:
    def chunk(*parts: Json, **more: object) -> bytes:
        return sse({"candidates": [{"content": {"role": "model", "parts": list(parts)}, **more}]})

    name, arguments, signature = "", "", Json()

    def call() -> Iterator[bytes]:
        nonlocal name, arguments, signature
        if name:
            yield chunk({"functionCall": {"name": name, "args": json.loads(arguments)}, **signature})
        name, arguments, signature = "", "", {}

    for event in events:
        match event:
            case TextPiece(text):
                yield chunk({"text": text})
            case ThoughtPiece(text):
                yield chunk({"text": text, "thought": True})
            case CallStarted(_, new):
                yield from call()
                name = new
            case CallArguments(_, piece):
                arguments += piece
            case KeptPiece(data):
                signature = data
            case _:
                pass
    yield from call()
    usage = _usage(events)
    names: dict[Reason, str] = {
        "end": "STOP", "tools": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"
    }  # fmt: skip
    yield sse(
        {
            "candidates": [{"finishReason": _reason(events, names)}],
            "usageMetadata": {
                "promptTokenCount": usage.input,
                "candidatesTokenCount": usage.output - usage.reasoning,
                "thoughtsTokenCount": usage.reasoning,
                "cachedContentTokenCount": usage.cached,
            },
        }
    )


# Amazon --------------------------------------------------------------------------------------------


def amazon_frame(name: str, payload: object, key: str = ":event-type") -> bytes:
    headers = b""
    for header, value in ((key, name), (":content-type", "application/json")):
        data = value.encode()
        headers += bytes([len(header)]) + header.encode() + b"\x07" + struct.pack(">H", len(data)) + data
    content = json.dumps(payload, ensure_ascii=False).encode()
    prelude = struct.pack(">II", len(headers) + len(content) + 16, len(headers))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + content
    return frame + struct.pack(">I", zlib.crc32(frame))


def converse(events: Sequence[StreamEvent]) -> Iterator[bytes]:
    def event_of(kind: str, fields: Json) -> bytes:
        return amazon_frame(kind, {"contentBlockIndex": blocks.index, **fields})

    blocks = _Blocks(event_of, ("contentBlockStart", "contentBlockStop"))
    yield amazon_frame("messageStart", {"role": "assistant"})
    for event in events:
        kind, start, delta = _converse_block(event)
        if kind and (kind != blocks.kind or start):
            yield from blocks.enter(kind, {"start": start} if start else None)
        if delta:
            yield event_of("contentBlockDelta", {"delta": delta})
    yield from blocks.enter("")
    names: dict[Reason, str] = {
        "end": "end_turn", "tools": "tool_use", "length": "max_tokens", "refusal": "content_filtered"
    }  # fmt: skip
    yield amazon_frame("messageStop", {"stopReason": _reason(events, names)})
    usage = _usage(events)
    counted = {
        "inputTokens": usage.input - usage.cached - usage.written,
        "outputTokens": usage.output,
        "cacheReadInputTokens": usage.cached,
        "cacheWriteInputTokens": usage.written,
    }
    yield amazon_frame("metadata", {"usage": counted, "metrics": {"latencyMs": 1}})


def _converse_block(event: StreamEvent) -> tuple[str, Json, Json]:
    match event:
        case TextPiece(text):
            return "text", {}, {"text": text}
        case ThoughtPiece(text):
            return "thought", {}, {"reasoningContent": {"text": text}}
        case KeptPiece(data):
            text = cast("dict[str, str]", data["reasoningText"])
            return "", {}, {"reasoningContent": {"signature": text["signature"]}}
        case CallStarted(slot, name):
            return "call", {"toolUse": {"toolUseId": f"t{slot}", "name": name}}, {}
        case CallArguments(_, piece):
            return "", {}, {"toolUse": {"input": piece}}
        case _:
            return "", {}, {}


# Ollama --------------------------------------------------------------------------------------------


def ollama(events: Sequence[StreamEvent]) -> Iterator[bytes]:
    def line(message: Json, **more: object) -> bytes:
        data = {"message": {"role": "assistant", **message}, "done": False, **more}
        return json.dumps(data, ensure_ascii=False).encode() + b"\n"

    name, arguments = "", ""

    def call() -> Iterator[bytes]:
        nonlocal name, arguments
        if name:
            function = {"name": name, "arguments": json.loads(arguments)}
            yield line({"content": "", "tool_calls": [{"function": function}]})
        name, arguments = "", ""

    for event in events:
        match event:
            case TextPiece(text):
                yield line({"content": text})
            case ThoughtPiece(text):
                yield line({"content": "", "thinking": text})
            case CallStarted(_, new):
                yield from call()
                name = new
            case CallArguments(_, piece):
                arguments += piece
            case _:
                pass
    yield from call()
    usage = _usage(events)
    reason = _reason(events, {"end": "stop", "tools": "stop", "length": "length", "refusal": "stop"})
    yield line(
        {"content": ""}, done=True, done_reason=reason, prompt_eval_count=usage.input, eval_count=usage.output
    )


def _error(why: str, name: str) -> bytes:
    return sse({"error": {"message": why, "code": name}})


def _google_error(why: str, name: str) -> bytes:
    return sse({"error": {"code": 0, "message": why, "status": name}})


def _response_failed(why: str, name: str) -> bytes:
    return sse({"type": "response.failed", "response": {"error": {"message": why, "code": name}}})


def _message_error(why: str, name: str) -> bytes:
    return sse({"type": "error", "error": {"type": name, "message": why}})


def _amazon_error(why: str, name: str) -> bytes:
    return amazon_frame(name, {"message": why}, ":exception-type")


def _ollama_error(why: str, _: str) -> bytes:
    return json.dumps({"error": why}).encode() + b"\n"


_EVENTS = "text/event-stream"
_FRAMES = "application/vnd.amazon.eventstream"
_LINES = "application/x-ndjson"
_CIPHER: Json = {"type": "reasoning", "summary": [], "encrypted_content": "Y2lwaGVy"}
_SIGNED: Json = {"type": "thinking", "thinking": "Hm. I look.", "signature": "c2lnbmVk"}
_REASONED: Json = {"reasoningText": {"text": "Hm. I look.", "signature": "c2lnbmVk"}}

SERVICES = (
    Service("openai", _EVENTS, chat_completions, _error, None),
    Service("openai-responses", _EVENTS, responses, _response_failed, _CIPHER),
    Service("anthropic", _EVENTS, messages, _message_error, _SIGNED),
    Service("gemini", _EVENTS, generate_content, _google_error, {"thoughtSignature": "c2lnbmVk"}),
    Service("bedrock", _FRAMES, converse, _amazon_error, _REASONED),
    Service("ollama", _LINES, ollama, _ollama_error, None),
)
