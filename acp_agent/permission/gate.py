"""The one gate: every effect of every tool goes through it, and nothing lifts its floor.

claims ── check ──> Decision with the trace of who said what
claims ── authorize ──> Approval, good for exactly these claims and that call, or Refusal
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Literal, NamedTuple

import anyio.to_thread

from acp_agent.errors import AgentError, PeerError
from acp_agent.invisible import visible
from acp_agent.permission.asking import (
    Answer,
    Asker,
    AskOption,
    Offers,
    PendingCall,
    Question,
    Unattended,
    explained,
    options_for,
)
from acp_agent.permission.claims import Claim, digest
from acp_agent.permission.containment import UNCONTAINED, Containment, left
from acp_agent.permission.deciders import (
    DENIALS,
    Decision,
    Situation,
    Vote,
    asked,
    decide,
    settled,
)
from acp_agent.permission.grants import PROJECT, SESSION, Grants, GrantStore, suggestions
from acp_agent.permission.modes import MODES, Mode, ModeInfo
from acp_agent.permission.patterns import unescaped
from acp_agent.permission.places import places_of
from acp_agent.permission.protected import protected
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
    "GrantStore",
    "Mode",
    "ModeInfo",
    "PendingCall",
    "Policy",
    "Question",
    "Refusal",
    "Remembered",
    "Rule",
    "Unattended",
    "Verdict",
    "Vote",
]

log = logging.getLogger(__name__)

MOST_RULES = 20
"""Of one answer. A call that would need more is allowed once."""
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


class Policy(NamedTuple):
    """What the settings say beside the rules in order."""

    imposed: tuple[Rule, ...] = ()
    """Rules of the environment: see Situation."""
    doom_loop: Verdict = "deny"
    """What happens to a question that was refused DENIALS times. Only `deny` keeps it from being asked."""


NO_POLICY = Policy()


class Gate:
    """What one session may do. `mode` may be changed at any time and counts from the next decision on."""

    def __init__(
        self,
        rules: Sequence[Rule],
        mode: Mode,
        asker: Asker,
        *,
        roots: Iterable[str | PathLike[str]] = (),
        policy: Policy = NO_POLICY,
        store: GrantStore | None = None,
    ) -> None:
        """`roots` is where relative patterns of rules begin; `store` keeps what the project is granted."""
        self.mode: Mode = mode
        self.denied: frozenset[str] = frozenset()
        """What never happens, as long as it is in here: see Situation."""
        self.containment: Callable[[], Containment] = lambda: UNCONTAINED
        """What a sandbox guarantees about the commands that run now."""
        self._rules = tuple(rules)
        self._policy = policy
        self._asker = asker
        self._store = store
        self._places = places_of(roots)
        self._grants = Grants(self._places, project=store.load() if store else ())
        self._refused: dict[frozenset[Claim], int] = {}
        self._remembered: deque[Remembered] = deque(maxlen=REMEMBERED)

    @property
    def grants(self) -> tuple[Rule, ...]:
        """What "always" answers, and the person's own words, have stored for the session."""
        return tuple(self._grants.session)

    @property
    def project_grants(self) -> tuple[Rule, ...]:
        """The same for the project, as it is kept now."""
        self._reload()
        return self._grants.project

    @property
    def decisions(self) -> tuple[Remembered, ...]:
        """The latest, the last one last."""
        return tuple(self._remembered)

    def grant(self, operation: Operation, pattern: str) -> Rule:
        """Stores leave for the rest of the session, as an "always" answer does, on the word of a person."""
        rule = Rule(operation, pattern, "allow", SESSION)
        self._grants.add((rule,))
        return rule

    async def grant_to_project(self, operation: Operation, pattern: str) -> Rule:
        """Stores leave for the project. Raises AgentError when that cannot be kept."""
        rule = Rule(operation, pattern, "allow", PROJECT)
        await self._keep((rule,))
        return rule

    async def revoke(self, rules: Iterable[Rule]) -> None:
        """Forgets what was stored; those that are not there are passed over. Raises AgentError."""
        rules = tuple(rules)
        for rule in rules:
            self._grants.remove(rule)
        kept = [rule for rule in rules if rule in self._grants.project]
        if self._store and kept:
            await anyio.to_thread.run_sync(self._store.remove, kept)
            self._reload()

    async def _keep(self, rules: Sequence[Rule]) -> None:
        if self._store is None:
            raise AgentError("Grants cannot be kept for this project: nothing says where.")
        await anyio.to_thread.run_sync(self._store.add, rules)
        self._reload()

    def _reload(self) -> None:
        """Another session of the project may have stored or forgotten something."""
        if self._store:
            self._grants.project = self._store.load()

    def check(self, claims: Sequence[Claim], tool: str = "") -> Decision:
        """What would happen to a call of `tool` with these claims. Asks nobody and changes nothing."""
        return decide(claims, self._situation(claims, self._grants, tool))

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
        self._reload()
        decision = self.check(claims, call.tool)
        if decision.verdict == "allow":
            self._remember(call, claims, decision, "allowed")
            return Approval(call.call_id, digest(claims), decision)
        if decision.verdict == "deny":
            self._remember(call, claims, decision, "denied")
            return Refusal(_denied(call, decision), decision)
        if before_asking:
            await before_asking()
        question = self._question(call, claims, decision)
        try:
            answer = await self._asker.ask(question)
        except PeerError as error:
            self._remember(call, claims, decision, "denied", str(error))
            return Refusal(_unanswered(call, str(error)), decision)
        outcome = await self._settle(question, answer)
        said: Outcome = "allowed" if isinstance(outcome, Approval) else "denied"
        self._remember(call, claims, outcome.decision, said, _words(question, answer))
        return outcome

    def _remember(
        self,
        call: PendingCall,
        claims: tuple[Claim, ...],
        decision: Decision,
        outcome: Outcome,
        answer: str = "",
    ) -> None:
        self._remembered.append(Remembered(call, claims, decision, self.mode, outcome, answer))

    async def _settle(self, question: Question, answer: Answer) -> Approval | Refusal:
        call, claims, decision = question.call, question.claims, question.decision
        chosen = next((option for option in question.options if option.id == answer.option_id), None)
        if chosen is None:
            self._count(claims)
            cancelled = answer.option_id is None and not answer.words
            why = answer.words or "the question was not answered with one of its options"
            return Refusal(_unanswered(call, why), decision, cancelled)
        await self._store_answer(chosen)
        if chosen.kind.startswith("reject"):
            self._count(claims)
            return Refusal(_rejected(call, answer.words), decision)
        # While the person thought, the mode or another answer may have forbidden it.
        now = self.check(claims, call.tool)
        if now.verdict == "deny":
            return Refusal(_denied(call, now), now)
        for refused in [each for each in self._refused if each <= frozenset(claims)]:
            del self._refused[refused]
        return Approval(call.call_id, digest(claims), decision)

    def _count(self, claims: tuple[Claim, ...]) -> None:
        key = frozenset(claims)
        self._refused[key] = self._refused.get(key, 0) + 1

    async def _store_answer(self, chosen: AskOption) -> None:
        if not chosen.for_project:
            self._grants.add(chosen.rules)
            return
        try:
            await self._keep([rule._replace(source=PROJECT) for rule in chosen.rules])
        except AgentError as error:  # the person has allowed it; what cannot be kept holds for the session
            log.warning("not kept for the project: %s", error)
            self._grants.add(chosen.rules)

    def _situation(self, claims: Sequence[Claim], grants: Grants, tool: str) -> Situation:
        refused: tuple[frozenset[Claim], ...] = ()
        if self._policy.doom_loop == "deny":
            refused = tuple(each for each, count in self._refused.items() if count >= DENIALS)
        return Situation(
            self.mode,
            self._rules,
            grants,
            self._places,
            self.denied,
            refused,
            any(claim.operation == "execute" for claim in claims),
            self._policy.imposed,
            tool,
            left(claims, self.containment(), self._places),
        )

    def _question(self, call: PendingCall, claims: tuple[Claim, ...], decision: Decision) -> Question:
        options = options_for(self._offers(call, claims), self._places)
        asking = [(vote.claim, vote.why) for vote in settled(decision) if vote.verdict == "ask"]
        text = explained(asking, options)
        if self._refused.get(frozenset(claims), 0) >= DENIALS and self._policy.doom_loop == "ask":
            text = f"It was refused {DENIALS} times already.\n\n{text}"
        return Question(call, claims, decision, options, text)

    def _offers(self, call: PendingCall, claims: tuple[Claim, ...]) -> Offers:
        narrow, wide = (self._settling(call, claims, width) for width in (0, -1))
        session = [rules for rules in dict.fromkeys((narrow, wide)) if rules]
        kept = session[-1] if session and self._store and not self._secret(session[-1]) else ()
        asking = asked(claims, self._situation(claims, self._grants, call.tool))
        never = suggestions(asking[0], self._places, "deny")[-1:] if session and asking else ()
        return Offers(session, kept, never)

    def _secret(self, rules: Iterable[Rule]) -> bool:
        """Whether leave for a secret is among them, which is not kept beyond the session."""
        known = protected(self._places.home)
        return any(
            rule.operation in ("read", "edit") and known.is_secret(unescaped(rule.pattern)) for rule in rules
        )

    def _settling(self, call: PendingCall, claims: tuple[Claim, ...], width: int) -> tuple[Rule, ...]:
        """The rules after which this call would not be asked about again; empty when no rules do that.

        `width` says which of those that may be stored for a claim, the narrowest being 0.
        """
        grants = Grants(self._places, self._grants.session, self._grants.project)
        rules: list[Rule] = []
        while True:
            situation = self._situation(claims, grants, call.tool)
            asking = asked(claims, situation)
            if not asking:
                return tuple(reversed(rules)) if decide(claims, situation).verdict == "allow" else ()
            if len(rules) == MOST_RULES:
                return ()
            # The last one first: a wrapper may need no rule of its own once what it runs has one.
            found = suggestions(asking[-1], self._places)
            if not found or found[width] in grants.session:
                return ()
            grants.add((found[width],))
            rules.append(found[width])


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
