"""What a session's journal tells of the requests to models, for the record of spending."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING

from acp_agent.errors import JournalError
from acp_agent.events import ModelUsed, TurnEnded, TurnStarted
from acp_agent.session.journal import read_header, read_record
from acp_agent.spending.calls import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from acp_agent.events import Event
    from acp_agent.session.journal import Header, Record

log = logging.getLogger(__name__)

_TELLING = re.compile(rb'\{"n":\d+,"p":\d+,"t":[\d.]+,"type":"(?:ModelUsed|TurnStarted|TurnEnded)"')
"""How the journal begins a record that matters here."""


class Recorder:
    """A listener, behind the journal: hands the requests of one session on."""

    def __init__(self, session_id: str, number: Callable[[], int], add: Callable[[Call], object]) -> None:
        """`number` is that of the journal's last record."""
        self._session_id = session_id
        self._number = number
        self._add = add
        self._turn = ""

    def __call__(self, event: Event) -> None:
        self._turn = _turn(event, self._turn)
        if isinstance(event, ModelUsed):
            self._add(_call(self._session_id, self._number(), time.time(), self._turn, event))


def calls_of(header: Header, records: Iterable[Record]) -> Iterator[Call]:
    """Those of one session, on whatever branch. What a fork began with was another session's."""
    turn = ""
    for record in records:
        turn = _turn(record.event, turn)
        if isinstance(record.event, ModelUsed) and record.time >= header.created:
            yield _call(header.session_id, record.number, record.time, turn, record.event)


def all_calls(folder: Path) -> Iterator[Call]:
    """Those of all journals in `folder`, as far as they can be read. Takes its time."""
    try:
        paths = sorted(folder.glob("*.jsonl"))
    except OSError as error:
        log.warning("%s: %s", folder, error)
        return
    for path in paths:
        try:
            yield from _calls_in(path)
        except (OSError, JournalError) as error:
            log.warning("%s: %s", path, error)


def _calls_in(path: Path) -> Iterator[Call]:
    with path.open("rb") as file:
        header = read_header(path, file.readline().rstrip(b"\n"))
        yield from calls_of(header, _records(file))


def _records(lines: Iterable[bytes]) -> Iterator[Record]:
    for line in lines:
        if _TELLING.match(line):
            try:
                yield read_record(line)
            except JournalError:
                continue


def _turn(event: Event, before: str) -> str:
    match event:
        case TurnStarted(turn_id):
            return turn_id
        case TurnEnded():
            return ""
        case _:
            return before


def _call(session_id: str, number: int, at: float, turn: str, used: ModelUsed) -> Call:
    return Call(session_id, number, at, turn, used.model, used.tokens, used.cost)
