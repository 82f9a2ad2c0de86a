"""Asking a person: the question, its options, and who can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from acp_agent.invisible import visible
from acp_agent.permission.grants import described
from acp_agent.permission.patterns import is_literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.permission.claims import Claim
    from acp_agent.permission.deciders import Decision
    from acp_agent.permission.places import Places
    from acp_agent.permission.rules import Rule

OptionKind = Literal["allow_once", "allow_always", "reject_once", "reject_always"]
LONGEST_RULE = 160
"""Characters of a rule that an option still spells out."""


class PendingCall(NamedTuple):
    """The call that waits for a decision."""

    call_id: str
    title: str
    kind: str


class AskOption(NamedTuple):
    """One answer that may be chosen."""

    id: str
    kind: OptionKind
    name: str
    rules: tuple[Rule, ...] = ()
    """What choosing it stores for the session."""


class Question(NamedTuple):
    call: PendingCall
    claims: tuple[Claim, ...]
    decision: Decision
    options: tuple[AskOption, ...]
    """At most one of a kind."""


class Answer(NamedTuple):
    """The id of the chosen option; None, and every id that was not offered, is a denial."""

    option_id: str | None
    words: str = ""
    """What the person, or the reason for a denial, has to say to the model."""


class Asker(Protocol):
    """Whoever can be asked."""

    async def ask(self, question: Question) -> Answer:
        """Waits for the answer. May raise PeerError, which is a denial with that reason; may be cancelled."""
        ...


class Unattended:
    """Denies every question: for runs that nobody watches."""

    def __init__(
        self, reason: str = "nobody can be asked in this run; the user can allow it in the settings"
    ) -> None:
        self._reason = reason

    async def ask(self, question: Question) -> Answer:
        return Answer(None, self._reason)


def options_for(always: Sequence[Rule], never: Sequence[Rule], places: Places) -> tuple[AskOption, ...]:
    """The answers to offer, when "always" would store these rules; without them it is not offered."""
    offered = (
        AskOption("allow_once", "allow_once", "Allow once"),
        _for_good("allow_always", "Always allow", always, places),
        AskOption("reject_once", "reject_once", "Reject"),
        _for_good("reject_always", "Always reject", never, places),
    )
    return tuple(option for option in offered if option is not None)


def _for_good(kind: OptionKind, verb: str, rules: Sequence[Rule], places: Places) -> AskOption | None:
    text = visible(" and ".join(described(rule, places) for rule in rules))
    if len(text) > LONGEST_RULE:
        if not all(is_literal(rule.pattern) for rule in rules):
            return None
        text = "exactly this" if len(rules) == 1 else f"exactly these {len(rules)} things"
    return AskOption(kind, kind, f"{verb} {text} in this session", tuple(rules)) if rules else None
