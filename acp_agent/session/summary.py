"""What a session says at a glance: its title, when it was last used, whether it is archived.

Folded from all records, whatever branch they are on, so that it can be taken further as a
journal grows without reading it again.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import JournalError
from acp_agent.events import Archived, TitleChanged, TurnEnded, UserMessage
from acp_agent.session.journal import read_header, read_record
from acp_agent.session.titles import printable
from acp_agent.session.titles import title_of as title_of_prompt

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from acp_agent.events import Event
    from acp_agent.session.journal import Contents, Header

TELLING = (UserMessage, TurnEnded, TitleChanged, Archived)
"""The events that change a summary."""

_TELLING_NAMES = frozenset(kind.__name__.encode() for kind in TELLING)
_HEAD = re.compile(rb'\{"n":\d+,"p":\d+,"t":[\d.]+,"type":"(\w+)"')
"""How the journal begins a record; a line that begins otherwise is read whole."""
_MARK_BYTES = 64


class Summary(NamedTuple):
    prompt: str = ""
    """The first line of the first prompt that has text."""
    given: str = ""
    """The title it was given, by a person or not."""
    by_person: bool = False
    asked: bool = False
    """There was a prompt."""
    archived: bool = False
    used: float = 0
    """Seconds since the epoch of the last prompt or the end of the last turn; 0 when there was none."""

    @property
    def title(self) -> str:
        return self.given or self.prompt

    def after(self, at: float, event: Event) -> Summary:
        """With an event that happened at a time. Taking the last one twice changes nothing."""
        match event:
            case UserMessage():
                prompt = self.prompt or title_of_prompt(event.content)
                return self._replace(prompt=prompt, asked=True, used=max(self.used, at))
            case TurnEnded():
                return self._replace(used=max(self.used, at))
            case TitleChanged(title, by_person) if by_person or not self.by_person:
                return self._replace(given=printable(title), by_person=by_person and bool(title))
            case Archived(archived):
                return self._replace(archived=archived)
            case _:
                return self


def summary_of(contents: Contents) -> Summary:
    summary = Summary()
    for record in contents.records:
        if isinstance(record.event, TELLING):
            summary = summary.after(record.time, record.event)
    return summary


def title_of(contents: Contents) -> str:
    """The title it was given, else the first line of the first prompt; empty when there is neither."""
    return summary_of(contents).title


def archived(contents: Contents) -> bool:
    return summary_of(contents).archived


class Look(NamedTuple):
    """A journal, looked at up to a point."""

    header: Header
    summary: Summary
    offset: int
    """Bytes, the end of the last whole line."""
    mark: bytes
    """What stands just before that."""


def look(path: Path, before: Look | None = None) -> Look:
    """Sums a journal up; of one that has only grown since `before`, just what was added is read.

    Raises JournalError when it cannot be read or has no usable header.
    """
    try:
        with path.open("rb") as file:
            if before and _continues(file, before):
                return _fold(file, before)
            file.seek(0)
            line = file.readline()
            header = read_header(path, line.rstrip(b"\n"))
            return _fold(file, Look(header, Summary(), len(line), b""))
    except OSError as error:
        raise JournalError(f"The journal cannot be read: {error.strerror}: {path}") from error


def _continues(file: BinaryIO, before: Look) -> bool:
    """Whether what is before `before.offset` is still the same, going by its end."""
    start = before.offset - len(before.mark)
    return file.seek(start) == start and file.read(len(before.mark)) == before.mark


def _fold(file: BinaryIO, so_far: Look) -> Look:
    """Goes on from where `file` is, which is at `so_far.offset`."""
    summary, offset = so_far.summary, so_far.offset
    for line in file:
        if line.endswith(b"\n"):
            offset += len(line)
        head = _HEAD.match(line)
        if head and head[1] not in _TELLING_NAMES:
            continue
        try:
            record = read_record(line)
        except JournalError:
            continue
        summary = summary.after(record.time, record.event)
    file.seek(max(0, offset - _MARK_BYTES), os.SEEK_SET)
    mark = file.read(min(offset, _MARK_BYTES))
    return Look(so_far.header, summary, offset, mark)
