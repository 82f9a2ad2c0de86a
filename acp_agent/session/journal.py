"""The journal: one append-only JSON Lines file per session, written as things happen.

The first line is the session's header. Each further line is a record: its number `n`, the
number `p` of the one it follows (branches are records with the same `p`), the time `t` and
the event. Text in any other form is derived from this and can be rebuilt.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple, NoReturn, cast

from acp_agent import events
from acp_agent.errors import JournalError
from acp_agent.redaction.events import kept
from acp_agent.redaction.redactor import NO_VALUES
from acp_agent.session.records import from_json, to_json
from acp_agent.workspace.locking import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from acp_agent.events import Event

log = logging.getLogger(__name__)

FORMAT = 1
_KEPT = (
    events.TurnStarted,
    events.TurnEnded,
    events.UserMessage,
    events.Reminded,
    events.TextDelta,
    events.ThoughtDelta,
    events.ThoughtKept,
    events.Parked,
    events.ToolCallStarted,
    events.ToolCallUpdated,
    events.ToolCallFinished,
    events.PlanChanged,
    events.UsageChanged,
    events.ModelUsed,
    events.CompactionStarted,
    events.CompactionEnded,
    events.Rewound,
    events.ModeChanged,
    events.OptionsChanged,
    events.TitleChanged,
    events.Archived,
)
"""What happened; the rest only concerns who is watching at the time."""
_KEPT_CLASSES: frozenset[type] = frozenset(_KEPT)
_FAR_FUTURE = 32_503_680_000
"""Seconds since the epoch, the year 3000. What is beyond was not written by a clock."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode


class JournalLocked(JournalError):
    """Somebody else has the journal open for writing."""


class Header(NamedTuple):
    session_id: str
    cwd: str
    created: float
    """Seconds since the epoch."""
    folders: tuple[str, ...] = ()
    """The additional folders the session was made with, for lists only."""
    forked_from: str | None = None
    """The session whose branch this one began with."""


class Record(NamedTuple):
    number: int
    parent: int
    """The number of the record that this one follows; 0 for the beginning."""
    time: float
    event: Event


class End(NamedTuple):
    """Where a journal that was read ended."""

    number: int = 0
    """The highest number of a record, known or not."""
    tip: int = 0
    """The number of the last record, known or not."""
    torn: bool = False
    """The last line has no end."""


class Contents(NamedTuple):
    """What could be read of a journal; `skipped` says which lines could not, and why."""

    header: Header
    records: tuple[Record, ...]
    """All of them, whatever branch they are on, as they were written."""
    skipped: tuple[str, ...]
    unread: tuple[tuple[int, int], ...] = ()
    """Number and parent of the records that only a newer version knows."""
    end: End = End()

    def branch(self, tip: int | None = None) -> tuple[Record, ...]:
        """The records of the current branch: the last one and those it follows, from the beginning.

        With `tip`, the branch that ends with the record of that number; 0 is the beginning. Where a record
        follows one that could not be read, the nearest one before that is taken.
        """
        unread = dict(self.unread)
        places: dict[int, int] = {}
        numbers: list[int] = []
        followed: list[int] = []

        def place(number: int) -> int:
            """Where in `records` is what a record with this parent follows; -1 for the beginning."""
            while number not in places and unread.get(number, number) < number:
                number = unread[number]
            if number in places:
                return places[number]
            before = bisect_left(numbers, number)
            return places[numbers[before - 1]] if before else -1

        for index, record in enumerate(self.records):
            followed.append(place(record.parent))
            places[record.number] = index
            if not numbers or record.number > numbers[-1]:
                numbers.append(record.number)
        tip = self.end.tip or None if tip is None else tip
        at = len(self.records) - 1 if tip is None else place(tip) if tip else -1
        found: list[Record] = []
        while at >= 0:
            found.append(self.records[at])
            at = followed[at]
        return tuple(reversed(found))


class Journal:
    """Writes one session's journal. A listener: it never raises, it tells `on_trouble`.

    While it is open nobody else, in whatever process, can write to the file.
    """

    def __init__(self, path: Path, header: Header, records: Iterable[Record] = ()) -> None:
        """Creates the file, readable by its owner only, with `records` numbered from 1 in their order.

        Raises JournalError when it cannot, and leaves nothing behind.
        """
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise _not_written(path, error) from error
        lock(fd)
        self._start(path, fd, End())
        copies = [self._line(record.time, record.event) for record in records]
        self._unwritten = b"".join([_header_line(header), *copies])
        try:
            self._write()
        except OSError as error:
            os.close(fd)
            with contextlib.suppress(OSError):
                path.unlink()
            raise _not_written(path, error) from error

    @classmethod
    def resume(cls, path: Path) -> tuple[Contents, Journal]:
        """Reads a journal and goes on with it; what comes next follows its last record.

        Raises JournalError when it cannot be read or written, or is open already.
        """
        fd = _open_locked(path)
        try:
            contents = read(path)
        except BaseException:
            os.close(fd)
            raise
        journal = cls.__new__(cls)
        journal._start(path, fd, contents.end)
        return contents, journal

    def _start(self, path: Path, fd: int, end: End) -> None:
        self.path = path
        self.on_trouble: Callable[[str], object] = log.warning
        """Told once when writing begins to fail; what cannot be written waits for the next time."""
        self.redact: Callable[[Event], Event] = _without_secrets
        """What is kept of an event; its default goes by what secrets look like."""
        self.number = end.number
        """The number of the last record."""
        self._parent = end.tip
        self._fd = fd
        # A torn line is left as it is and only ended: it may be all there is of somebody's words.
        self._unwritten = b"\n" if end.torn else b""
        self._in_trouble = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, _KEPT):
            self._unwritten += self._line(round(time.time(), 3), self.redact(event))
            self._flush()

    def branch(self, after: int) -> None:
        """The next record follows the one numbered `after`, 0 for none; what followed it is left as it is."""
        if not 0 <= after <= self.number:
            raise ValueError(f"no record {after} to go on from; the last is {self.number}")
        self._parent = after

    def close(self) -> None:
        """Writes what is left, if it can be, and closes the file. Closing again does nothing."""
        if self._fd >= 0:
            self._flush()
            os.close(self._fd)
            self._fd = -1  # the number may soon be another file's

    def _line(self, at: float, event: Event) -> bytes:
        """The line of the next record."""
        self.number += 1
        head = {"n": self.number, "p": self._parent, "t": at}
        self._parent = self.number
        return _line({**head, **to_json(event)})

    def _flush(self) -> None:
        """Writes all that is waiting; a full disk keeps it waiting, and the next record tries again."""
        try:
            self._write()
        except OSError as error:
            if not self._in_trouble:
                self._in_trouble = True
                log.warning("journal %s: %s", self.path, error)
                self.on_trouble(
                    f"The session's journal cannot be written: {error.strerror}. Make room: {self.path}"
                )
        else:
            self._in_trouble = False

    def _write(self) -> None:
        while self._unwritten:
            self._unwritten = self._unwritten[os.write(self._fd, self._unwritten) :]


def _without_secrets(event: Event) -> Event:
    return kept(event, NO_VALUES)


