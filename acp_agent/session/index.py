"""The index of all sessions, in SQLite: what lists are made of.

Derived from the journals and only from them. Every question first looks at what has changed
in the folder, so it does not matter who changed it; an index that is missing, damaged or of
another version is made anew, and where none can be written it is kept in memory.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import stat
import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from acp_agent.errors import JournalError
from acp_agent.session.journal import Header
from acp_agent.session.store import SUFFIX, Entry, is_id
from acp_agent.session.summary import Look, Summary, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from acp_agent.session.store import Query

log = logging.getLogger(__name__)

VERSION = 1
"""Of the table; an index of any other is made anew."""
BUSY_S = 1.0
"""How long another process may hold the index before this one goes on without it."""
_NOT_OURS_TO_MEND = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
    }
)  # fmt: skip
"""The file may be good: another process has it, or the disk is full or read-only."""
_COLUMNS = (
    "id TEXT PRIMARY KEY", "mtime INTEGER", "size INTEGER", "problem TEXT",
    "cwd TEXT", "created REAL", "folders TEXT",
    "prompt TEXT", "given TEXT", "by_person INTEGER", "asked INTEGER", "archived INTEGER", "used REAL",
    "offset INTEGER", "mark BLOB",
    "place TEXT", "title TEXT", "updated REAL",
)  # fmt: skip
_PUT = f"INSERT OR REPLACE INTO session VALUES ({', '.join('?' * len(_COLUMNS))})"
_LOOK = (
    "SELECT cwd, created, folders, prompt, given, by_person, asked, archived, used, offset, mark "
    "FROM session WHERE id = ? AND problem IS NULL"
)
Value = str | int | float | bytes | None
Stamp = tuple[int, int]
"""A file's time, in nanoseconds since the epoch, and size before it was read: it is still as it was read
when both are."""
T = TypeVar("T")
_OTHER: Stamp = (-1, -1)
"""What no file's is."""


