"""One request to a model service and its streamed answer, whatever the wire protocol.

A protocol says how a request is written and what each event of an answer means; it does no I/O.
The connection, the deadlines and what can go wrong are the same for all of them and live here.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from acp_adapters.http import Outgoing, sent
from acp_adapters.providers.failures import (
    Refusal,
    broken,
    no_stream,
    not_reached,
    refused,
    refuses_images,
    without_images,
)
from acp_adapters.providers.frames import FrameTooLarge
from acp_adapters.providers.values import without
from acp_agent.config.values import is_loopback
from acp_agent.content import Image
from acp_agent.errors import HttpError
from acp_agent.models.messages import UserTurn
from acp_agent.models.stream import Failed, Finished

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

    from acp_adapters.http import Reply
    from acp_adapters.providers.frames import Frames
    from acp_adapters.providers.values import Json
    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, StreamEvent

ERROR_BODY_BYTES = 64 * 1024
ERROR_BODY_LIMIT_S = 10.0
EMPTY_SILENCES = 6
"""An answer may hold nothing but signs of life for so many times as long as it may be silent."""
END_BYTES = 64 * 1024
END_LIMIT_S = 0.1
"""How long the end of the connection's answer may take after the end of the model's."""


class Answer(Protocol):
    """What has come of an answer so far."""

    done: bool
    """The model has ended its answer; nothing that follows counts."""
    error: object
    """What the service said in place of the rest of its answer; None as long as nothing is wrong."""

    def take(self, data: bytes) -> Iterator[StreamEvent]:
        """The events that one frame stands for. What is not known is passed over. Raises ValueError."""
        ...

    def finish(self, name: str) -> StreamEvent:
        """The end, once the stream has ended."""
        ...


class Wire(Protocol):
    """A wire protocol for one route."""

    @property
    def url(self) -> str:
        """Where requests are posted."""
        ...

    @property
    def optional(self) -> Mapping[str, str]:
        """What a request can do without: dotted names in its body, and how services name it in refusals."""
        ...

    def headers(self, content: bytes) -> Mapping[str, str]:
        """Those of the protocol for a request with this content, the key among them."""
        ...

    def body(self, request: ModelRequest, *, sees: bool) -> Json:
        """All of it, what the route says beside the usual included."""
        ...

    def frames(self) -> Frames:
        """What takes the bytes of an answer apart."""
        ...

    def answer(self) -> Answer: ...


class Exchange:
    """models.stream.Model over a wire protocol."""

    def __init__(self, route: Route, wire: Wire, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self.name = route.name
        self.window = route.window
        self.sees = route.vision
        self._route = route
        self._wire = wire
        self._clock = clock
        self._left_out: set[str] = set()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        answer = self._wire.answer()
        try:
            while True:
                async with sent(self._outgoing(request)) as reply:
                    if reply.ok:
                        async with aclosing(self._events(reply, answer)) as events:
                            async for event in events:
                                yield event
                        return
                    failed = await self._refused(reply, pictured=_pictured(request))
                if not self._can_do_without(reply.status, failed):
                    yield failed
                    return
        except HttpError as error:
            end = answer.finish(self.name)
            if isinstance(end, Finished):  # the model had said all; only the connection's end is missing
                yield end
                return
            yield not_reached(self.name, error, here=_is_here(self._route.base_url))
        except (ValueError, RecursionError) as error:
            yield Failed("request", f"{self.name} cannot be asked: {error}. Check base_url and the headers.")

    def _outgoing(self, request: ModelRequest) -> Outgoing:
        body = self._wire.body(request, sees=self.sees)
        for name in self._left_out:
            body = without(body, name)
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return Outgoing(
            self._wire.url,
            {**request.trace, **self._headers(content)},
            content,
            begin_s=self._route.request_limit_s,
            silence_s=self._route.silence_limit_s,
            insecure=self._route.insecure,
        )

    def _headers(self, content: bytes) -> dict[str, str]:
        """Those of the settings count more than the protocol's own."""
        own = {name.lower() for name in self._route.headers}
        usual = {"Content-Type": "application/json", **self._wire.headers(content)}
        return {
            **{name: value for name, value in usual.items() if name.lower() not in own},
            **self._route.headers,
        }

    async def _refused(self, reply: Reply, *, pictured: bool) -> Failed:
        refusal = await self._refusal(reply)
        failed = refused(self.name, self._route, refusal, self._clock())
        if self.sees and pictured and refuses_images(reply.status, failed):
            # The conversation holds the image and every request repeats it: none would be answered.
            self.sees = False
            failed = without_images(self.name, self._route, failed)
        return failed

    def _can_do_without(self, status: int, failed: Failed) -> bool:
        """Whether it was refused for something that can be left out, which it is from now on."""
        if status not in (400, 422) or failed.kind != "request":
            return False
        for name, sign in self._wire.optional.items():
            if name not in self._left_out and re.search(sign, failed.details, re.IGNORECASE):
                self._left_out.add(name)
                return True
        return False

    async def _refusal(self, reply: Reply) -> Refusal:
        body = await reply.read(ERROR_BODY_BYTES, ERROR_BODY_LIMIT_S)
        return Refusal(reply.status, reply.headers, body.decode("utf-8", "replace"))

    async def _events(self, reply: Reply, answer: Answer) -> AsyncGenerator[StreamEvent]:
        frames = self._wire.frames()
        kind = reply.headers.get("content-type", frames.content_type)
        if frames.content_type not in kind and ("json" in kind or "html" in kind):
            yield no_stream(self.name, self._route, kind, await self._refusal(reply), self._clock())
            return
        chunk = b"."
        empty_s = self._route.silence_limit_s * EMPTY_SILENCES
        empty_at = time.monotonic() + empty_s
        while chunk:
            chunk = await anext(reply.pieces, b"")
            try:
                for data in frames.feed(chunk) if chunk else frames.finish():
                    for event in answer.take(data):
                        empty_at = time.monotonic() + empty_s
                        yield event
                    if answer.error is not None:
                        yield broken(self.name, self._route, answer.error, self._clock())
                        return
                    if answer.done:
                        chunk = b""
                        break
            except (FrameTooLarge, ValueError, RecursionError) as error:
                yield Failed("protocol", f"{self.name} sent something that cannot be read: {error}")
                return
            if time.monotonic() > empty_at:
                yield Failed("timeout", f"{self.name} sent nothing but signs of life for {empty_s:g} s.")
                return
        # What ends here may hold the connection's end: only one that is read to it can be used again.
        yield answer.finish(self.name)
        await reply.read(END_BYTES, END_LIMIT_S)


def _is_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:  # brackets that no host has
        return False


def _pictured(request: ModelRequest) -> bool:
    turns = (message for message in request.messages if isinstance(message, UserTurn))
    return any(isinstance(part, Image) and part.data for turn in turns for part in turn.content)


if TYPE_CHECKING:

    def conforms(exchange: Exchange) -> Model:
        return exchange
