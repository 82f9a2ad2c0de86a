"""What logging in needs of the outside world: a request, an address of this machine, a browser."""

from __future__ import annotations

import html
import json
import logging
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.accounts.oauth import Answer, Verdict
from acp_agent.config.reading import as_object
from acp_agent.errors import AuthRequired, HttpError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from anyio.abc import SocketStream

    from acp_agent.accounts.oauth import Door, Post

log = logging.getLogger(__name__)

REQUEST_LIMIT_S = 20.0
"""For a whole request, as a cancelled turn may have to wait for it."""
MOST_BYTES = 1 << 20
MOST_HEAD_BYTES = 16 << 10
VISITOR_LIMIT_S = 5.0
"""For a browser to say what it wants."""
_PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found"}


async def post(url: str, fields: Mapping[str, str], *, as_json: bool = False) -> Answer:
    """accounts.oauth.Post."""
    from acp_adapters.http import Outgoing, fetch

    content = (json.dumps(fields) if as_json else urlencode(fields)).encode()
    kind = "application/json" if as_json else "application/x-www-form-urlencoded"
    headers = {"Accept": "application/json", "Content-Type": kind}
    try:
        answer = await fetch(Outgoing(url, headers, content), REQUEST_LIMIT_S)
    except HttpError as error:
        raise AuthRequired(f"{error}. Check the network and try again.") from error
    return Answer(answer.status, _body(answer.body))


def _body(content: bytes) -> dict[str, object]:
    try:
        return as_object(json.loads(content[:MOST_BYTES])) or {}
    except (ValueError, RecursionError):
        return {}


# An address of this machine ------------------------------------------------------------------------


class Loopback:
    """accounts.oauth.Door, on 127.0.0.1. What comes is asked for its first line only."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._judge: Callable[[str], Verdict] | None = None
        self._asked = anyio.Event()
        self._done = anyio.Event()

    async def wait(self, judge: Callable[[str], Verdict]) -> None:
        self._judge = judge
        self._asked.set()
        await self._done.wait()

    async def serve(self, visitor: SocketStream) -> None:
        async with visitor:
            await self._asked.wait()
            with anyio.move_on_after(VISITOR_LIMIT_S):
                try:
                    await self._answer(visitor)
                except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead):
                    log.debug("a visitor left")
                except anyio.DelimiterNotFound:
                    log.debug("a visitor said too much")

    async def _answer(self, visitor: SocketStream) -> None:
        reader = BufferedByteReceiveStream(visitor)
        head = await reader.receive_until(b"\r\n\r\n", MOST_HEAD_BYTES)
        method, _, rest = head.decode("latin-1").partition(" ")
        target = rest.partition(" ")[0]
        if self._done.is_set() or self._judge is None or method != "GET":
            verdict = Verdict(404, "There is nothing here.")
        else:
            verdict = self._judge(target)
        if verdict.done:
            self._done.set()
        with anyio.CancelScope(shield=True):  # the login may be over before its page is shown
            await visitor.send(_page(verdict))


def _page(verdict: Verdict) -> bytes:
    text = html.escape(verdict.text)
    body = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>acp-agent</title>'
        f"<h1>acp-agent</h1><p>{text}</p></html>"
    ).encode()
    head = (
        f"HTTP/1.1 {verdict.status} {_PHRASES[verdict.status]}\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def loopback() -> AsyncGenerator[Loopback]:
    """A free port, open while the block runs. Raises OSError."""
    from anyio.abc import SocketAttribute

    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0) as listener:
        door = Loopback(listener.extra(SocketAttribute.local_port))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, door.serve)
            yield door
            tasks.cancel_scope.cancel()


# A browser -----------------------------------------------------------------------------------------


def has_browser(env: Mapping[str, str]) -> bool:
    """Whether a page can be opened here: not over ssh, nor where nothing is displayed."""
    if env.get("BROWSER"):
        return True
    if env.get("SSH_CONNECTION") or env.get("SSH_TTY"):
        return False
    return sys.platform in ("darwin", "win32") or bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


def open_page(url: str) -> None:
    """Tells a browser to open it, and does not wait: some only return when their window is closed."""
    import threading
    import webbrowser

    def tell() -> None:
        try:
            webbrowser.open(url)
        except (webbrowser.Error, OSError) as error:
            log.info("no browser: %s", error)

    threading.Thread(target=tell, daemon=True).start()


if TYPE_CHECKING:
    conforms: Post = post

    def opens(door: Loopback) -> Door:
        return door
