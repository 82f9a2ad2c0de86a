"""What a session is put together from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractAsyncContextManager

    from acp_agent.content import Part
    from acp_agent.events import NoticeRaised, Reminded
    from acp_agent.permission.asking import Asker
    from acp_agent.permission.gate import Gate
    from acp_agent.session.audience import Audience
    from acp_agent.session.journal import Journal
    from acp_agent.session.local import CommandParts
    from acp_agent.session.options import Options
    from acp_agent.tools.registry import Toolset
    from acp_agent.turn.allowance import Allowance
    from acp_agent.turn.feed import Feed
    from acp_agent.turn.history import History


class Context(Protocol):
    """What the model is told before the conversation."""

    def system(self, *, instructions: bool) -> str: ...

    def instructions(self) -> str:
        """The part of it that is not ours."""
        ...

    def reminders(self, mode: str, told: Callable[[str], str]) -> Iterable[Reminded]: ...


class Prepared(Protocol):
    """A prompt as it is kept and as the model is told of it, and what its person should know."""

    @property
    def content(self) -> tuple[Part, ...]: ...

    @property
    def notices(self) -> tuple[NoticeRaised, ...]: ...


class Prepare(Protocol):
    """Makes what a person sent ready for the model. Takes its time; raises nothing but cancellation."""

    async def __call__(self, content: tuple[Part, ...], /) -> Prepared: ...


class Parts(NamedTuple):
    """What a session is put together from."""

    journal: Journal
    audience: Audience
    asker: Asker
    """Who answers the agent's own questions."""
    feed: Feed
    history: History
    options: Options
    gate: Gate
    toolset: Toolset
    context: Context
    prepare: Prepare
    max_requests: int
    sign_of_life_s: float
    allowance: Allowance
    for_commands: CommandParts
    services: Sequence[AbstractAsyncContextManager[object]] = ()
    """What works beside the session, from its first moment to its last."""
