"""How long what is sent may wait for its reader, and how much."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from acp_agent.transport.backlog import Backlog, Limits
from tests.support.wire import WAIT_S

LIMITS = Limits(high_bytes=100, low_bytes=20, most_bytes=1000, stall_s=0.02)


class Reader:
    """The other side of a backlog."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.waiting = 0
        self.given_up = 0
        self.over = asyncio.Event()
        self.backlog = Backlog(limits, lambda: self.waiting, self._give_up)

    def _give_up(self) -> None:
        self.given_up += 1
        self.over.set()

    def gets(self, size: int) -> None:
        self.waiting += size
        self.backlog.grew(size)

    def takes(self, size: int) -> None:
        self.waiting -= size
        self.backlog.shrank()

    async def drains_at_once(self) -> bool:
        with anyio.move_on_after(0) as waited:
            await self.backlog.drain()
        return not waited.cancelled_caught


async def test_between_high_and_low_water() -> None:
    reader = Reader(LIMITS._replace(stall_s=WAIT_S))
    reader.gets(100)
    assert await reader.drains_at_once()
    reader.gets(1)
    assert not await reader.drains_at_once()
    reader.takes(80)
    assert not await reader.drains_at_once()
    reader.takes(1)
    assert await reader.drains_at_once()
    reader.backlog.close()


@pytest.mark.parametrize("size", [1, 500])
async def test_nothing_is_taken(size: int) -> None:
    reader = Reader()
    reader.gets(size)
    with anyio.fail_after(WAIT_S):
        await reader.over.wait()
        await reader.backlog.drain()
    assert reader.given_up == 1


async def test_a_little_is_taken_again_and_again() -> None:
    """Far beyond the stall limit; the calls of the loop keep their order, however late they come."""
    reader, loop = Reader(), asyncio.get_running_loop()
    reader.gets(100)
    for turn in range(1, 41):
        loop.call_later(turn * LIMITS.stall_s / 2, reader.takes, 1)
    done = asyncio.Event()
    loop.call_later(20.1 * LIMITS.stall_s, done.set)
    with anyio.fail_after(WAIT_S):
        await done.wait()
        assert reader.given_up == 0
        await reader.over.wait()
    assert reader.waiting == 60


async def test_too_much() -> None:
    reader = Reader(LIMITS._replace(stall_s=WAIT_S))
    reader.gets(1000)
    assert reader.given_up == 0
    reader.gets(1)
    reader.gets(1)
    assert reader.given_up == 1
    assert await reader.drains_at_once()


async def test_all_is_taken() -> None:
    reader, loop = Reader(), asyncio.get_running_loop()
    reader.gets(50)
    reader.takes(50)
    done = asyncio.Event()
    loop.call_later(3 * LIMITS.stall_s, done.set)
    await done.wait()
    assert reader.given_up == 0
    reader.gets(1)
    with anyio.fail_after(WAIT_S):
        await reader.over.wait()


async def test_the_connection_is_gone() -> None:
    reader, loop = Reader(), asyncio.get_running_loop()
    reader.gets(500)
    reader.backlog.close()
    assert await reader.drains_at_once()
    done = asyncio.Event()
    loop.call_later(3 * LIMITS.stall_s, done.set)
    await done.wait()
    assert reader.given_up == 0
