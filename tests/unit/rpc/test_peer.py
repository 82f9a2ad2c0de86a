"""Two peers on a pipe in memory: requests both ways, in order, cancelled, timed out, cut off."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import AgentError, ConnectionClosed, MethodNotFound, PeerError, PeerTimeout
from acp_agent.rpc.peer import CancelMethod, Peer, Reply
from tests.support.memory import MemoryChannel

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.rpc.codec import Notification, Request
    from acp_agent.rpc.peer import Work

NOTHING: dict[str, object] = {}
CANCEL = CancelMethod("$/cancel_request", "requestId")


class Answers:
    """A router with a few methods; it writes down what happens to it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.begun = anyio.Event()
        self.gone_on = anyio.Event()
        self.may_answer = anyio.Event()

    def request(self, request: Request) -> Work:
        self.heard.append(f"request {request.method}")
        match request.method:
            case "echo":
                return partial(self._echo, request.params)
            case "wait":
                return self._wait
            case "slow":
                return self._slow
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

    async def _slow(self) -> object:
        """Answers, cancelled or not."""
        self.begun.set()
        with anyio.CancelScope(shield=True):
            await self.may_answer.wait()
        return "late"

    async def _reply(self) -> object:
        return Reply("first", then=lambda: self.heard.append("then"))

    def notification(self, notification: Notification) -> None:
        self.heard.append(f"notification {notification.method}")

    def cancels_itself(self, request: Request) -> bool:
        return False

    async def ended(self) -> None:
        self.heard.append("ended")


@asynccontextmanager
async def connected(router: Answers | None = None) -> AsyncGenerator[tuple[Peer, Answers, MemoryChannel]]:
    """A peer to ask with, the router at the other end, and the asker's channel."""
    near, far = MemoryChannel(), MemoryChannel()
    near.other, far.other = far, near
    answers = Answers()
    asker = Peer(near, router or Answers(), CANCEL)
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


async def test_a_late_result_goes_to_whoever_wants_it() -> None:
    """A terminal that comes when nobody waits for it any more has to be given back."""
    async with connected() as (peer, answers, channel):
        late: list[object] = []
        arrived = anyio.Event()

        def take(result: object) -> None:
            late.append(result)
            arrived.set()

        with pytest.raises(PeerTimeout):
            await peer.request("wait", {}, 0.01, take)
        await arrived.wait()
        assert late == [None]  # it took the cancellation for the end
        arrived = anyio.Event()
        async with anyio.create_task_group() as tasks:
            answers.begun = anyio.Event()
            tasks.start_soon(peer.request, "slow", NOTHING, None, take)
            await answers.begun.wait()
            tasks.cancel_scope.cancel()
        channel.put(b'{"jsonrpc":"2.0","id":2,"result":{"terminalId":"t"}}')
        await arrived.wait()
        assert late == [None, {"terminalId": "t"}]
        answers.may_answer.set()


async def test_a_result_that_comes_while_its_wait_is_cancelled_is_late_too() -> None:
    late: list[object] = []
    scope = anyio.CancelScope()

    class Stopping(Answers):
        def notification(self, notification: Notification) -> None:
            scope.cancel()

    async with connected(Stopping()) as (peer, answers, channel):

        async def ask() -> None:
            with scope:
                await peer.request("wait", {}, None, late.append)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await answers.begun.wait()
            channel.put(b'{"jsonrpc":"2.0","method":"stop"}')
            channel.put(b'{"jsonrpc":"2.0","id":1,"result":"now"}')
    assert scope.cancelled_caught
    assert late == ["now"]


async def test_a_posted_request_tells_its_result_once_and_is_never_cancelled() -> None:
    async with connected() as (peer, answers, _):
        results: list[object] = []
        for method in ("echo", "refuse"):
            peer.post(method, {"method": method}, results.append)
        await peer.request("echo", {}, 5)
        assert len(results) == 2
        assert {"method": "echo"} in results
        assert None in results
        assert answers.heard == ["request echo", "request refuse", "request echo"]


async def test_what_is_posted_after_the_end_is_sent_and_not_waited_for() -> None:
    async with connected() as (peer, answers, channel):
        results: list[object] = []
        peer.post("wait", {}, results.append)
        await answers.begun.wait()
        channel.end()
        with pytest.raises(ConnectionClosed):
            await peer.request("wait", {}, None)
        peer.post("echo", {}, results.append)
        assert results == [None, None]
        while "request echo" not in answers.heard:
            await anyio.lowlevel.checkpoint()
