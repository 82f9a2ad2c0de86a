"""The stream of events of one session, on its way from the turn to everybody who listens.

Pieces of text that come close together are joined, and of a running tool's progress only
the latest is kept, so that listeners get tens of events a second and not thousands. The
order never changes, but for the output of commands that run side by side, of which each is
joined for itself; nothing waits longer than its window.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from acp_agent.events import OutputDelta, TextDelta, ThoughtDelta, ToolCallProgress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.events import Event, Listener
    from acp_agent.redaction.events import Screen

log = logging.getLogger(__name__)

TEXT_WINDOW_S = 0.016
"""Text waits so long for more: well under the 50 ms at which an eye sees a step."""
OUTPUT_WINDOW_S = 0.05
"""A command's output may be much, and to clients without terminals all that they show goes each time."""
PROGRESS_WINDOW_S = 0.2
"""Progress repeats all that is shown, so it comes less often."""


class Drain(Protocol):
    """Waits while a listener is too far behind."""

    async def __call__(self) -> None: ...


async def no_wait() -> None:
    """For feeds whose listeners keep up."""


class Feed:
    """Takes events from one session's turn and hands them to its listeners, in order."""

    def __init__(
        self, listeners: Sequence[Listener], drain: Drain = no_wait, screen: Screen | None = None
    ) -> None:
        """`screen` takes secrets out before anybody is told."""
        self._listeners = listeners
        self._screen = screen
        self.drain = drain
        self._loop = asyncio.get_running_loop()
        self._kind: type[TextDelta | ThoughtDelta | OutputDelta] = TextDelta
        self._pieces: dict[str, list[str]] = {}
        """Text that waits, all of one kind, by the id of its message or call."""
        self._progress: ToolCallProgress | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_flush = 0.0

    def emit(self, event: Event) -> None:
        """Delivers `event`, after everything that came before it."""
        if isinstance(event, TextDelta | ThoughtDelta | OutputDelta):
            kind, of = type(event), event[0]
            joins = kind is self._kind and (of in self._pieces or kind is OutputDelta)
            if self._progress or not joins:
                self.flush()
                self._kind = kind
            self._pieces.setdefault(of, []).append(event.text)
            self._wait(OUTPUT_WINDOW_S if kind is OutputDelta else TEXT_WINDOW_S)
        elif isinstance(event, ToolCallProgress):
            if self._pieces or (self._progress and self._progress.call_id != event.call_id):
                self.flush()
            self._progress = event
            self._wait(PROGRESS_WINDOW_S)
        else:
            self.flush()
            self._deliver(event)

    def flush(self) -> None:
        """Delivers what is waiting for more to come."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._pieces:
            waiting, self._pieces = self._pieces, {}
            self._last_flush = self._loop.time()
            for of, pieces in waiting.items():
                self._deliver(self._kind(of, "".join(pieces)))
        if self._progress:
            progress, self._progress = self._progress, None
            self._last_flush = self._loop.time()
            self._deliver(progress)

    def _wait(self, window_s: float) -> None:
        """Flushes now if nothing has left within the window, else at its end.

        A busy loop fires its timers late, so the time is looked at with every event.
        """
        due = self._last_flush + window_s
        if self._loop.time() >= due:
            self.flush()
        elif not self._timer:
            self._timer = self._loop.call_at(due, self.flush)

    def redacted(self, text: str) -> str:
        """`text` as everybody may see it."""
        return self._screen.text(text) if self._screen else text

    def _deliver(self, event: Event) -> None:
        for screened in self._screen(event) if self._screen else (event,):
            self._tell(screened)

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # a listener with a bug must not take the turn, or the other listeners, down
                log.exception("%s could not take %s", listener, type(event).__name__)
