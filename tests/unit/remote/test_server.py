"""The server and its connections, in this process."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from acp_agent.assembly.agent import Agent
from acp_agent.config.load import Overrides
from acp_agent.remote import server as room
from acp_agent.remote import visit
from acp_agent.remote.server import MOST_WAITING, Server
from acp_agent.transport.listening import Door, Listening, open_doors
from acp_agent.transport.sockets import open_stream
from acp_agent.transport.tokens import Token
from tests.support.network import TOKEN, calling
from tests.support.wire import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import pytest

    from acp_agent.transport.network import NetworkChannel, Welcome


@asynccontextmanager
async def serving(listening: Listening, opener: Any = open_stream) -> AsyncGenerator[list[str]]:
    """A server in this process; the addresses of its doors."""
    stop = asyncio.Event()
    with open_doors(listening) as doors, anyio.fail_after(WAIT_S):
        async with Agent({}, Overrides()) as agent, anyio.create_task_group() as tasks:
            tasks.start_soon(Server(agent, {"stream": opener}).serve, doors, stop)
            yield [str(door.address) for door in doors]
            stop.set()


ONE = Listening(tcp=("127.0.0.1:0",))
GUARDED = ONE._replace(token=Token(TOKEN))


async def test_nothing_is_left_of_connections() -> None:
    async with serving(ONE) as (address,):
        async with calling(address) as caller:
            await caller.initialize()
        before = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        for _ in range(200):
            async with calling(address) as caller:
                assert "result" in await caller.initialize()
        with anyio.fail_after(WAIT_S):
            while (len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))) != before:
                await anyio.lowlevel.checkpoint()


async def test_too_many_that_wait_are_turned_away() -> None:
    async with serving(ONE) as (address,), AsyncExitStack() as stack:
        waiting = [await stack.enter_async_context(calling(address)) for _ in range(MOST_WAITING)]
        async with calling(address) as late:
            await late.ended()
        assert "result" in await waiting[0].initialize()
        async with calling(address) as another:  # who has been let in waits no more
            assert "result" in await another.initialize()


async def test_who_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "INITIALIZE_LIMIT_S", 0.1)
    async with serving(ONE) as (address,), calling(address) as caller:
        await caller.send_raw(b'{"jsonrpc": "2.0"')
        await caller.ended()


async def test_who_is_let_in_may_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "INITIALIZE_LIMIT_S", 1.0)
    async with serving(ONE) as (address,), calling(address) as caller:
        await caller.initialize()
        with anyio.move_on_after(1.2) as waited:
            await caller.ended()
        assert waited.cancelled_caught


async def test_wrong_tokens_are_answered_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "REFUSAL_DELAY_S", 0.02)
    async with serving(GUARDED) as (address,), calling(address) as caller:
        times: list[float] = []
        for _ in range(visit.MOST_REFUSALS):
            start = anyio.current_time()
            assert (await caller.initialize(**{"acp-agent/token": "wrong"}))["error"]["code"] == -32000
            times.append(anyio.current_time() - start)
        assert all(took >= 0.02 * count for count, took in enumerate(times, 1))
        await caller.ended()


async def test_a_bug_ends_only_its_own_connection(caplog: pytest.LogCaptureFixture) -> None:
    count = 0

    async def open_or_fail(sock: Any, welcome: Welcome) -> NetworkChannel:
        nonlocal count
        count += 1
        if count == 2:
            sock.close()
            raise ValueError("a bug")
        return await open_stream(sock, welcome)

    async with serving(ONE, open_or_fail) as (address,), calling(address) as first:
        await first.initialize()
        with caplog.at_level(logging.ERROR):
            async with calling(address) as second:
                await second.ended()
        assert "a bug" in caplog.text
        assert (await first.ask(1, "no/such/method", {}))["error"]["code"] == -32601
        async with calling(address) as third:
            assert "result" in await third.initialize()


async def test_it_goes_on_without_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ACCEPT_AGAIN_S", 0.01)
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, iter([OSError(24, "Too many open files")] * 3)

    async def sock_accept(sock: Any) -> Any:
        for failure in failures:
            raise failure
        return await accept(sock)

    monkeypatch.setattr(loop, "sock_accept", sock_accept)
    async with serving(ONE) as (address,), calling(address) as caller:
        assert "result" in await caller.initialize()


def test_doors_can_be_told_apart() -> None:
    with open_doors(ONE) as (one,), open_doors(ONE) as (other,):
        assert len({one, other}) == 2
        assert isinstance(one, Door)
