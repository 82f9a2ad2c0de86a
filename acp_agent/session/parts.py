"""What a session is put together from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from acp_agent.turn.consent import Consent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from acp_agent.config.schema import WhenLimited
    from acp_agent.content import Part
    from acp_agent.events import NoticeRaised, Reminded
    from acp_agent.models.stream import Model
    from acp_agent.permission.asking import Asker
    from acp_agent.permission.gate import Gate
    from acp_agent.session.audience import Audience
    from acp_agent.session.journal import Journal
    from acp_agent.session.local import CommandParts
    from acp_agent.session.options import Options
    from acp_agent.tools.registry import Toolset
    from acp_agent.turn.allowance import Allowance
    from acp_agent.turn.aside import Aside
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


class Consulting(NamedTuple):
    """Who is asked whether the agent itself may go on, and when."""

    asker: Asker
    attended: bool = True
    when_limited: WhenLimited = "ask"


class Parts(NamedTuple):
    """What a session is put together from."""

    journal: Journal
    audience: Audience
    feed: Feed
    history: History
    options: Options
    gate: Gate
    toolset: Toolset
    context: Context
    prepare: Prepare
    max_requests: int
    sign_of_life_s: float
    consulting: Consulting
    allowance: Allowance
    for_commands: CommandParts
    services: Sequence[AbstractAsyncContextManager[object]] = ()
    """What works beside the session, from its first moment to its last."""

    def consent(self, feed: Feed, new_id: Callable[[str], str]) -> Consent:
        """To ask whether the agent itself may go on, shown in `feed`."""
        asker, attended, _ = self.consulting
        return Consent(feed, asker, new_id, self.sign_of_life_s, attended)

    def aside(self, model: Model, consent: Consent, trace: Mapping[str, str]) -> Aside:
        """To ask a model beside the conversation. What that takes is kept, even if nothing else of it is."""
        from acp_agent.turn.aside import Aside

        return Aside(
            model,
            self.feed,
            self.sign_of_life_s,
            trace,
            may_ask=partial(self.allowance.may_ask, consent),
            cost=lambda: self.for_commands.ledger.cost,
        )
