"""What the models of a session have taken, request by request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.events import ModelUsed, Tokens, TurnEnded, TurnStarted, UsageChanged
from acp_agent.spending.amounts import Amount, amount, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.events import Event


class Account(NamedTuple):
    """Requests together. Those in `silent` came without a count, so `tokens` is not all."""

    model: str = ""
    """Empty for those of several models."""
    requests: int = 0
    silent: int = 0
    tokens: Tokens = Tokens()
    cost: Amount = Amount()

    def after(self, used: ModelUsed) -> Account:
        """With one more."""
        return Account(
            self.model,
            self.requests + 1,
            self.silent + (used.tokens is None),
            _plus(self.tokens, used.tokens or Tokens()),
            together((self.cost, amount(used.cost))),
        )

    @property
    def from_cache(self) -> float | None:
        """The share of the input that the services had in their caches, from 0 to 1; None without input."""
        return min(1.0, self.tokens.cached / self.tokens.input) if self.tokens.input > 0 else None


class Ledger:
    """A listener. What was spent stays spent when the conversation is taken back."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.latest: UsageChanged | None = None
        """What was last known to be in the context."""
        self.session = Account()
        """All requests of the session, its agents' and those beside the conversation among them."""
        self._turn = Account()
        self._turn_before = Account()
        self._between = False
        self._accounts: dict[str, Account] = {}
        for event in events:
            self(event)

    def __call__(self, event: Event) -> None:
        match event:
            case UsageChanged():
                self.latest = event
            case ModelUsed():
                self.add(event)
            case TurnStarted():
                self._between = False
                self.begin_prompt()
            case TurnEnded():
                self._between = True
            case _:
                pass

    def add(self, used: ModelUsed) -> None:
        """Counts a request, whoever made it; for who does not tell the session's events."""
        if self._between:  # as a question beside the conversation is found in a journal
            self.begin_prompt()
        self.session = self.session.after(used)
        self._turn = self._turn.after(used)
        self._accounts[used.model] = (self._accounts.get(used.model) or Account(used.model)).after(used)

    def begin_prompt(self) -> None:
        if self._turn.requests:
            self._turn_before = self._turn
        self._turn = Account()

    @property
    def spent(self) -> Tokens | None:
        """By the prompt that was begun last; None as long as no provider says."""
        return self._turn.tokens if self._turn.requests > self._turn.silent else None

    @property
    def turn(self) -> Account:
        """The last prompt that has asked a model."""
        return self._turn if self._turn.requests else self._turn_before

    @property
    def cost(self) -> int | None:
        """Micro-dollars that the session has cost; None as soon as a request's cost is not known."""
        return self.session.cost.total

    def accounts(self) -> Sequence[Account]:
        """By model, in the order in which they were first asked."""
        return tuple(self._accounts.values())


def _plus(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(*(a + b for a, b in zip(one, other, strict=True)))
