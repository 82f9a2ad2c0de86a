"""A real HTTP server on the loopback address that answers what a test tells it to."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Sequence

    from anyio.abc import ByteStream


class Served(NamedTuple):
    path: str
    headers: dict[str, str]
    body: dict[str, object]


class Answer(NamedTuple):
    """An answer: its pieces are sent one by one, so a reader sees them apart."""

    pieces: Sequence[bytes]
    status: str = "200 OK"
    content_type: str = "text/event-stream"
    keeps: bool = False
    """Ends the answer by its length, and keeps the connection for the next request."""
    hangs: bool = False
    """Keeps the connection open, silent, after the pieces."""
    breaks: bool = False
    """Announces more than it sends, then hangs up."""
    headers: Sequence[str] = ()
    """More lines of the head, such as `Retry-After: 5`."""


class HttpServer:
    """Answers every request with the next of `answers`, and remembers the requests."""

    def __init__(self, answers: Sequence[Answer], scheme: str = "http") -> None:
        self._answers = list(answers)
        self._scheme = scheme
        self.requests: list[Served] = []
        self.hung_up = anyio.Event()
        self.port = 0
        self.connections = 0

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    async def serve(self, stream: ByteStream) -> None:
        async with stream:
            self.connections += 1
            reader = BufferedByteReceiveStream(stream)
            try:
                while await self._serve(stream, reader):
                    pass
            except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead):
                self.hung_up.set()

    async def _serve(self, stream: ByteStream, reader: BufferedByteReceiveStream) -> bool:
        """Answers one request; whether there may be another on the connection."""
        head = (await reader.receive_until(b"\r\n\r\n", 65536)).decode()
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.receive_exactly(int(headers.get("content-length", "0")))
        data = cast("dict[str, object]", json.loads(body or b"{}"))
        self.requests.append(Served(first.split(" ")[1], headers, data))
        answer = self._answers.pop(0)
        start = f"HTTP/1.1 {answer.status}\r\nContent-Type: {answer.content_type}\r\n"
        start += "".join(f"{line}\r\n" for line in answer.headers)
        if answer.breaks:
            start += "Content-Length: 1000000\r\n"
        if answer.keeps:
            start += f"Content-Length: {sum(map(len, answer.pieces))}\r\n"
        else:
            start += "Connection: close\r\n"
        await stream.send(f"{start}\r\n".encode())
        for piece in answer.pieces:
            await stream.send(piece)
        if answer.hangs:
            await stream.receive()
        return answer.keeps


@asynccontextmanager
async def http_server(
    *answers: Answer, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[HttpServer]:
    """Serves on a free port, or the one given, until the end of the block."""
    server = HttpServer(answers, "https" if tls else "http")
    async with await anyio.create_tcp_listener(
        local_host="127.0.0.1", local_port=port, reuse_port=bool(port)
    ) as listener:
        server.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        served = TLSListener(listener, tls, standard_compatible=False) if tls else listener
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(served.serve, server.serve)
            yield server
            tasks.cancel_scope.cancel()
