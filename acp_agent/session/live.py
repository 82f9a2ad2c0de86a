"""The sessions that are open in this process, whoever watches them.

A session outlives the connection that opened it: when the last editor has gone, what runs goes
on for a while, so that a dropped line does not kill a turn. After that the session is closed.
"""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_agent.session.session import CLOSE_LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from types import TracebackType

    from acp_agent.session.audience import Watcher
    from acp_agent.session.session import Session, State

log = logging.getLogger(__name__)


class LiveSession(NamedTuple):
    """A session that is open, for people who want to see what an agent is doing."""

    id: str
    cwd: str
    title: str
    state: State
    watchers: int
    since: float
    """When it was opened, in seconds since the epoch."""


FREE_LIMIT_S = 1.0
"""How long a session that had to be cancelled may take to let go of what it holds."""


class _Entry(NamedTuple):
    session: Session
    since: float
    scope: anyio.CancelScope
    freed: anyio.Event


class LiveSessions:
    """Use as an async context manager; leaving it closes every session."""

    def __init__(self) -> None:
        self._tasks = anyio.create_task_group()
        self._entries: dict[str, _Entry] = {}
        self._busy: dict[str, anyio.Lock] = {}
        self._left: dict[str, float] = {}
        """When the last editor left a session that is kept."""

    async def __aenter__(self) -> LiveSessions:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with anyio.CancelScope(shield=True):
            await self.close_all()
        self._tasks.cancel_scope.cancel()
        return await self._tasks.__aexit__(kind, error, trace)

    def all(self) -> Sequence[LiveSession]:
        return [
            LiveSession(each.id, each.cwd, each.title, each.state, each.watchers, entry.since)
            for entry in self._entries.values()
            for each in (entry.session,)
        ]

    def find(self, session_id: str) -> Session | None:
        entry = self._entries.get(session_id)
        return entry.session if entry and not entry.session.closed else None

    async def open(self, session_id: str, restore: Callable[[], Awaitable[Session]]) -> Session:
        """The session with that id, restored unless it is open already; asked for twice it is one."""
        async with self.alone(session_id):
            return self.find(session_id) or self.adopt(await restore())

    @asynccontextmanager
    async def alone(self, session_id: str) -> AsyncGenerator[None]:
        """Nobody else opens or deletes that session meanwhile, and one that was closed has let go of it."""
        lock = self._busy.setdefault(session_id, anyio.Lock())
        try:
            async with lock:
                entry = self._entries.get(session_id)
                if entry and entry.session.closed:
                    with anyio.move_on_after(CLOSE_LIMIT_S + FREE_LIMIT_S):
                        await entry.freed.wait()
                yield
        finally:
            state = lock.statistics()
            if not state.locked and not state.tasks_waiting:
                self._busy.pop(session_id, None)

    def adopt(self, session: Session) -> Session:
        """Runs a session until it is closed."""
        entry = _Entry(session, time.time(), anyio.CancelScope(), anyio.Event())
        self._entries[session.id] = entry
        self._tasks.start_soon(self._run, entry, name=f"session {session.id}")
        return session

    async def _run(self, entry: _Entry) -> None:
        try:
            with entry.scope:
                await entry.session.run()
        except Exception:  # the boundary: one session with a bug must not end the others
            log.exception("session %s ended", entry.session.id)
        finally:
            if self._entries.get(entry.session.id) is entry:
                del self._entries[entry.session.id]
            entry.freed.set()

    async def leave(self, session_id: str, watcher: Watcher, keep_s: float) -> None:
        """`watcher` has gone. With nobody left it ends with its turn, at most `keep_s` later."""
        session = self.find(session_id)
        if session is None:
            return
        session.detach(watcher)
        if session.watchers:
            return
        if keep_s > 0:
            self._left[session.id] = anyio.current_time()
            self._tasks.start_soon(self._expire, session, keep_s)
        else:
            await self.close(session.id)

    async def _expire(self, session: Session, keep_s: float) -> None:
        with anyio.move_on_after(keep_s) as limit:
            await session.settled()
        away = anyio.current_time() - self._left.get(session.id, 0.0)
        over = not limit.cancelled_caught or away >= keep_s
        if over and not session.watchers and not session.closed:
            log.info("session %s: nobody has come back, closed", session.id)
            await self.close(session.id)

    async def close(self, session_id: str) -> bool:
        """Ends what runs, its prompts answered `cancelled`, and frees it; False if it is not open."""
        entry = self._entries.get(session_id)
        if entry is None:
            return False
        await entry.session.close()
        entry.scope.cancel()
        with anyio.move_on_after(FREE_LIMIT_S, shield=True):
            await entry.freed.wait()
        self._left.pop(session_id, None)
        return True

    async def close_all(self) -> None:
        async with anyio.create_task_group() as closing:
            for session_id in tuple(self._entries):
                closing.start_soon(self.close, session_id)
