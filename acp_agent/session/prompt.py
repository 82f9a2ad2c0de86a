"""A prompt to a session: what is asked, by whom, and how it has ended."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from acp_agent.content import Part
    from acp_agent.events import Rewound, StopReason, Tokens
    from acp_agent.session.audience import Watcher


class Asked(NamedTuple):
    """What a prompt is about."""

    content: tuple[Part, ...]
    by: Watcher | None = None
    """Who asked; it is not told what it has said itself."""
    trace: Mapping[str, str] = MappingProxyType({})
    """W3C trace context, passed on to services."""


class Prompt:
    """A prompt that waits, runs or has ended."""

    def __init__(self, asked: Asked, cancel: Callable[[Prompt], None]) -> None:
        self.asked = asked
        self._cancel = cancel
        self._ended = anyio.Event()
        self._outcome: StopReason | Exception = "cancelled"
        self.tokens: Tokens | None = None
        """What it took, once it has ended; None when no provider has said."""
        self.answer = ""
        """What a command has said at its end."""
        self.rewound: Rewound | None = None
        """Where a command has gone back to, if it has."""

    def end(self, outcome: StopReason | Exception, tokens: Tokens | None = None) -> None:
        """Says how it ended; the first one counts."""
        if not self._ended.is_set():
            self._outcome, self.tokens = outcome, tokens
            self._ended.set()

    def cancel(self) -> None:
        """Ends it, whether it waits or runs."""
        self._cancel(self)

    async def outcome(self) -> StopReason:
        """Waits for the end; raises what the turn failed with."""
        await self._ended.wait()
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome
