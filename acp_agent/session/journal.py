"""The journal: one append-only JSON Lines file per session, written as things happen.

The first line is the session's header. Each further line is a record: its number `n`, the
number `p` of the one it follows (branches are records with the same `p`), the time `t` and
the event. Text in any other form is derived from this and can be rebuilt.
"""

from __future__ import annotations

import json
import logging
import os
import time
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent import events
from acp_agent.errors import JournalError
from acp_agent.session.records import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from acp_agent.events import Event

log = logging.getLogger(__name__)

FORMAT = 1
_KEPT = (
    events.TurnStarted,
    events.TurnEnded,
    events.UserMessage,
    events.TextDelta,
    events.ThoughtDelta,
    events.ToolCallStarted,
    events.ToolCallUpdated,
    events.ToolCallFinished,
    events.PlanChanged,
    events.UsageChanged,
    events.ModeChanged,
    events.OptionsChanged,
    events.TitleChanged,
    events.Archived,
)
"""What happened; the rest only concerns who is watching at the time."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Header(NamedTuple):
    session_id: str
    cwd: str
    created: float
    """Seconds since the epoch."""
    folders: tuple[str, ...] = ()
    forked_from: str | None = None


class Record(NamedTuple):
    number: int
    parent: int
    time: float
    event: Event


class Contents(NamedTuple):
    """What could be read of a journal; `skipped` says which lines could not, and why."""

    header: Header
    records: tuple[Record, ...]
    skipped: tuple[str, ...]

    def branch(self) -> tuple[Record, ...]:
        return self.records


class Journal:
    """Writes one session's journal. A listener: it never raises, it tells `on_trouble`."""

    def __init__(self, path: Path, header: Header) -> None:
        """Creates the file, readable by its owner only. Raises JournalError when it cannot."""
        self.path = path
        self.on_trouble: Callable[[str], object] = log.warning
        """Told once when writing begins to fail; what cannot be written waits for the next time."""
        self.number = 0
        self._unwritten = b""
        self._in_trouble = False
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            first = {"type": "session", "format": FORMAT, **header._asdict()}
            self._unwritten = _encode(first).encode(errors="replace") + b"\n"
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self._fd, self._unwritten) :]
        except OSError as error:
            raise JournalError(
                f"The session's journal cannot be written: {error.strerror}: {path}. "
                "Make room or set ACP_AGENT_DATA_DIR to a folder that can be written."
            ) from error

    @classmethod
    def resume(cls, path: Path, contents: Contents) -> Journal:
        journal = cls.__new__(cls)
        journal.path = path
        journal.on_trouble = log.warning
        journal.number = max((r.number for r in contents.records), default=0)
        journal._unwritten = b""
        journal._in_trouble = False
        journal._fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        return journal

    def branch(self, after: int) -> None:
        raise NotImplementedError

    def __call__(self, event: Event) -> None:
        if isinstance(event, _KEPT):
            self.number += 1
            head = {"n": self.number, "p": self.number - 1, "t": round(time.time(), 3)}
            self._append({**head, **to_json(event)})

    def close(self) -> None:
        """Writes what is left, if it can be, and closes the file."""
        self._flush()
        os.close(self._fd)

    def _append(self, record: dict[str, object]) -> None:
        try:
            line = _encode(record).encode() + b"\n"
        except UnicodeEncodeError:
            line = json.dumps(record).encode() + b"\n"
        self._unwritten += line
        self._flush()

    def _flush(self) -> None:
        """Writes all that is waiting; a full disk keeps it waiting, and the next record tries again."""
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self._fd, self._unwritten) :]
        except OSError as error:
            if not self._in_trouble:
                self._in_trouble = True
                log.warning("journal %s: %s", self.path, error)
                self.on_trouble(
                    f"The session's journal cannot be written: {error.strerror}. Make room: {self.path}"
                )
        else:
            self._in_trouble = False


def read(path: Path) -> Contents:
    """Reads a journal. A torn last line is dropped, a bad line skipped and named.

    Raises JournalError when there is no usable header.
    """
    try:
        *lines, torn = path.read_bytes().split(b"\n")
    except OSError as error:
        raise JournalError(f"The journal cannot be read: {error.strerror}: {path}") from error
    header = _header(path, lines[0] if lines else b"")
    records: list[Record] = []
    skipped = [f"line {len(lines) + 1}: cut off"] if torn else []
    for number, line in enumerate(lines[1:], start=2):
        try:
            records.append(_record(line))
        except JournalError as error:
            skipped.append(f"line {number}: {error}")
    return Contents(header, tuple(records), tuple(skipped))


def read_header(path: Path) -> Header:
    """Reads only the first line."""
    try:
        with path.open("rb") as file:
            return _header(path, file.readline())
    except OSError as error:
        raise JournalError(f"The journal cannot be read: {error.strerror}: {path}") from error


def _header(path: Path, line: bytes) -> Header:
    data = _object(line) if line else {}
    session_id, cwd, created = data.get("session_id"), data.get("cwd"), data.get("created")
    if not isinstance(session_id, str) or not isinstance(cwd, str) or not isinstance(created, int | float):
        raise JournalError(f"Not a session's journal, or its first line is damaged: {path}")
    if data.get("format") != FORMAT:
        raise JournalError(
            f"The journal is of format {data.get('format')}; update acp-agent to read it: {path}"
        )
    return Header(session_id, cwd, created)


def _record(line: bytes) -> Record:
    data = _object(line)
    number, parent, at = data.pop("n", None), data.pop("p", None), data.pop("t", None)
    if not isinstance(number, int) or not isinstance(parent, int) or not isinstance(at, int | float):
        raise JournalError("no record")
    return Record(number, parent, at, cast("Event", from_json(data)))


def _object(line: bytes) -> dict[str, object]:
    try:
        data: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise JournalError(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise JournalError("no JSON object")
    return cast("dict[str, object]", data)
