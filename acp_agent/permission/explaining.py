"""A decision as it is explained: one account of it, for a person and for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.asking import visible
from acp_agent.permission.deciders import settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.permission.claims import Claim
    from acp_agent.permission.deciders import Decision, Vote
    from acp_agent.permission.modes import Mode


class Explained(NamedTuple):
    """What would happen to a call, and why."""

    title: str
    mode: Mode
    claims: tuple[Claim, ...]
    decision: Decision

    def as_json(self) -> dict[str, object]:
        """The keys `decision`, `reason`, `claims` and `trace`, whose `claim` counts from 0."""
        numbers: dict[Claim, int] = {}
        for number, claim in enumerate(self.claims):
            numbers.setdefault(claim, number)
        return {
            "decision": self.decision.verdict,
            "reason": self.decision.reason,
            "claims": [_claim(claim) for claim in self.claims],
            "trace": [
                {
                    "decider": vote.decider,
                    "claim": numbers[vote.claim],
                    "verdict": vote.verdict,
                    "why": vote.why,
                }
                for vote in self.decision.trace
            ],
        }

    def as_text(self) -> str:
        """For a person: the decision, then of each claim the vote that settled it and all others."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.decision.verdict}: {visible(self.decision.reason)}"
        yield f"{visible(self.title)}, in {self.mode} mode"
        settling = {vote.claim: vote for vote in settled(self.decision)}
        for number, claim in enumerate(dict.fromkeys(self.claims), 1):
            votes = [vote for vote in self.decision.trace if vote.claim == claim]
            yield ""
            yield f"{number}. {claim.operation} {visible(claim.resource)}{_about(claim)}"
            yield from _votes(votes, settling[claim])


def _claim(claim: Claim) -> dict[str, object]:
    argv = {} if claim.argv is None else {"argv": claim.argv}
    return {
        "operation": claim.operation,
        "resource": claim.resource,
        **argv,
        "inside": claim.inside,
        "reason": claim.reason,
    }


def _about(claim: Claim) -> str:
    known = (visible(claim.reason), "" if claim.inside else "outside the workspace")
    return "".join(f" ({each})" for each in known if each)


def _votes(votes: list[Vote], settling: Vote) -> Iterator[str]:
    yield f"   {_vote(settling)}"
    for vote in votes:
        if vote is not settling and vote.verdict is not None:
            yield f"   overruled: {_vote(vote)}"
    for vote in votes:
        if vote.verdict is None and vote.why:
            yield f"   no opinion: {vote.decider}, {visible(vote.why)}"
    silent = [vote.decider for vote in votes if vote.verdict is None and not vote.why]
    if silent:
        yield f"   no opinion: {', '.join(silent)}"


def _vote(vote: Vote) -> str:
    return f"{vote.verdict}, by {vote.decider}" + (f": {visible(vote.why)}" if vote.why else "")
