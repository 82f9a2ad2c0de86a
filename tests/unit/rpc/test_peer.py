"""Two peers on a pipe in memory: requests both ways, in order, cancelled, timed out, cut off."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import AgentError, ConnectionClosed, MethodNotFound, PeerError, PeerTimeout
from acp_agent.rpc.peer import CancelMethod, Peer, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.rpc.codec import Notification, Request
    from acp_agent.rpc.peer import Work

NOTHING: dict[str, object] = {}
CANCEL = CancelMethod("$/cancel_request", "requestId")


class MemoryChannel:
    """One end of a pipe: what is sent arrives at `other`."""

    def __init__(self) -> None:
        self.other: MemoryChannel | None = None
        self._lines: list[bytes] = []
        self._news = anyio.Event()
        self._ended = False

    def send(self, line: bytes) -> None:
        assert self.other is not None
        self.other.put(line)

    def put(self, line: bytes) -> None:
        self._lines.append(line)
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def drain(self) -> None:
        return

    async def receive(self) -> list[bytes]:
        while not self._lines and not self._ended:
            self._news = anyio.Event()
            await self._news.wait()
        lines, self._lines = self._lines, []
        return lines


class Answers:
    """A router with a few methods; it writes down what happens to it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.begun = anyio.Event()
        self.gone_on = anyio.Event()

    def request(self, request: Request) -> Work:
        self.heard.append(f"request {request.method}")
        match request.method:
            case "echo":
                return partial(self._echo, request.params)
            case "wait":
                return self._wait
            case "reply":
                return self._reply
            case "bug":
                raise KeyError("a bug")
            case "refuse":
                raise AgentError("no", data={"why": "because"})
            case _:
                raise MethodNotFound(request.method)

    async def _echo(self, params: object) -> object:
        return params

    async def _wait(self) -> object:
        self.begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.gone_on.set()

    async def _reply(self) -> object:
        return Reply("first", then=lambda: self.heard.append("then"))

    def notification(self, notification: Notification) -> None:
        self.heard.append(f"notification {notification.method}")

    def cancels_itself(self, request: Request) -> bool:
        return False

    async def ended(self) -> None:
        self.heard.append("ended")


@asynccontextmanager
async def connected() -> AsyncGenerator[tuple[Peer, Answers, MemoryChannel]]:
    """A peer to ask with, the router at the other end, and the asker's channel."""
    near, far = MemoryChannel(), MemoryChannel()
    near.other, far.other = far, near
    answers = Answers()
    asker = Peer(near, Answers(), CANCEL)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asker.serve)
            tasks.start_soon(Peer(far, answers, CANCEL).serve)
            yield asker, answers, near
            near.end()
            far.end()


async def test_requests_are_answered_with_what_was_asked() -> None:
    async with connected() as (peer, _, _):
        assert await peer.request("echo", {"a": [1, None]}, 5) == {"a": [1, None]}


@pytest.mark.parametrize(("method", "code"), [("refuse", -32603), ("nothing", -32601), ("bug", -32603)])
async def test_errors_keep_their_code(method: str, code: int) -> None:
    async with connected() as (peer, _, _):
        with pytest.raises(PeerError) as caught:
            await peer.request(method, {}, 5)
    assert caught.value.peer_code == code


async def test_the_data_of_an_error_comes_along() -> None:
    async with connected() as (peer, _, _):
        with pytest.raises(PeerError) as caught:
            await peer.request("refuse", {}, 5)
    assert caught.value.data == {"why": "because"}


async def test_messages_are_begun_in_the_order_they_were_sent() -> None:
    async with connected() as (peer, answers, _):
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(peer.request, "echo", NOTHING, 5)
                await anyio.lowlevel.checkpoint()
                peer.notify(f"n{number}", {})
        await peer.request("echo", {}, 5)
    expected = [line for n in range(5) for line in ("request echo", f"notification n{n}")]
    assert answers.heard[:10] == expected


async def test_what_a_reply_does_then_it_does_after_the_answer() -> None:
    async with connected() as (peer, answers, _):
        assert await peer.request("reply", {}, 5) == "first"
        assert answers.heard == ["request reply", "then"]


async def test_cancelling_a_request_cancels_its_work() -> None:
    async with connected() as (peer, answers, _):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.request, "wait", NOTHING, None)
            await answers.begun.wait()
            tasks.cancel_scope.cancel()
        await answers.gone_on.wait()
        assert await peer.request("echo", {}, 5) == {}


async def test_a_request_that_is_not_answered_in_time() -> None:
    async with connected() as (peer, answers, _):
        with pytest.raises(PeerTimeout, match=r"wait was not answered within 0\.01 s"):
            await peer.request("wait", {}, 0.01)
        await answers.gone_on.wait()


async def test_the_end_of_the_stream_ends_every_wait() -> None:
    async with connected() as (peer, answers, channel):
        caught: list[PeerError] = []

        async def ask() -> None:
            try:
                await peer.request("wait", {}, None)
            except PeerError as error:
                caught.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await answers.begun.wait()
            channel.end()
        assert [type(error) for error in caught] == [ConnectionClosed]
        with pytest.raises(ConnectionClosed):
            await peer.request("echo", {}, 5)


async def test_answers_to_nothing_are_ignored() -> None:
    async with connected() as (peer, _, channel):
        channel.put(b'{"jsonrpc":"2.0","id":99,"result":{}}')
        channel.put(b'{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"?"}}')
        assert await peer.request("echo", {}, 5) == {}


async def test_an_id_alone_answers_what_is_awaited() -> None:
    async with connected() as (peer, answers, channel):
        results: list[object] = []

        async def ask() -> None:
            results.append(await peer.request("wait", {}, None))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await answers.begun.wait()
            channel.put(b'{"jsonrpc":"2.0","id":1}')
        assert results == [None]


async def test_an_id_that_is_in_use_is_refused() -> None:
    async with connected() as (peer, answers, channel):
        caught: list[PeerError] = []

        async def ask() -> None:
            try:
                await peer.request("wait", {}, None)
            except PeerError as error:
                caught.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await answers.begun.wait()
            assert channel.other is not None
            channel.other.put(b'{"jsonrpc":"2.0","id":1,"method":"echo"}')
        assert [error.peer_code for error in caught] == [-32600]
        assert answers.heard == ["request wait"]
