"""The one gate: every effect of every tool goes through it, and nothing lifts its floor.

claims ── check ──> Decision with the trace of who said what
claims ── authorize ──> Approval, good for exactly these claims and that call, or Refusal
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.errors import PeerError
from acp_agent.invisible import visible
from acp_agent.permission.asking import (
    Answer,
    Asker,
    AskOption,
    PendingCall,
    Question,
    Unattended,
    options_for,
)
from acp_agent.permission.claims import Claim, digest
from acp_agent.permission.deciders import DENIALS, Decision, Situation, Vote, asked, decide
from acp_agent.permission.grants import SESSION, Grants, suggestion
from acp_agent.permission.modes import MODES, Mode, ModeInfo
from acp_agent.permission.places import places_of
from acp_agent.permission.rules import Rule, Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from os import PathLike

    from acp_agent.permission.claims import Operation

__all__ = [
    "MODES",
    "Answer",
    "Approval",
    "AskOption",
    "Asker",
    "Decision",
    "Gate",
    "Mode",
    "ModeInfo",
    "PendingCall",
    "Question",
    "Refusal",
    "Remembered",
    "Rule",
    "Unattended",
    "Verdict",
    "Vote",
]

REMEMBERED = 50
"""Decisions that can still be asked about."""

Outcome = Literal["allowed", "denied"]

_DO_NOT_GO_ROUND = "Do not try to get the same effect another way; go on without it, or ask the user."


class Approval(NamedTuple):
    """Leave to have one call do what it claimed."""

    call_id: str
    digest: str
    decision: Decision

    def covers(self, call_id: str, claims: Sequence[Claim]) -> bool:
        """Whether this is about that call, and it still claims the same."""
        return self.call_id == call_id and self.digest == digest(claims)


class Refusal(NamedTuple):
    """No leave; `reason` is for the model."""

    reason: str
    decision: Decision
    cancelled: bool = False
    """The question was closed without an answer."""


class Remembered(NamedTuple):
    """A decision that was made, for a person who wants to know why."""

    call: PendingCall
    claims: tuple[Claim, ...]
    decision: Decision
    mode: Mode
    outcome: Outcome
    answer: str = ""
    """The name of the chosen option, or why there was none; empty when nobody was asked."""


class Gate:
    """What one session may do. `mode` may be changed at any time and counts from the next decision on."""

    def __init__(
        self,
        rules: Sequence[Rule],
        mode: Mode,
        asker: Asker,
        *,
        roots: Iterable[str | PathLike[str]] = (),
        denied: Iterable[str] = (),
    ) -> None:
        """`roots` is where relative patterns of rules begin. `denied` are operations that never happen."""
        self.mode: Mode = mode
        self.denied = frozenset(denied)
        self._rules = tuple(rules)
        self._asker = asker
        self._places = places_of(roots)
        self._grants = Grants(self._places)
        self._refused: dict[frozenset[Claim], int] = {}
        self._remembered: deque[Remembered] = deque(maxlen=REMEMBERED)

    @property
    def grants(self) -> tuple[Rule, ...]:
        """What "always" answers, and the person's own words, have stored."""
        return tuple(self._grants.rules)

    @property
    def decisions(self) -> tuple[Remembered, ...]:
        """The latest, the last one last."""
        return tuple(self._remembered)

    def grant(self, operation: Operation, pattern: str) -> Rule:
        """Stores leave for the rest of the session, as an "always" answer does, on the word of a person."""
        rule = Rule(operation, pattern, "allow", SESSION)
        self._grants.add((rule,))
        return rule

    def revoke(self, rules: Iterable[Rule]) -> None:
        """Forgets what was stored; those that are not there are passed over."""
        for rule in rules:
            self._grants.remove(rule)

    def check(self, claims: Sequence[Claim]) -> Decision:
        """What would happen to a call with these claims. Asks nobody and changes nothing."""
        return decide(claims, self._situation(claims, self._grants))

    async def authorize(
        self,
        call: PendingCall,
        claims: Sequence[Claim],
        before_asking: Callable[[], Awaitable[None]] | None = None,
    ) -> Approval | Refusal:
        """Decides about a call, asking where that is needed. Cancelling it leaves nothing behind.

        `before_asking` prepares what the person is to see; what it raises is raised here, nobody being asked.
        """
        claims = tuple(claims)
        decision = self.check(claims)
        if decision.verdict == "allow":
            self._remember(call, claims, decision, "allowed")
            return Approval(call.call_id, digest(claims), decision)
        if decision.verdict == "deny":
            self._remember(call, claims, decision, "denied")
            return Refusal(_denied(call, decision), decision)
        if before_asking:
            await before_asking()
        question = Question(call, claims, decision, self._options(claims))
        try:
            answer = await self._asker.ask(question)
        except PeerError as error:
            self._remember(call, claims, decision, "denied", str(error))
            return Refusal(_unanswered(call, str(error)), decision)
        settled = self._settle(question, answer)
        outcome = "allowed" if isinstance(settled, Approval) else "denied"
        self._remember(call, claims, settled.decision, outcome, _words(question, answer))
        return settled

    def _remember(
        self,
        call: PendingCall,
        claims: tuple[Claim, ...],
        decision: Decision,
        outcome: Outcome,
        answer: str = "",
    ) -> None:
        self._remembered.append(Remembered(call, claims, decision, self.mode, outcome, answer))

    def _settle(self, question: Question, answer: Answer) -> Approval | Refusal:
        call, claims, decision, options = question
        chosen = next((option for option in options if option.id == answer.option_id), None)
        if chosen is None:
            self._count(claims)
            cancelled = answer.option_id is None and not answer.words
            why = answer.words or "the question was not answered with one of its options"
            return Refusal(_unanswered(call, why), decision, cancelled)
        self._grants.add(chosen.rules)
        if chosen.kind.startswith("reject"):
            self._count(claims)
            return Refusal(_rejected(call, answer.words), decision)
        # While the person thought, the mode or another answer may have forbidden it.
        now = self.check(claims)
        if now.verdict == "deny":
            return Refusal(_denied(call, now), now)
        for refused in [each for each in self._refused if each <= frozenset(claims)]:
            del self._refused[refused]
        return Approval(call.call_id, digest(claims), decision)

    def _count(self, claims: tuple[Claim, ...]) -> None:
        key = frozenset(claims)
        self._refused[key] = self._refused.get(key, 0) + 1

    def _situation(self, claims: Sequence[Claim], grants: Grants) -> Situation:
        return Situation(
            self.mode,
            self._rules,
            grants,
            self._places,
            self.denied,
            tuple(each for each, count in self._refused.items() if count >= DENIALS),
            any(claim.operation == "execute" for claim in claims),
        )

    def _options(self, claims: tuple[Claim, ...]) -> tuple[AskOption, ...]:
        always = self._settling(claims)
        asking = asked(claims, self._situation(claims, self._grants))
        never = suggestion(asking[0], self._places, "deny") if always and asking else None
        return options_for(always, (never,) if never else (), self._places)

    def _settling(self, claims: tuple[Claim, ...]) -> tuple[Rule, ...]:
        """The rules after which this call would not be asked about again; empty when no rules do that."""
        grants = Grants(self._places, self._grants.rules)
        rules: list[Rule] = []
        while True:
            situation = self._situation(claims, grants)
            asking = asked(claims, situation)
            if not asking:
                return tuple(reversed(rules)) if decide(claims, situation).verdict == "allow" else ()
            # The last one first: a wrapper may need no rule of its own once what it runs has one.
            rule = suggestion(asking[-1], self._places)
            if rule is None or rule in grants.rules:
                return ()
            grants.add((rule,))
            rules.append(rule)


def _words(question: Question, answer: Answer) -> str:
    chosen = next((each.name for each in question.options if each.id == answer.option_id), None)
    return chosen or answer.words or "no answer"


def _denied(call: PendingCall, decision: Decision) -> str:
    return f"Not allowed: {visible(call.title)}. Why: {visible(decision.reason)}. {_DO_NOT_GO_ROUND}"


def _rejected(call: PendingCall, words: str) -> str:
    said = f" They say: {words}" if words else ""
    return f"The user refused: {visible(call.title)}.{said} {_DO_NOT_GO_ROUND}"


def _unanswered(call: PendingCall, why: str) -> str:
    return f"Not approved: {visible(call.title)}. Why: {why}. {_DO_NOT_GO_ROUND}"
