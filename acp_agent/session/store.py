"""All sessions under a data directory: making, opening, forking, deleting and listing them."""

from __future__ import annotations

import base64
import json
import math
import re
import secrets
import time
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from acp_agent.config.paths import ensure_private_dir
from acp_agent.errors import InvalidParams, JournalError, NotFound
from acp_agent.events import Archived, ModeChanged, ModelUsed, OptionsChanged, TitleChanged
from acp_agent.session.journal import Contents, Header, Journal, JournalLocked, Record, read, remove
from acp_agent.session.summary import TELLING, summary_of
from acp_agent.session.titles import TITLE_CHARACTERS
from acp_agent.workspace.snapshots import snapshots_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from acp_agent.events import Event, Listener
    from acp_agent.session.index import Index

SUFFIX = ".jsonl"
FORK_MARK = " (fork)"
LEAVING_S = 2.0
"""What an agent whose input has ended may take to leave."""
LEAVING_STEP_S = 0.02
_ID = re.compile(r"\w[\w .()@+-]{0,59}")
"""Ours are a time and some digits; a file that was copied by hand may be called otherwise."""


class Query(NamedTuple):
    """Which sessions to list, of those that were ever asked anything."""

    cwd: str | None = None
    """Only those of just this folder."""
    archived: Literal["exclude", "include", "only"] = "exclude"
    cursor: str | None = None
    """Where to go on, from the page before."""
    limit: int = 50


class Entry(NamedTuple):
    """A session in a list."""

    session_id: str
    cwd: str
    folders: tuple[str, ...]
    title: str
    updated: float
    """Seconds since the epoch: the last prompt, or the end of the last turn."""
    archived: bool


class Page(NamedTuple):
    entries: tuple[Entry, ...]
    next_cursor: str | None
    """None when these were the last."""