class Index:
    """May be used by several threads; one at a time does something."""

    def __init__(self, path: Path, folder: Path, changed: set[str]) -> None:
        """`folder` holds the journals; nothing is opened or read yet.

        The journals of `changed` are looked at for the next answer, whatever the folder says of them.
        """
        self._path = path
        self._folder = folder
        self._lock = threading.Lock()
        self._memory: sqlite3.Connection | None = None
        self._changed = changed

    def forget(self, session_id: str) -> None:
        """Leaves nothing of a session that was deleted."""
        self._use(lambda connection: connection.execute("DELETE FROM session WHERE id = ?", (session_id,)))

    def entries(self, query: Query, before: tuple[float, str] | None) -> list[Entry]:
        """The one used last first, or from the one after `before` on: a time and an id.

        Raises JournalError when the folder cannot be listed.
        """

        def entries(connection: sqlite3.Connection) -> list[Entry]:
            if before is None:  # who goes on is shown what there was when they began
                self._refresh(connection)
            return _select(connection, query, before)

        return self._use(entries)

    def problems(self) -> list[str]:
        """What is wrong with the journals that cannot be listed."""

        def problems(connection: sqlite3.Connection) -> list[str]:
            self._refresh(connection)
            found = connection.execute("SELECT problem FROM session WHERE problem IS NOT NULL ORDER BY id")
            return [problem for (problem,) in found]

        return self._use(problems)

    # The database -------------------------------------------------------------------

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does `work` on the file; on a new one if that is damaged; in memory if it has to be."""
        with self._lock:
            for attempt in (1, 2):
                if self._memory:
                    break
                try:
                    with contextlib.closing(self._open()) as connection:
                        return work(connection)
                except (sqlite3.Error, OSError, ValueError, TypeError) as error:
                    # A damaged file may also hold what is no JSON, or of another type.
                    log.warning("index %s: %s", self._path, error)
                    if attempt == 2 or not self._mend(error):
                        self._to_memory()
            return work(self._memory or self._to_memory())

    def _open(self) -> sqlite3.Connection:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        connection = _connect(str(self._path))
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _mend(self, error: Exception) -> bool:
        """Removes a damaged index; False when it is not damaged, or cannot be removed."""
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, OSError) or (code is not None and code & 0xFF in _NOT_OURS_TO_MEND):
            return False
        try:
            for ending in ("-wal", "-shm", ""):
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def _to_memory(self) -> sqlite3.Connection:
        self._memory = _connect(":memory:")
        weakref.finalize(self, self._memory.close)
        _prepare(self._memory)
        return self._memory

    # Keeping up with the folder -------------------------------------------------------

    def _refresh(self, connection: sqlite3.Connection) -> None:
        stored = connection.execute("SELECT id, mtime, size FROM session")
        known: dict[str, Stamp] = {row[0]: row[1:] for row in stored}
        while self._changed:
            known[self._changed.pop()] = _OTHER
        stale = self._stale(known)
        gone = [(session_id,) for session_id in known]
        # All reading is done before the database is locked for writing.
        rows = [self._row(connection, session_id, stamp) for session_id, stamp in stale.items()]
        if rows or gone:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("DELETE FROM session WHERE id = ?", gone)
                connection.executemany(_PUT, rows)

    def _stale(self, known: dict[str, Stamp]) -> dict[str, Stamp]:
        """The journals that are not as they are known; leaves in `known` only what is not there."""
        stale: dict[str, Stamp] = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:  # thousands: every microsecond here is felt
                    name = entry.name
                    if not name.endswith(SUFFIX):
                        continue
                    try:
                        status = entry.stat()
                    except OSError:  # it has just been deleted
                        continue
                    session_id = name[: -len(SUFFIX)]
                    stamp = (status.st_mtime_ns, status.st_size)
                    before = known.pop(session_id, None)
                    if before != stamp and stat.S_ISREG(status.st_mode) and is_id(session_id):
                        stale[session_id] = stamp
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise JournalError(f"Sessions cannot be listed: {error.strerror}: {self._folder}") from error
        return stale

    def _row(self, connection: sqlite3.Connection, session_id: str, stamp: Stamp) -> tuple[Value, ...]:
        stored = connection.execute(_LOOK, (session_id,)).fetchone()
        path = self._folder / f"{session_id}{SUFFIX}"
        try:
            header, summary, offset, mark = look(path, _look(session_id, stored) if stored else None)
        except JournalError as error:
            return (session_id, *stamp, _storable(str(error)), *[None] * (len(_COLUMNS) - 4))
        cwd, folders = _storable(header.cwd), [_storable(folder) for folder in header.folders]
        return (
            session_id, *stamp, None,
            cwd, header.created, json.dumps(folders), *summary, offset, mark,
            os.path.normpath(cwd), summary.title, max(header.created, summary.used),
        )  # fmt: skip


def _connect(name: str) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def _prepare(connection: sqlite3.Connection) -> None:
    """Makes the table where there is none of this version. What is deleted is overwritten."""
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    if _version(connection) == VERSION:
        return
    connection.execute("PRAGMA journal_mode = WAL")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if _version(connection) != VERSION:  # another process may have been quicker
            connection.execute("DROP TABLE IF EXISTS session")
            connection.execute(f"CREATE TABLE session ({', '.join(_COLUMNS)})")
            connection.execute("CREATE INDEX by_time ON session (updated, id) WHERE asked")
            connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _look(session_id: str, stored: tuple[Any, ...]) -> Look:
    cwd, created, folders, prompt, given, by_person, asked, archived, used, offset, mark = stored
    header = Header(session_id, cwd, created, tuple(json.loads(folders)))
    summary = Summary(prompt, given, bool(by_person), bool(asked), bool(archived), used)
    return Look(header, summary, offset, mark)


def _select(connection: sqlite3.Connection, query: Query, before: tuple[float, str] | None) -> list[Entry]:
    conditions, values = ["asked"], list[Value]()
    if query.cwd is not None:
        conditions.append("place = ?")
        values.append(os.path.normpath(_storable(query.cwd)))
    if query.archived != "include":
        conditions.append("archived = ?")
        values.append(query.archived == "only")
    if before:
        conditions.append("(updated, id) < (?, ?)")
        values += before
    found: Iterable[tuple[str, str, str, str, float, int]] = connection.execute(
        "SELECT id, cwd, folders, title, updated, archived "
        f"FROM session WHERE {' AND '.join(conditions)} ORDER BY updated DESC, id DESC LIMIT ?",
        (*values, query.limit),
    )
    return [
        Entry(session_id, cwd, tuple(json.loads(folders)), title, updated, bool(archived))
        for session_id, cwd, folders, title, updated, archived in found
    ]


def _storable(path: str) -> str:
    """A path may hold bytes that are no text; a database takes only text."""
    return path.encode(errors="replace").decode()