def _open_locked(path: Path) -> int:
    """A descriptor to append to an existing journal, which nobody else writes to until it is closed.

    Raises JournalError when the journal is open already, here or in another process, or cannot be.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    except OSError as error:
        raise _not_written(path, error) from error
    if not lock(fd):
        os.close(fd)
        raise JournalLocked(
            f"The session is open in another acp-agent process ({path}); close it there first."
        )
    if os.fstat(fd).st_nlink == 0:
        os.close(fd)
        raise JournalError(f"The session was deleted in another acp-agent process ({path}).")
    return fd


def remove(path: Path) -> None:
    """Deletes a journal that is not open. Raises JournalError when it is, or cannot be deleted."""
    fd = _open_locked(path)
    try:
        path.unlink()
    except OSError as error:
        raise JournalError(f"The session cannot be deleted: {error.strerror}: {path}") from error
    finally:
        os.close(fd)


def _not_written(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"The session's journal cannot be written: {error.strerror}: {path}. "
        "Make room or set ACP_AGENT_DATA_DIR to a folder that can be written."
    )


def _header_line(header: Header) -> bytes:
    fields = header._asdict()
    for name, default in Header._field_defaults.items():
        if fields[name] == default:
            del fields[name]
    return _line({"type": "session", "format": FORMAT, **fields})


def _line(data: dict[str, object]) -> bytes:
    try:
        return _encode(data).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(data).encode() + b"\n"


def read(path: Path) -> Contents:
    """Reads a journal. A line that is torn or bad is skipped and named, and nothing else is lost.

    Raises JournalError when there is no usable header.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise JournalError(f"The journal cannot be read: {error.strerror}: {path}") from error
    torn = lines[-1] != b""
    if not torn:
        lines.pop()
    header = read_header(path, lines[0] if lines else b"")
    records: list[Record] = []
    skipped: list[str] = []
    unread: list[tuple[int, int]] = []
    number = tip = 0
    for at, line in enumerate(lines[1:], start=2):
        try:
            tip, parent, when, data = _head(line)
            number = max(number, tip)
            unread.append((tip, parent))  # until its event turns out to be a known one
            records.append(Record(tip, parent, when, _event(data)))
            unread.pop()
        except JournalError as error:
            last = torn and at == len(lines)
            skipped.append(f"line {at}: cut off" if last else f"line {at}: {error}")
    return Contents(header, tuple(records), tuple(skipped), tuple(unread), End(number, tip, torn))


def read_header(path: Path, line: bytes) -> Header:
    """The header in a journal's first line. Raises JournalError when it is none."""
    try:
        data = _object(line)
    except JournalError:
        data = dict[str, object]()
    session_id, cwd, created = data.get("session_id"), data.get("cwd"), data.get("created")
    folders, forked_from = data.get("folders"), data.get("forked_from")
    if not isinstance(session_id, str) or not isinstance(cwd, str) or not _is_time(created):
        raise JournalError(f"Not a session's journal, or its first line is damaged: {path}")
    if data.get("format") != FORMAT:
        raise JournalError(
            f"The journal is of format {data.get('format')}; update acp-agent to read it: {path}"
        )
    return Header(
        session_id,
        cwd,
        cast(float, created),
        tuple(each for each in cast("list[object]", folders) if isinstance(each, str))
        if isinstance(folders, list)
        else (),
        forked_from if isinstance(forked_from, str) else None,
    )


def read_record(line: bytes) -> Record:
    """The record in one line. Raises JournalError when it is none that this version knows."""
    number, parent, at, data = _head(line)
    return Record(number, parent, at, _event(data))


def _head(line: bytes) -> tuple[int, int, float, dict[str, object]]:
    data = _object(line)
    number, parent, at = data.get("n"), data.get("p"), data.get("t")
    if not isinstance(number, int) or not isinstance(parent, int) or number < 1 or not _is_time(at):
        raise JournalError("no record")
    return number, parent, cast(float, at), data


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < _FAR_FUTURE


def _event(data: dict[str, object]) -> Event:
    event = from_json(data)
    if type(event) not in _KEPT_CLASSES:
        raise JournalError(f"unknown record {type(event).__name__!r}")
    return cast("Event", event)


def _object(line: bytes) -> dict[str, object]:
    try:
        data: object = _decode(line.decode())
    except (ValueError, RecursionError) as error:
        raise JournalError(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise JournalError("no JSON object")
    return cast("dict[str, object]", data)
