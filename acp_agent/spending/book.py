"""The record of spending in SQLite: every request to a model, of all sessions and processes.

It outlives the sessions. Made anew, it has what the journals that there are still tell; a damaged
one is put aside. Every question and every entry opens the file for itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from acp_agent.config.paths import ensure_private_dir
from acp_agent.errors import SpendingError
from acp_agent.events import Tokens
from acp_agent.spending.amounts import Amount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from acp_agent.spending.calls import Call
    from acp_agent.spending.days import Span

log = logging.getLogger(__name__)

FILE = "spending.db"
VERSION = 1
"""Of the table. There is no way back: what a newer version has written is left alone."""
BUSY_S = 1.0
"""How long another process may hold the file."""
LARGEST = 10**12
"""No count is higher, so that the sum of millions of them is a number that SQLite can hold."""
By = Literal["day", "model", "provider", "session"]
_GROUPS: dict[By, str] = {
    "day": "date(time, 'unixepoch', 'localtime')",
    "model": "model",
    "provider": "provider",
    "session": "session",
}
_TABLE = (
    "session TEXT", "number INTEGER", "time REAL", "turn TEXT", "provider TEXT", "model TEXT",
    "input INTEGER", "output INTEGER", "cached INTEGER", "reasoning INTEGER", "written INTEGER",
    "cost INTEGER", "PRIMARY KEY (session, number)",
)  # fmt: skip
_PUT = f"INSERT OR IGNORE INTO call VALUES ({', '.join('?' * (len(_TABLE) - 1))})"
_SUMS = "coalesce(sum(cost), 0), sum(cost IS NULL)"
_DAMAGE = frozenset(
    {
        sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_MISMATCH,
    }
)  # fmt: skip
"""The file is no record of ours. With any other trouble it may be good: the disk is full, say."""
T = TypeVar("T")


class Line(NamedTuple):
    """Requests that have something in common. `tokens` is without those in `silent`."""

    name: str
    requests: int
    silent: int
    tokens: Tokens
    cost: Amount


class Book:
    """Everything reads or writes files, so it belongs in a thread; any of them will do."""

    def __init__(self, data_dir: Path, past: Callable[[], Iterable[Call]]) -> None:
        """`past` reads what the journals tell; asked when there is no record, or none that can be used.

        Nothing is opened or made yet.
        """
        self.path = data_dir / FILE
        self.remark = ""
        """What the person has to know of a record that was damaged; for who tells them to take away."""
        self._past = past

    def add(self, calls: Iterable[Call]) -> None:
        """Writes down those that are not there yet. Raises SpendingError when it cannot."""
        rows = [_row(call) for call in calls]
        self._use(lambda connection: _insert(connection, rows))

    def by_model(self, span: Span) -> dict[str, Amount]:
        """Raises SpendingError."""

        def ask(connection: sqlite3.Connection) -> dict[str, Amount]:
            where, values = _where(span)
            found = connection.execute(f"SELECT model, {_SUMS} FROM call{where} GROUP BY model", values)
            return {str(model): _amount(known, unknown) for model, known, unknown in found}

        return self._use(ask)

    def lines(self, span: Span, by: By) -> list[Line]:
        """Days in their order, the rest by what has cost most. Raises SpendingError."""

        def ask(connection: sqlite3.Connection) -> list[Line]:
            where, values = _where(span)
            counts = ", ".join(f"coalesce(sum({field}), 0)" for field in Tokens._fields)
            order = "name" if by == "day" else "sum(cost) DESC, name"
            found = connection.execute(
                f"SELECT {_GROUPS[by]} AS name, count(*), sum(input IS NULL), {counts}, {_SUMS} "
                f"FROM call{where} GROUP BY name ORDER BY {order}",
                values,
            )
            return [
                Line(str(name), requests, silent, Tokens(*map(int, tokens)), _amount(known, unknown))
                for name, requests, silent, *tokens, known, unknown in found
            ]

        return self._use(ask)

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does `work` on the file; on a new one if that is damaged."""
        file = _file_at(self.path)
        try:
            try:
                return self._do(work)
            except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
                # A damaged file may also hold what is of another type.
                if not self._is_damage(error):
                    raise
                log.warning("%s: %s", self.path, error)
                self._put_aside(file)
                return self._do(work)
        except (sqlite3.Error, OSError, ValueError, TypeError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise SpendingError(f"What was spent cannot be kept or read: {why}: {self.path}") from error

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with contextlib.closing(self._open()) as connection:
            return work(connection)

    def _open(self) -> sqlite3.Connection:
        ensure_private_dir(self.path.parent)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")
        version = _version(connection)
        if version == VERSION:
            return
        if version > VERSION:
            raise SpendingError(f"A newer acp-agent has written {self.path}: update this one.")
        connection.execute("PRAGMA journal_mode = WAL")
        rows = [_row(call) for call in self._past()]  # before others have to wait
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            if _version(connection) == 0:  # another process may have been quicker
                connection.execute(f"CREATE TABLE call ({', '.join(_TABLE)}) WITHOUT ROWID")
                connection.execute("CREATE INDEX by_time ON call (time)")
                connection.executemany(_PUT, rows)
                connection.execute(f"PRAGMA user_version = {VERSION}")

    def _is_damage(self, error: Exception) -> bool:
        code = getattr(error, "sqlite_errorcode", None)
        return code is None or code & 0xFF in _DAMAGE

    def _put_aside(self, file: int | None) -> None:
        """Unless another process has done so meanwhile, and the file is not the damaged one any more."""
        if _file_at(self.path) != file:
            return
        aside = self.path.with_name(f"{self.path.name}.{time.time_ns()}.damaged")
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(aside)
        for ending in ("-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        self.remark = (
            f"The record of what was spent was damaged. It is made anew of the sessions that there are; "
            f"the damaged one is {aside}."
        )


def _file_at(path: Path) -> int | None:
    """What tells the file that is there now from one that comes later."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _amount(known: float, unknown: int) -> Amount:
    """Sums are whole numbers, but in a damaged file."""
    return Amount(int(known), unknown)


def _insert(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_PUT, rows)


def _row(call: Call) -> tuple[object, ...]:
    counts: Iterable[int | None] = call.tokens or (None,) * len(Tokens._fields)
    names = (_storable(name) for name in (call.turn, call.provider, call.model))
    head = (_storable(call.session), _bounded(call.number), call.time)
    return (*head, *names, *map(_bounded, counts), _bounded(call.cost))


def _bounded(count: int | None) -> int | None:
    return None if count is None else max(0, min(count, LARGEST))


def _storable(text: str) -> str:
    """A name may hold halves of characters; a database takes only text."""
    return text.encode(errors="replace").decode()


def _where(span: Span) -> tuple[str, list[float]]:
    conditions = [("time >= ?", span.start), ("time < ?", span.end)]
    given = [(condition, value) for condition, value in conditions if value is not None]
    text = " AND ".join(condition for condition, _ in given)
    return (f" WHERE {text}" if text else ""), [value for _, value in given]


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]
