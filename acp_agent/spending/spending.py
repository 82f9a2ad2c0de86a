"""What this process adds to the record of spending, and asks of it, without holding anybody up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from acp_agent.errors import SpendingError
from acp_agent.spending import days
from acp_agent.spending.amounts import Amount, amount, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from acp_agent.spending.book import Book
    from acp_agent.spending.calls import Call

log = logging.getLogger(__name__)

TODAY_LIMIT_S = 5.0
"""Who wants to ask a model does not wait longer to hear what was spent."""
CLOSE_LIMIT_S = 2.0
"""For what is still to be written when the process ends."""


class _Entry(NamedTuple):
    call: Call
    tell: Callable[[str], object]


class Spending:
    """Use as an async context manager. One for all sessions of a process."""

    def __init__(self, data_dir: Path, past: Callable[[], Iterable[Call]]) -> None:
        """`past` is Book's. Nothing is opened, made or imported before the first call."""
        self._data_dir = data_dir
        self._past = past
        self._made: Book | None = None
        self._waiting: list[_Entry] = []
        self._wake = anyio.Event()
        self._alone = anyio.Lock()
        self._in_trouble = False
        self._tasks = anyio.create_task_group()

    async def __aenter__(self) -> Spending:
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._write_on)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)
        with anyio.move_on_after(CLOSE_LIMIT_S, shield=True):
            await self._write()
        return None

    def add(self, calls: Iterable[Call], tell: Callable[[str], object]) -> None:
        """Writes them down soon, each once. `tell` is told when that cannot be done; it is tried again."""
        entries = [_Entry(call, tell) for call in calls]
        if entries:
            self._waiting += entries
            self._wake.set()

    async def today(self) -> tuple[str, dict[str, Amount]]:
        """turn.allowance.Spending: what was just added counts, whether it could be written or not."""
        day = days.today()
        span = days.span_of(day)
        try:
            with anyio.fail_after(TODAY_LIMIT_S):
                await self._write()
                async with self._alone:
                    found = await anyio.to_thread.run_sync(
                        lambda: self._book().by_model(span), abandon_on_cancel=True
                    )
                    for call, _ in self._waiting:
                        if span.start is not None and call.time >= span.start:
                            before = found.get(call.model, Amount())
                            found[call.model] = together((before, amount(call.cost)))
        except TimeoutError:
            raise SpendingError(f"What was spent was not read within {TODAY_LIMIT_S:g} s.") from None
        return day, found

    def _book(self) -> Book:
        """Called in a thread: it is the first to need SQLite."""
        if self._made is None:
            from acp_agent.spending.book import Book

            self._made = Book(self._data_dir, self._past)
        return self._made

    async def _write_on(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            await self._write()

    async def _write(self) -> None:
        """Writes what waits; what cannot be written goes on to wait."""
        async with self._alone:
            if not self._waiting:
                return
            entries = tuple(self._waiting)
            try:
                await anyio.to_thread.run_sync(
                    lambda: self._book().add(entry.call for entry in entries), abandon_on_cancel=True
                )
            except SpendingError as error:
                if not self._in_trouble:
                    self._in_trouble = True
                    log.warning("%s", error)
                    _tell(entries, str(error))
                return
            self._in_trouble = False
            del self._waiting[: len(entries)]
            if self._made and self._made.remark:
                _tell(entries, self._made.remark)
                self._made.remark = ""


def _tell(entries: Iterable[_Entry], what: str) -> None:
    """Everybody who has an entry among them, once."""
    for tell in dict.fromkeys(entry.tell for entry in entries):
        tell(what)
