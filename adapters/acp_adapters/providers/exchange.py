"""One request to a model service and its streamed answer, whatever the wire protocol.

A protocol says how a request is written and what each event of an answer means; it does no I/O.
The connection, the deadlines and what can go wrong are the same for all of them and live here.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Protocol

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
from acp_adapters.providers.frames import FrameTooLarge
from acp_adapters.providers.values import united
from acp_agent.content import Image
from acp_agent.models.messages import UserTurn
from acp_agent.models.stream import Failed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping

    from acp_adapters.providers.frames import Frames
    from acp_adapters.providers.values import Json
    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, StreamEvent

ERROR_BODY_BYTES = 64 * 1024
END_LIMIT_S = 0.1
"""How long the end of the connection's answer may take after the end of the model's."""


class Answer(Protocol):
    """What has come of an answer so far."""

    done: bool
    """The model has ended its answer; nothing that follows counts."""
    failed: bool
    """The last event was a Failed."""

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

    def headers(self, content: bytes) -> Mapping[str, str]:
        """Those of the protocol for a request with this content, the key among them."""
        ...

    def body(self, request: ModelRequest, *, sees: bool) -> Json: ...

    def frames(self) -> Frames:
        """What takes the bytes of an answer apart."""
        ...

    def answer(self) -> Answer: ...


class Exchange:
    """models.stream.Model over a wire protocol."""

    def __init__(self, route: Route, wire: Wire) -> None:
        self.name = route.name
        self.window = route.window
        self.sees = route.vision
        self._route = route
        self._wire = wire
        self._timeout = httpx.Timeout(None, connect=CONNECT_LIMIT_S, read=route.silence_limit_s)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        try:
            body = united(self._wire.body(request, sees=self.sees), self._route.extra)
            text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
            content = text.encode("utf-8", "replace")
            url = self._wire.url
            built = client_for(url).build_request(
                "POST",
                url,
                content=content,
                headers={**request.trace, **self._headers(content)},
                timeout=self._timeout,
            )
            with anyio.fail_after(self._route.request_limit_s):
                response = await client_for(url).send(built, stream=True)
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

    def _headers(self, content: bytes) -> dict[str, str]:
        """Those of the settings count more than the protocol's own."""
        own = {name.lower() for name in self._route.headers}
        usual = {"Content-Type": "application/json", **self._wire.headers(content)}
        return {
            **{name: value for name, value in usual.items() if name.lower() not in own},
            **self._route.headers,
        }

    async def _events(self, response: httpx.Response, *, pictured: bool) -> AsyncGenerator[StreamEvent]:
        if not response.is_success:
            failed = failure_of(self.name, self._route, response, await self._error_body(response))
            if self.sees and pictured and refuses_images(response.status_code, failed):
                # The conversation holds the image and every request repeats it: none would be answered.
                self.sees = False
                failed = without_images(self.name, self._route, failed)
            yield failed
            return
        frames, answer = self._wire.frames(), self._wire.answer()
        kind = response.headers.get("content-type", frames.content_type)
        if frames.content_type not in kind and ("json" in kind or "html" in kind):
            said = said_by(await self._error_body(response))
            yield Failed(
                "protocol", f"{self.name} answered with {kind}, not a stream: {said}. Check base_url."
            )
            return
        chunks = response.aiter_bytes()
        while True:
            try:
                chunk = await anext(chunks, b"")
            except httpx.ReadTimeout:
                limit = self._route.silence_limit_s
                yield Failed("timeout", f"{self.name} stopped answering: nothing came for {limit:g} s.")
                return
            try:
                for data in frames.feed(chunk) if chunk else frames.finish():
                    for event in answer.take(data):
                        yield event
                    if answer.failed:
                        return
            except (FrameTooLarge, ValueError, RecursionError) as error:
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


def broken_off(name: str) -> Failed:
    """The failure of an answer whose stream ended before the model did."""
    return Failed("network", f"{name} broke off in the middle of its answer. Send the prompt again.")


async def _read_to_end(chunks: AsyncIterator[bytes]) -> None:
    """Only a connection whose answer has been read to its end can be used again."""
    with anyio.move_on_after(END_LIMIT_S), contextlib.suppress(httpx.HTTPError):
        async for _ in chunks:
            pass


def _pictured(request: ModelRequest) -> bool:
    turns = (message for message in request.messages if isinstance(message, UserTurn))
    return any(isinstance(part, Image) and part.data for turn in turns for part in turn.content)


if TYPE_CHECKING:

    def conforms(exchange: Exchange) -> Model:
        return exchange
