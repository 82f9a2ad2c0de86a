"""Which files a command has changed: found by what happened in the folders between its begin and its end.

By time alone: what somebody else does to a file meanwhile counts as the command's.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from acp_agent.events import TurnStarted
from acp_agent.workspace.inotify import Inotify
from acp_agent.workspace.internals import different, internals
from acp_agent.workspace.polling import Polling
from acp_agent.workspace.touched import Touched

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    from acp_agent.events import Event
    from acp_agent.workspace.internals import Stamps
    from acp_agent.workspace.known import Change, Known
    from acp_agent.workspace.touched import Watch

log = logging.getLogger(__name__)

FIRST_WAIT_S = 5.0
"""So long a command waits until the folders have been looked at for the first time."""
LOCK_WAIT_S = 1.0
"""And so long after it, should they be looked at just then."""
LATER_S = 0.05
"""After the begin of a turn; its request to the model goes out first."""
TAKEN_EVERY_S = 0.05
"""The system keeps 16,384 events; what a command does meanwhile is taken from it so often."""
NOT_READY = "the folders were still being looked at"
TOO_MUCH = "more has changed at once than could be followed"
LOST = 500
"""After so many files whose text is not known any more all is looked at anew."""


class Found(NamedTuple):
    """What a command has changed."""

    changes: tuple[Change, ...] = ()
    more: int = 0
    """Files that it has touched beyond those that were looked at."""
    internals: tuple[str, ...] = ()
    """Hooks and settings of repositories that it has changed."""
    trouble: str = ""
    """Why it is not known; then all else is empty."""


class Changes:
    """Of one session. As a context manager it looks at the folders ahead of the first command.

    As a listener it learns when that may be soon. Commands call `begin`, run within `following`, and
    call `end`, one after the other.
    """

    def __init__(
        self,
        roots: Iterable[Path],
        git: str | None,
        without: Iterable[Path] = (),
        watches: Sequence[Callable[[], Watch]] = (Inotify, Polling),
    ) -> None:
        """`git` is where git is; what happens below `without` is nobody's business.

        The first of `watches` that can be had and has room is used.
        """
        self._watches = watches
        self._roots = _outermost(os.path.realpath(root) for root in roots)
        self._git = git
        self._without = frozenset(os.path.realpath(each) for each in without)
        self._known: Known | None = None
        self._trouble = ""
        self._touched = Touched()
        self._internals: Stamps = {}
        self._since: Known | None = None
        """What was known when the command began."""
        self._lock = anyio.Lock()
        self._wanted = anyio.Event()
        self._tasks = anyio.create_task_group()

    async def __aenter__(self) -> Changes:
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._look_ahead, name="files before commands")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tasks.cancel_scope.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)  # what went wrong outside is not for its tasks
        finally:
            self._forget()

    def __call__(self, event: Event) -> None:
        if isinstance(event, TurnStarted) and not event.local:
            self._wanted.set()

    async def _look_ahead(self) -> None:
        while True:
            await self._wanted.wait()
            await anyio.sleep(LATER_S)
            self._wanted = anyio.Event()
            async with self._lock:
                await self._survey()

    async def _survey(self) -> None:
        """Looks at all folders, unless that has been done or cannot be done."""
        if self._known or self._trouble:
            return
        from acp_agent.workspace.known import Known

        for make in self._watches:
            watch: Watch | None = None
            try:
                watch = make()
                known = Known(watch, self._git, self._without)
                for root in self._roots:
                    await known.add(root)
                self._known, watch = known, None
                await self._refresh(known)
                return
            except OSError as error:
                log.info("files are not followed by %s: %s", make, error)
                self._trouble = str(error)
            finally:
                if watch:
                    watch.close()

    # Around a command ------------------------------------------------------------------------

    async def begin(self) -> None:
        """What has happened until now is not the command's."""
        self._internals = await anyio.to_thread.run_sync(internals, self._tops)
        self._since = None
        with anyio.move_on_after(FIRST_WAIT_S) as time:
            async with self._lock:
                try:
                    await self._survey()
                    if known := self._known:
                        await self._refresh(known)
                        await self._survey()  # more has happened than could be followed
                    self._since = self._known
                except OSError as error:
                    self._give_up(str(error))
                except BaseException:
                    self._forget()
                    if time.cancel_called:
                        self._trouble = f"looking at the folders takes longer than {FIRST_WAIT_S:g} s"
                    raise

    async def _refresh(self, known: Known) -> None:
        touched = await self._take(known)
        if not touched.complete:
            self._forget()
        elif touched:
            await known.refresh(touched)

    @contextmanager
    def following(self) -> Generator[None]:
        """Takes in what happens, so that the system's queue does not overflow."""
        loop = asyncio.get_running_loop()

        def take() -> None:
            nonlocal timer
            if self._known and not self._lock.locked():
                self._known.watch.peek(self._touched)
            timer = loop.call_later(TAKEN_EVERY_S, take)

        timer = loop.call_later(TAKEN_EVERY_S, take)
        try:
            yield
        finally:
            timer.cancel()

    async def end(self) -> Found:
        """What has happened since `begin`. Raises nothing but cancellation."""
        now = await anyio.to_thread.run_sync(internals, self._tops)
        found = Found(internals=different(self._internals, now))
        known, self._since = self._since, None
        with anyio.move_on_after(LOCK_WAIT_S):
            async with self._lock:
                if known is None or known is not self._known:
                    return found._replace(trouble=self._trouble or NOT_READY)
                return await self._compare(known, found)
        return found._replace(trouble=NOT_READY)

    async def _compare(self, known: Known, found: Found) -> Found:
        try:
            touched = await self._take(known)
            if not touched.complete:
                self._forget()
                return found._replace(trouble=TOO_MUCH)
            if not touched:
                return found
            compared = await known.compare(touched)
        except OSError as error:
            self._give_up(str(error))
            return found._replace(trouble=self._trouble)
        except BaseException:  # what is known is half one and half the other
            self._forget()
            raise
        if known.lost > LOST:
            self._forget()
        return found._replace(changes=compared.changes, more=compared.more)

    async def _take(self, known: Known) -> Touched:
        await anyio.to_thread.run_sync(known.watch.take, self._touched)
        touched, self._touched = self._touched, Touched()
        return touched

    @property
    def _tops(self) -> list[str]:
        """Where repositories may be."""
        known = [each.folder for each in self._known.checkouts] if self._known else []
        return list(dict.fromkeys([*self._roots, *known]))

    def _forget(self) -> None:
        """All is looked at anew, at once if this is a session's."""
        known, self._known, self._touched = self._known, None, Touched()
        if known:
            known.watch.close()
            self._wanted.set()

    def _give_up(self, why: str) -> None:
        self._forget()
        self._trouble = why


def _outermost(folders: Iterable[str]) -> tuple[str, ...]:
    """Those that lie in none of the others; never the whole machine."""
    real = [each for each in dict.fromkeys(folders) if each != os.sep]
    return tuple(each for each in real if not any(each.startswith(other + os.sep) for other in real))