class Store:
    """The sessions under a data directory, one journal each.

    Everything reads or writes files, so it belongs in a thread; any of them will do.
    """

    def __init__(self, data_dir: Path) -> None:
        """Nothing is opened or made yet."""
        self._data_dir = data_dir
        self.folder = data_dir / "sessions"
        """Of the journals."""
        self._index_path = data_dir / "index.db"
        self._changed: set[str] = set()

    def create(
        self,
        cwd: str,
        folders: tuple[str, ...] = (),
        forked_from: str | None = None,
        records: Iterable[Record] = (),
    ) -> tuple[str, Journal]:
        """A new session's id and its journal, which begins with a copy of `records`.

        Raises JournalError when it cannot be written.
        """
        try:
            ensure_private_dir(self.folder)
        except OSError as error:
            raise JournalError(
                f"Sessions cannot be kept: {error.strerror or error}: {self.folder}. "
                "Set ACP_AGENT_DATA_DIR to a folder that can be written."
            ) from error
        now = time.time()
        session_id = time.strftime("%Y%m%d-%H%M%S-", time.gmtime(now)) + secrets.token_hex(4)
        header = Header(session_id, cwd, now, folders, forked_from)
        return session_id, Journal(self.folder / f"{session_id}{SUFFIX}", header, records)

    def read(self, session_id: str) -> Contents:
        """A session's journal. Raises NotFound, or JournalError when it is damaged beyond use."""
        return read(self._existing(session_id))

    def check(self, session_id: str) -> None:
        """Raises NotFound when there is no such session."""
        self._existing(session_id)

    def open(self, session_id: str) -> tuple[Contents, Journal]:
        """A session's journal, and the same to go on with; until it is closed nobody else can.

        Raises NotFound; JournalError when the journal is open already, here or in another process,
        when it is damaged beyond use, or when it cannot be written. Waits a little for another
        process: a client that starts its agent anew does not wait for the old one's end.
        """
        path = self._existing(session_id)
        given_up = time.monotonic() + LEAVING_S
        while True:
            try:
                return Journal.resume(path)
            except JournalLocked:
                if time.monotonic() > given_up:
                    raise
                time.sleep(LEAVING_STEP_S)

    def fork(self, session_id: str, cwd: str, folders: tuple[str, ...] = ()) -> tuple[Contents, Journal, str]:
        """A new session that begins with what is on the current branch of this one.

        It has the same options, and the title with a mark; it is not archived. The other one may be
        open and is not changed. Raises NotFound, or JournalError when one cannot be read or the
        other not written.
        """
        contents = self.read(session_id)
        new_id, journal = self.create(cwd, folders, session_id, _copied(contents))
        try:
            return read(journal.path), journal, new_id
        except JournalError:
            journal.close()
            raise

    def note(self, session_id: str, event: Event) -> None:
        """Writes one event into a session that is not open.

        Raises NotFound; JournalError when the session is open or the event cannot be written.
        """
        _, journal = self.open(session_id)
        troubles: list[str] = []
        journal.on_trouble = troubles.append
        journal(event)
        journal.close()
        if troubles:
            raise JournalError(troubles[0])

    def delete(self, session_id: str) -> None:
        """Removes a session for ever, with its snapshots; of one there is not, there is nothing to remove.

        Raises JournalError when it is open, here or in another process, or cannot be removed.
        """
        try:
            path = self._existing(session_id)
        except NotFound:
            return
        remove(path)
        with suppress(OSError):
            snapshots_file(self._data_dir, session_id).unlink()
        self._index.forget(session_id)

    def listener(self, session_id: str) -> Listener:
        """Listens to a session that is open in this process, behind its journal, for the lists.

        They are made of the journals; but some file systems only tell of what was written to a file
        once it is closed.
        """

        def listen(event: Event) -> None:
            if isinstance(event, TELLING):
                self._changed.add(session_id)

        return listen

    def page(self, query: Query) -> Page:
        """The sessions used last, or those that follow a page, as the journals are now.

        One that is made or used in the meantime does not move the others from page to page. Raises
        InvalidParams for a cursor that is none, JournalError when the folder cannot be listed.
        """
        before = None if query.cursor is None else _position(query.cursor)
        limit = max(1, query.limit)
        if not self.folder.is_dir():
            return Page((), None)
        found = self._index.entries(query._replace(limit=limit + 1), before)
        entries = tuple(found[:limit])
        return Page(entries, _cursor(entries[-1]) if len(found) > limit else None)

    def unreadable(self) -> tuple[str, ...]:
        """What is wrong with those journals that no page can show. Raises what `page` does."""
        return tuple(self._index.problems()) if self.folder.is_dir() else ()

    def complete(self, beginning: str) -> str:
        """The id of the session whose id begins so, if there is just one; else what was given."""
        found = [path.stem for path in self.folder.glob(f"*{SUFFIX}") if path.stem.startswith(beginning)]
        if beginning in found or len(found) != 1:
            return beginning
        return found[0]

    @cached_property
    def _index(self) -> Index:
        from acp_agent.session.index import Index

        return Index(self._index_path, self.folder, self._changed)

    def _existing(self, session_id: str) -> Path:
        path = self.folder / f"{session_id}{SUFFIX}"
        if not is_id(session_id) or not path.is_file():
            raise NotFound(f"There is no session {session_id!r}.", data={"sessionId": session_id})
        return path


def is_id(name: str) -> bool:
    """Whether a session may be called so: the name of a file in the folder, and of nothing else."""
    return _ID.fullmatch(name) is not None


def _copied(contents: Contents) -> Iterator[Record]:
    """What a fork begins with. Options hold for a session, on whatever branch they were chosen.

    What was spent was spent by the other one.
    """
    branch = {id(record) for record in contents.branch()}
    at = contents.header.created
    for record in contents.records:
        if isinstance(record.event, TitleChanged | Archived | ModelUsed):
            continue
        if id(record) in branch or isinstance(record.event, ModeChanged | OptionsChanged):
            at = record.time
            yield record
    summary = summary_of(contents)
    if summary.title:
        title = summary.title.removesuffix(FORK_MARK)
        if not summary.by_person:
            title = title[: TITLE_CHARACTERS - len(FORK_MARK)].rstrip()
        yield Record(0, 0, at, TitleChanged(title + FORK_MARK, summary.by_person))


def _cursor(last: Entry) -> str:
    position = json.dumps([last.updated, last.session_id])
    return base64.urlsafe_b64encode(position.encode()).decode()


def _position(cursor: str) -> tuple[float, str]:
    """What `_cursor` made a cursor of."""
    try:
        found: object = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        updated, session_id = cast("list[object]", found)
        if isinstance(updated, float) and math.isfinite(updated) and is_id(cast(str, session_id)):
            return updated, cast(str, session_id)
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidParams("The cursor is not one of ours; list from the beginning.", data={"param": "cursor"})
