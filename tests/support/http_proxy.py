"""A real HTTP proxy on the loopback address: it tunnels, and forwards what is not encrypted."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from anyio.abc import SocketStream


class HttpProxy:
    """Knows where hosts are, and remembers the first line and the headers of what it was asked."""

    def __init__(self, ports: Mapping[str, int], refusal: str = "") -> None:
        """`ports` on this machine by the name of the host that it stands for; `refusal` is a status line."""
        self._ports = ports
        self._refusal = refusal
        self.asked: list[str] = []
        self.heads: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            self.heads.append(head.decode())
            self.asked.append(head.partition(b"\r\n")[0].decode())
            if self._refusal:
                await stream.send(f"HTTP/1.1 {self._refusal}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            method, target, _ = self.asked[-1].split(" ")
            host = target.removeprefix("http://").partition("/")[0].partition(":")[0]
            async with await anyio.connect_tcp("127.0.0.1", self._ports[host]) as there:
                if method == "CONNECT":
                    await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    await there.send(head.replace(f"http://{host}".encode(), b"", 1))
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_pass_on, stream, there)
                    tasks.start_soon(_pass_on, there, stream)


async def _pass_on(source: SocketStream, sink: SocketStream) -> None:
    try:
        async for data in source:
            await sink.send(data)
        await sink.send_eof()
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        pass


@asynccontextmanager
async def http_proxy(refusal: str = "", **ports: int) -> AsyncGenerator[HttpProxy]:
    """Serves on a free port until the end of the block; `ports` by host, with `_` for its dots."""
    proxy = HttpProxy({host.replace("_", "."): port for host, port in ports.items()}, refusal)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        proxy.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, proxy.serve)
            yield proxy
            tasks.cancel_scope.cancel()
