"""Asking a person: the question, its options, and who can be asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from acp_agent.console import coded
from acp_agent.invisible import visible
from acp_agent.permission.grants import described
from acp_agent.permission.patterns import is_literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acp_agent.permission.claims import Claim
    from acp_agent.permission.deciders import Decision
    from acp_agent.permission.places import Places
    from acp_agent.permission.rules import Rule

OptionKind = Literal["allow_once", "allow_always", "reject_once", "reject_always"]
LONGEST_RULE = 160
"""Characters of a rule that an option still spells out."""
LONGEST_TOLD = 600
"""Characters of one command or rule in the explanation."""
MOST_EXPLAINED = 12
"""Claims that are told of, of a call with more of them that ask."""


class PendingCall(NamedTuple):
    """The call that waits for a decision."""

    call_id: str
    title: str
    kind: str
    tool: str = ""
    """The tool, as the model knows it."""


class AskOption(NamedTuple):
    """One answer that may be chosen."""

    id: str
    """Of this question and no other, and not to be guessed."""
    kind: OptionKind
    name: str
    rules: tuple[Rule, ...] = ()
    """What choosing it stores."""
    for_project: bool = False
    """It is stored for the project, not for the session alone."""


class Question(NamedTuple):
    call: PendingCall
    claims: tuple[Claim, ...]
    decision: Decision
    options: tuple[AskOption, ...]
    """Of a kind the narrowest first."""
    explanation: str = ""
    """Markdown for the person: what asks and why, and what the answers would store."""


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


class Offers(NamedTuple):
    """What the answers to a question would store; for what is empty none is offered."""

    session: Sequence[tuple[Rule, ...]] = ()
    """The narrowest first."""
    project: tuple[Rule, ...] = ()
    never: tuple[Rule, ...] = ()


def options_for(offers: Offers, places: Places) -> tuple[AskOption, ...]:
    """The answers to one question."""
    mark = os.urandom(8).hex()
    found = _options(offers, places)
    return tuple(each._replace(id=f"{each.kind}-{number}-{mark}") for number, each in enumerate(found, 1))


def yes_or_no(yes: str, no: str) -> tuple[AskOption, AskOption]:
    """The answers to a question that stores nothing, yes first."""
    mark = os.urandom(8).hex()
    return (
        AskOption(f"allow_once-1-{mark}", "allow_once", yes),
        AskOption(f"reject_once-2-{mark}", "reject_once", no),
    )


def _options(offers: Offers, places: Places) -> Iterator[AskOption]:
    yield AskOption("", "allow_once", "Allow once")
    for rules in offers.session:
        yield from _for_good("allow_always", rules, places)
    yield from _for_good("allow_always", offers.project, places, for_project=True)
    yield AskOption("", "reject_once", "Reject")
    yield from _for_good("reject_always", offers.never, places)


def _for_good(
    kind: OptionKind, rules: tuple[Rule, ...], places: Places, *, for_project: bool = False
) -> Iterator[AskOption]:
    if not rules:
        return
    text = visible(" and ".join(described(rule, places) for rule in rules))
    if len(text) > LONGEST_RULE:
        if not all(is_literal(rule.pattern) for rule in rules):
            return
        text = "exactly this" if len(rules) == 1 else f"exactly these {len(rules)} things"
    verb = "Always allow" if kind == "allow_always" else "Always reject"
    where = "project" if for_project else "session"
    yield AskOption("", kind, f"{verb} {text} in this {where}", rules, for_project)


_DOING = {"execute": "run", "network": "reach", "mcp": "call"}


def explained(asking: Sequence[tuple[Claim, str]], options: Sequence[AskOption]) -> str:
    """Why it is asked, claim by claim, and what "always" would store."""
    told = [_told(claim, why) for claim, why in asking[:MOST_EXPLAINED]]
    if len(asking) > MOST_EXPLAINED:
        told.append(f"and {len(asking) - MOST_EXPLAINED} more")
    if not told:
        return ""
    text = f"Asks: {told[0]}" if len(told) == 1 else "\n".join(["Asks:", *(f"- {each}" for each in told)])
    stored = [_stored(option) for option in options if option.kind == "allow_always"]
    return f"{text}\n\n“Always” stores: {', or '.join(stored)}." if stored else text


def _told(claim: Claim, why: str) -> str:
    """The whole command is shown above, so that a long one need not be told again."""
    if claim.resource in why:
        return _clipped(why)
    return (
        f"{_DOING.get(claim.operation, claim.operation)} {coded(_clipped(claim.resource))}: {_clipped(why)}"
    )


def _clipped(text: str) -> str:
    text = visible(text)
    return (
        text if len(text) <= LONGEST_TOLD else f"{text[: LONGEST_TOLD // 2]} … {text[-LONGEST_TOLD // 2 :]}"
    )


def _stored(option: AskOption) -> str:
    rules = dict.fromkeys(f"{rule.operation} {coded(_clipped(rule.pattern))}" for rule in option.rules)
    return f"{' and '.join(rules)} for this {'project' if option.for_project else 'session'}"
