"""OpenAI's chat completions, as a great many services speak them."""

from __future__ import annotations

import contextlib
import json
from itertools import groupby
from typing import TYPE_CHECKING, cast

import anyio
import httpx

from acp_adapters.http import CONNECT_LIMIT_S, client_for
from acp_adapters.providers.failures import (
    failure_of,
    network_failure,
    refuses_images,
    said_by,
    without_images,
)
from acp_adapters.providers.sse import EventStream, EventTooLarge
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
from acp_agent.models.words import in_words, place_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

    from acp_agent.content import Part
    from acp_agent.models.messages import Message, ModelRequest, Reminder, ToolSpec
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, Reason, StreamEvent

Json = dict[str, object]

ERROR_BODY_BYTES = 64 * 1024
END_LIMIT_S = 0.1
"""How long the end of the connection's answer may take after the end of the model's."""
_REASONS: dict[str, Reason] = {
    "tool_calls": "tools",
    "function_call": "tools",
    "length": "length",
    "content_filter": "refusal",
}


def connect(route: Route) -> Model:
    """The model at the end of `route`."""
    return OpenAIChat(route)


class OpenAIChat:
    """models.stream.Model over chat completions."""

    def __init__(self, route: Route) -> None:
        self.name = route.name
        self.window = route.window
        self.sees = route.vision
        self._route = route
        self._url = f"{route.base_url}/chat/completions"
        self._timeout = httpx.Timeout(None, connect=CONNECT_LIMIT_S, read=route.silence_limit_s)
        self._headers = {"Content-Type": "application/json", "Accept": "text/event-stream", **route.headers}
        if route.key.value:
            self._headers.setdefault("Authorization", f"Bearer {route.key.value}")

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        body = json.dumps(self._body(request), ensure_ascii=False, separators=(",", ":"))
        content = body.encode("utf-8", "replace")
        try:
            client = client_for(self._url)
            built = client.build_request(
                "POST",
                self._url,
                content=content,
                headers={**request.trace, **self._headers},
                timeout=self._timeout,
            )
            with anyio.fail_after(self._route.request_limit_s):
                response = await client.send(built, stream=True)
            try:
                async for event in self._events(response, pictured=_pictured(request)):
                    yield event
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                    await response.aclose()
        except TimeoutError:
            yield Failed("timeout", f"{self.name} did not answer within {self._route.request_limit_s:g} s.")
        except httpx.HTTPError as error:
            yield network_failure(self.name, self._route.base_url, error)
        except (httpx.InvalidURL, ValueError, OSError, ImportError) as error:
            what = "Check base_url, the headers, and the environment's proxy and SSL_CERT_FILE"
            yield Failed("request", f"{self.name} cannot be asked: {error}. {what}.")

    async def _events(self, response: httpx.Response, *, pictured: bool) -> AsyncGenerator[StreamEvent]:
        if not response.is_success:
            failed = failure_of(self.name, self._route, response, await self._error_body(response))
            if self.sees and pictured and refuses_images(response.status_code, failed):
                # The conversation holds the image and every request repeats it: none would be answered.
                self.sees = False
                failed = without_images(self.name, self._route, failed)
            yield failed
            return
        kind = response.headers.get("content-type", "text/event-stream")
        if "json" in kind or "html" in kind:
            said = said_by(await self._error_body(response))
            yield Failed(
                "protocol", f"{self.name} answered with {kind}, not a stream: {said}. Check base_url."
            )
            return
        answer, sse = _Answer(), EventStream()
        chunks = response.aiter_bytes()
        while True:
            try:
                chunk = await anext(chunks, b"")
            except httpx.ReadTimeout:
                limit = self._route.silence_limit_s
                yield Failed("timeout", f"{self.name} stopped answering: nothing came for {limit:g} s.")
                return
            try:
                for data in sse.feed(chunk) if chunk else sse.finish():
                    for event in answer.take(data):
                        yield event
                    if answer.failed:
                        return
            except (EventTooLarge, ValueError, RecursionError) as error:
                yield Failed("protocol", f"{self.name} sent something that cannot be read: {error}")
                return
            if not chunk or answer.done:
                yield answer.finish(self.name)
                await _read_to_end(chunks)
                return

    async def _error_body(self, response: httpx.Response) -> str:
        found = b""
        with anyio.move_on_after(self._route.request_limit_s):
            async for chunk in response.aiter_bytes():
                found += chunk
                if len(found) > ERROR_BODY_BYTES:
                    break
        return found.decode("utf-8", "replace")

    def _body(self, request: ModelRequest) -> Json:
        body: Json = {
            "model": self._route.model,
            "messages": [
                {"role": "system", "content": request.system},
                *_messages(request.messages, sees=self.sees),
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
        return {**body, **self._route.extra}


async def _read_to_end(chunks: AsyncIterator[bytes]) -> None:
    """Only a connection whose answer has been read to its end can be used again."""
    with anyio.move_on_after(END_LIMIT_S), contextlib.suppress(httpx.HTTPError):
        async for _ in chunks:
            pass


def _tool(spec: ToolSpec) -> Json:
    return {"type": "function", "function": spec._asdict()}


def _messages(messages: Sequence[Message], *, sees: bool) -> Iterator[Json]:
    for message in messages:
        match message:
            case UserTurn(content):
                yield {"role": "user", "content": _content(content, sees=sees)}
            case AssistantTurn(text, _, calls):
                said: Json = {"role": "assistant", "content": text or None}
                if calls:
                    said["tool_calls"] = [
                        {
                            "id": call.id,
                            "type": "function",
                            "function": {"name": call.name, "arguments": _sound(call.arguments)},
                        }
                        for call in calls
                    ]
                yield said
            case ToolOutput(call_id, output, _):
                yield {"role": "tool", "tool_call_id": call_id, "content": output or "(no output)"}


def _sound(arguments: str) -> str:
    """Services refuse a history with arguments that are no JSON object; the output says what was wrong."""
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"


def _pictured(request: ModelRequest) -> bool:
    turns = (message for message in request.messages if isinstance(message, UserTurn))
    return any(isinstance(part, Image) and part.data for turn in turns for part in turn.content)


def _content(parts: Sequence[Part | Reminder], *, sees: bool) -> str | list[Json]:
    """What a person said: a text, or texts and images in their order where there are images to see."""
    pieces: list[str | Json] = []
    for part in parts:
        if sees and isinstance(part, Image) and part.data:
            if where := place_of(part):
                pieces.append(f"Image {where}:")
            url = f"data:{part.mime_type};base64,{part.data}"
            pieces.append({"type": "image_url", "image_url": {"url": url}})
        else:
            pieces.append(in_words(part))
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if len(texts) == len(pieces):
        return "\n\n".join(texts)
    found: list[Json] = []
    for is_text, run in groupby(pieces, key=lambda piece: isinstance(piece, str)):
        if is_text:
            found.append({"type": "text", "text": "\n\n".join(cast("Iterator[str]", run))})
        else:
            found.extend(cast("Iterator[Json]", run))
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
        chunk = _object(json.loads(data))
        if error := chunk.get("error"):
            self.failed = True
            said = _object(error).get("message") or error
            yield Failed("server", f"The model's service broke off its answer: {said}", str(error))
            return
        if usage := _object(chunk.get("usage")):
            self._usage = _usage(usage)
        for choice in _list(chunk.get("choices")):
            delta = _object(_object(choice).get("delta"))
            for key in ("reasoning_content", "reasoning"):
                if isinstance(thought := delta.get(key), str) and thought:
                    yield ThoughtPiece(thought)
                    break
            if text := _joined(delta.get("content")):
                yield TextPiece(text)
            for call in _list(delta.get("tool_calls")):
                yield from self._call(_object(call))
            if isinstance(reason := _object(choice).get("finish_reason"), str):
                self._reason = reason

    def _call(self, call: Json) -> Iterator[StreamEvent]:
        """Services leave the index out or repeat it, and then it is the id that tells calls apart."""
        function = _object(call.get("function"))
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
            return Failed("network", f"{name} broke off in the middle of its answer. Send the prompt again.")
        usual: Reason = "tools" if self._slots else "end"
        return Finished(_REASONS.get(self._reason or "", usual), self._usage)


def _usage(usage: Json) -> Usage:
    details = _object(usage.get("prompt_tokens_details"))
    reasoning = _object(usage.get("completion_tokens_details"))
    return Usage(
        _number(usage.get("prompt_tokens")),
        _number(usage.get("completion_tokens")),
        _number(details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")),
        _number(reasoning.get("reasoning_tokens")),
    )


def _joined(content: object) -> str:
    """Text, which some services send in parts."""
    if isinstance(content, str):
        return content
    return "".join(str(_object(part).get("text") or "") for part in _list(content))


def _object(value: object) -> Json:
    return cast(Json, value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
