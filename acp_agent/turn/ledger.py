"""What the models of a session have taken, request by request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.events import ModelUsed, Tokens, UsageChanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.events import Event


class Account(NamedTuple):
    """One model's requests. Those in `silent` came without a count, so `tokens` is not all."""

    model: str
    requests: int = 0
    silent: int = 0
    tokens: Tokens = Tokens()


class Ledger:
    """A listener. What was spent stays spent when the conversation is taken back."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.latest: UsageChanged | None = None
        """What was last known to be in the context."""
        self.spent: Tokens | None = None
        """By the prompt that was begun last; None as long as no provider says."""
        self._accounts: dict[str, Account] = {}
        for event in events:
            self(event)

    def __call__(self, event: Event) -> None:
        match event:
            case UsageChanged():
                self.latest = event
            case ModelUsed(model, tokens, _):
                if tokens:
                    self.spent = _plus(self.spent or Tokens(), tokens)
                before = self._accounts.get(model) or Account(model)
                self._accounts[model] = Account(
                    model,
                    before.requests + 1,
                    before.silent + (tokens is None),
                    _plus(before.tokens, tokens or Tokens()),
                )
            case _:
                pass

    def begin_prompt(self) -> None:
        self.spent = None

    def accounts(self) -> Sequence[Account]:
        return tuple(self._accounts.values())


def _plus(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(*(a + b for a, b in zip(one, other, strict=True)))
