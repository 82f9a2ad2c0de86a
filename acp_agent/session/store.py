"""Where journals are, and what they say at a glance."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.content import Text
from acp_agent.errors import JournalError, NotFound
from acp_agent.events import UserMessage
from acp_agent.session.journal import Contents, Header, Journal, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from acp_agent.events import Event, Listener

TITLE_CHARACTERS = 80


class Summary(NamedTuple):
    session_id: str
    cwd: str
    title: str
    """The beginning of the first prompt; empty when there was none."""
    updated: float
    """Seconds since the epoch."""


class Query(NamedTuple):
    cwd: str | None = None
    archived: Literal["exclude", "include", "only"] = "exclude"
    cursor: str | None = None
    limit: int = 50


class Entry(NamedTuple):
    session_id: str
    cwd: str
    folders: tuple[str, ...]
    title: str
    updated: float
    archived: bool


class Page(NamedTuple):
    entries: tuple[Entry, ...]
    next_cursor: str | None


class Store:
    """The sessions under a data directory, one journal each."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "sessions"

    def open(self, session_id: str) -> tuple[Contents, Journal]:
        contents = self.read(session_id)
        return contents, Journal.resume(self._path(session_id), contents)

    def fork(self, session_id: str, cwd: str, folders: tuple[str, ...] = ()) -> tuple[Contents, Journal, str]:
        contents = self.read(session_id)
        forked, journal = self.create(cwd, folders)
        for record in contents.branch():
            journal(record.event)
        return contents, journal, forked

    def note(self, session_id: str, event: Event) -> None:
        _, journal = self.open(session_id)
        journal(event)
        journal.close()

    def delete(self, session_id: str) -> None:
        if "/" not in session_id:
            self._path(session_id).unlink(missing_ok=True)

    def listener(self, session_id: str) -> Listener:
        return lambda _event: None

    def page(self, query: Query) -> Page:
        return Page(
            tuple(
                Entry(e.session_id, e.cwd, (), e.title, e.updated, False)
                for e in self.summaries()
                if isinstance(e, Summary)
            ),
            None,
        )

    def create(
        self, cwd: str, folders: tuple[str, ...] = (), forked_from: str | None = None
    ) -> tuple[str, Journal]:
        """A new session's id and its journal. Raises JournalError when it cannot be written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise JournalError(
                f"Sessions cannot be kept: {error.strerror}: {self._folder}. "
                "Set ACP_AGENT_DATA_DIR to a folder that can be written."
            ) from error
        now = time.time()
        session_id = time.strftime("%Y%m%d-%H%M%S-", time.gmtime(now)) + secrets.token_hex(4)
        header = Header(session_id, cwd, now)
        return session_id, Journal(self._path(session_id), header)

    def read(self, session_id: str) -> Contents:
        """A session's journal. Raises NotFound, or JournalError when it is damaged beyond use."""
        path = self._path(session_id)
        if "/" in session_id or "\\" in session_id or not path.is_file():
            raise NotFound(f"There is no session {session_id!r}.", data={"sessionId": session_id})
        return read(path)

    def complete(self, beginning: str) -> str:
        """The id of the session whose id begins so, if there is just one; else what was given."""
        found = [path.stem for path in self._folder.glob("*.jsonl") if path.stem.startswith(beginning)]
        if beginning in found or len(found) != 1:
            return beginning
        return found[0]

    def summaries(self) -> Iterator[Summary | JournalError]:
        """Every session, the one used last first; a journal that cannot be read comes as its error."""
        if not self._folder.is_dir():
            return
        found = [(path.stat().st_mtime, path) for path in self._folder.glob("*.jsonl")]
        for updated, path in sorted(found, reverse=True):
            try:
                contents = read(path)
            except JournalError as error:
                yield error
            else:
                yield Summary(contents.header.session_id, contents.header.cwd, title_of(contents), updated)

    def _path(self, session_id: str) -> Path:
        return self._folder / f"{session_id}.jsonl"


def title_of(contents: Contents) -> str:
    """The beginning of the first prompt, on one line."""
    for record in contents.records:
        if isinstance(record.event, UserMessage):
            text = " ".join(part.text for part in record.event.content if isinstance(part, Text))
            line = " ".join(text.split())
            return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"
    return ""
