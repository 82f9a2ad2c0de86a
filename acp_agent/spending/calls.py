"""One request to a model, as the record of spending keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from acp_agent.events import Tokens


class Call(NamedTuple):
    """`session` and `number` name it: the same call is never counted twice."""

    session: str
    number: int
    """Of its record in the session's journal."""
    time: float
    """When it was answered, in seconds since the epoch."""
    turn: str
    """The turn's id; empty for a request beside the conversation."""
    model: str
    """`alias/model`."""
    tokens: Tokens | None
    """None when the provider has not said."""
    cost: int | None
    """Micro-dollars; None when that is not known."""

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]
