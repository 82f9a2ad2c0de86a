"""What a process adds to the record: nobody waits for it, nothing is forgotten, trouble is said once."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import SpendingError
from acp_agent.spending import days
from acp_agent.spending.amounts import Amount, together
from acp_agent.spending.book import Book
from acp_agent.spending.calls import Call
from acp_agent.spending.spending import Spending

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 20


def call(number: int, cost: int | None = 100, *, ago_s: float = 0.0) -> Call:
    return Call("s", number, time.time() - ago_s, "", "far/m", None, cost)


def nothing() -> list[Call]:
    return []


def kept(data: Path) -> Amount:
    return together(Book(data, nothing).by_model(days.Span()).values())


async def today(spending: Spending) -> Amount:
    with anyio.fail_after(WAIT_S):
        day, models = await spending.today()
    assert day == days.today()
    return together(models.values())


async def test_what_was_just_added_counts_and_is_kept(tmp_path: Path) -> None:
    told: list[str] = []
    async with Spending(tmp_path, nothing) as spending:
        assert await today(spending) == Amount()
        spending.add([call(1), call(2, None), call(3, ago_s=2 * 86_400)], told.append)
        spending.add([call(1)], told.append)
        assert await today(spending) == Amount(100, 1)
        async with Spending(tmp_path, nothing) as other:
            other.add([call(4)], told.append)
            assert await today(other) == Amount(200, 1)
        assert await today(spending) == Amount(200, 1)
    assert kept(tmp_path) == Amount(300, 1)
    assert told == []


async def test_the_end_of_the_process_is_early_enough(tmp_path: Path) -> None:
    async with Spending(tmp_path, nothing) as spending:
        spending.add([call(1)], print)
    assert kept(tmp_path) == Amount(100)


async def test_nothing_is_made_where_nothing_was_spent(tmp_path: Path) -> None:
    async with Spending(tmp_path, nothing) as spending:
        spending.add([], print)
    assert [path async for path in anyio.Path(tmp_path).iterdir()] == []


async def test_trouble_is_said_once_and_what_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    told: list[str] = []
    heard = anyio.Event()

    def tell(what: str) -> None:
        told.append(what)
        heard.set()

    async with Spending(tmp_path, nothing) as spending:
        spending.add([call(1)], tell)
        assert await today(spending) == Amount(100)
        with contextlib.closing(sqlite3.connect(tmp_path / "spending.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            spending.add([call(2)], tell)
            with anyio.fail_after(WAIT_S):
                await heard.wait()
            assert await today(spending) == Amount(200), "it counts all the same"
            spending.add([call(3)], tell)
            assert await today(spending) == Amount(300)
            holder.execute("ROLLBACK")
        spending.add([call(4)], tell)
        assert await today(spending) == Amount(400)
    assert len(told) == 1
    assert "locked" in told[0]
    assert kept(tmp_path) == Amount(400)


async def test_a_record_that_was_damaged_is_said(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "spending.db").write_bytes(b"no database" * 1000)
    async with Spending(tmp_path, lambda: [call(7)]) as spending:
        assert await today(spending) == Amount(100)
        spending.add([call(8)], told.append)
        assert await today(spending) == Amount(200)
    (remark,) = told
    assert ".damaged" in remark


async def test_what_cannot_be_told_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "spending.db").mkdir()
    told: list[str] = []
    async with Spending(tmp_path, nothing) as spending:
        spending.add([call(1)], told.append)
        for _ in range(2):
            with pytest.raises(SpendingError):
                await today(spending)
    assert len(told) == 1


async def test_who_asks_can_be_cancelled(tmp_path: Path) -> None:
    async with Spending(tmp_path, nothing) as spending:
        spending.add([call(1)], print)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await spending.today()
        assert scope.cancelled_caught
        assert await today(spending) == Amount(100)
    assert kept(tmp_path) == Amount(100)
