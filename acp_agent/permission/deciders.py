"""Who has a say about a claim, in order, and what they say.

The first decider with an opinion settles a claim; then the mode may soften an ask, and repeated
refusals may harden one. A call is as dangerous as its most dangerous claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.claims import Claim
from acp_agent.permission.containment import UNCONTAINED, Containment, relaxed
from acp_agent.permission.floor import forbidden
from acp_agent.permission.hosts import is_guarded
from acp_agent.permission.patterns import command_text, is_literal
from acp_agent.permission.programs import destroys, reads_only
from acp_agent.permission.protected import protected
from acp_agent.permission.rules import SEVERITY, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.permission.grants import Grants
    from acp_agent.permission.modes import Mode
    from acp_agent.permission.places import Places
    from acp_agent.permission.rules import Rule, Verdict

    _Opinion = tuple[Verdict | None, str]

DENIALS = 3
"""After so many refusals of a question it is not put again."""


class Vote(NamedTuple):
    """What one decider says about one claim; without a verdict it has no opinion."""

    decider: str
    claim: Claim
    verdict: Verdict | None
    why: str = ""


class Decision(NamedTuple):
    """What happens to a call, and everything that was said about it."""

    verdict: Verdict
    trace: tuple[Vote, ...]
    reason: str


class Situation(NamedTuple):
    """What the deciders know beside the claim."""

    mode: Mode
    rules: tuple[Rule, ...]
    grants: Grants
    places: Places
    denied: frozenset[str]
    """What the current way of working does without: operations, `operation:resource`, names of tools."""
    refusals: tuple[frozenset[Claim], ...]
    """Sets of claims that were refused too often to be asked about again."""
    by_command: bool
    """The claims are those of a command, not of a tool that edits."""
    imposed: tuple[Rule, ...] = ()
    """Rules of the environment, a list of its own: what it denies no other rule allows."""
    tool: str = ""
    """The tool that is called, as the model knows it."""
    containment: Containment = UNCONTAINED
    """What holds for this call whatever it does."""


class _Settled(NamedTuple):
    votes: tuple[Vote, ...]
    decided: Vote


def decide(claims: Sequence[Claim], situation: Situation) -> Decision:
    """The decision on a whole call. Asks nobody and changes nothing."""
    settled = [_settle(claim, situation) for claim in claims]
    trace = tuple(vote for each in settled for vote in each.votes)
    if not settled:
        return Decision("allow", (), "it has no effect")
    worst = max(settled, key=lambda each: SEVERITY[each.decided.verdict or "ask"]).decided
    verdict: Verdict = worst.verdict or "ask"
    reason = worst.why
    if verdict == "ask":
        guard = _repeated(claims, worst, situation)
        trace += (guard,)
        if guard.verdict is not None:
            verdict, reason = guard.verdict, guard.why
    return Decision(verdict, trace, reason)


_LAST = frozenset(("accept mode", "sandbox", "repeated refusals"))
"""They have the last word, after the first opinion."""


def settled(decision: Decision) -> tuple[Vote, ...]:
    """Of each claim the vote that settled it."""
    found: dict[Claim, Vote] = {}
    for vote in decision.trace:
        if vote.verdict is not None and (vote.claim not in found or vote.decider in _LAST):
            found[vote.claim] = vote
    return tuple(found.values())


def asked(claims: Sequence[Claim], situation: Situation) -> tuple[Claim, ...]:
    """Those of the claims that would have to be asked about, without what follows from another of them."""
    asking = tuple(claim for claim in claims if _settle(claim, situation).decided.verdict == "ask")
    commands = {claim.argv for claim in asking if claim.operation == "execute"} - {None}
    return tuple(claim for claim in asking if claim.operation == "execute" or claim.argv not in commands)


def _settle(claim: Claim, situation: Situation) -> _Settled:
    votes: list[Vote] = []
    decided: Vote | None = None
    for name, decider in DECIDERS:
        verdict, why = decider(claim, situation)
        vote = Vote(name, claim, verdict, why)
        votes.append(vote)
        if decided is None and verdict is not None:
            decided = vote
    assert decided is not None, "the last decider always has an opinion"
    if decided.verdict == "ask":
        for soften in (_accepted, _contained):
            vote = soften(claim, decided, situation)
            votes.append(vote)
            if vote.verdict is not None:
                decided = vote
    return _Settled(tuple(votes), decided)


# The deciders --------------------------------------------------------------------------------------

_NONE: _Opinion = (None, "")
_ACTS = frozenset(("edit", "execute", "network", "mcp"))
_PLAN_FIRST = (
    "the mode is plan, in which nothing is changed and only what reads may run. Write the plan down and end "
    "your turn; the user switches the mode to have it carried out"
)


def _floor(claim: Claim, situation: Situation) -> _Opinion:
    why = forbidden(claim, situation.places)
    return ("deny", f"never allowed: {why}") if why else _NONE


def _way_of_working(claim: Claim, situation: Situation) -> _Opinion:
    names = {claim.operation, f"{claim.operation}:{claim.resource}"}
    if situation.tool:
        names.add(situation.tool)
    if claim.operation == "mcp":
        names.add(claim.resource.rpartition("/")[2])
    if found := sorted(situation.denied & names):
        return "deny", f"{found[0]} is not part of the current way of working"
    return _NONE


def _planning(claim: Claim, situation: Situation) -> _Opinion:
    """Before all that allows or asks: in this mode nobody is to be talked into a change."""
    if situation.mode != "plan" or claim.operation not in _ACTS:
        return _NONE
    if claim.operation == "execute" and claim.argv and not claim.reason and reads_only(claim.argv):
        return _NONE
    if claim.operation == "edit" and claim.resource in protected(situation.places.home).harmless:
        return _NONE
    return "deny", _PLAN_FIRST


def _configured_denial(claim: Claim, situation: Situation) -> _Opinion:
    said = (_last_match(claim, situation), _strictest(claim, situation), _imposed(claim, situation))
    rule = next((rule for rule in said if rule and rule.action == "deny"), None)
    if rule is None and situation.mode == "yolo" and (asks := said[-1]) and asks.action == "ask":
        return "deny", f"{_ruled(asks)}, and the mode is yolo, which asks nobody"
    rule = rule or situation.grants.denial(claim)
    return ("deny", _ruled(rule)) if rule else _NONE


def _guarded(claim: Claim, situation: Situation) -> _Opinion:
    if claim.operation == "mcp" and claim.reason:
        return "ask", f"{claim.resource}: {claim.reason}"
    if claim.operation != "edit":
        return _NONE
    kind = protected(situation.places.home).guarded_as(claim.resource)
    return ("ask", f"{claim.resource} is {kind}") if kind else _NONE


def _yolo(claim: Claim, situation: Situation) -> _Opinion:
    return ("allow", "the mode is yolo") if situation.mode == "yolo" else _NONE


def _secret(claim: Claim, situation: Situation) -> _Opinion:
    if claim.operation not in ("read", "edit"):
        return _NONE
    if not protected(situation.places.home).is_secret(claim.resource):
        return _NONE
    allowed = (*situation.rules, *situation.grants.rules)
    if any(
        rule.action == "allow" and is_literal(rule.pattern) and _matches(rule, claim, situation)
        for rule in allowed
    ):
        return _NONE
    return "ask", f"{claim.resource} usually holds secrets"


def _granted(claim: Claim, situation: Situation) -> _Opinion:
    rule = situation.grants.allowance(claim)
    return ("allow", _ruled(rule)) if rule else _NONE


def _configured(claim: Claim, situation: Situation) -> _Opinion:
    rule, tighter = _last_match(claim, situation), _strictest(claim, situation)
    rule = rule or _imposed(claim, situation)
    if tighter is not None and (rule is None or SEVERITY[tighter.action] > SEVERITY[rule.action]):
        rule = tighter
    return (rule.action, _ruled(rule)) if rule else _NONE


def _for_its_command(claim: Claim, situation: Situation) -> _Opinion:
    """A command that a rule or a grant allows may do what it is for: change files here, reach hosts."""
    if not claim.argv or claim.operation not in ("edit", "network"):
        return _NONE
    if (claim.operation == "edit" and not claim.inside) or is_guarded(claim.resource):
        return _NONE
    if situation.mode == "restrictive" and claim.operation == "edit":
        return _NONE
    if claim.operation == "network" and any(_names_hosts(rule) for rule in situation.rules):
        return _NONE
    command = Claim("execute", command_text(claim.argv), claim.argv)
    verdict, why = _granted(command, situation)
    if verdict is None:
        verdict, why = _configured(command, situation)
    return ("allow", f"what `{claim.argv[0]}` is for; {why}") if verdict == "allow" else _NONE


def _names_hosts(rule: Rule) -> bool:
    """Who lists the hosts that may be reached means that others may not."""
    return rule.operation == "network" and rule.action == "allow"


def _built_in(claim: Claim, situation: Situation) -> _Opinion:
    if claim.operation == "execute":
        return _command(claim)
    if claim.operation in ("read", "edit"):
        return _file(claim, situation)
    if claim.operation == "memory" and situation.mode in ("restrictive", "plan"):
        return "ask", f"the mode is {situation.mode}"
    if claim.operation in ("memory", "skill", "meta"):
        return "allow", "it touches nothing but the agent's own notes"
    return "ask", f"{claim.operation} {claim.resource}: {claim.reason or 'it reaches beyond the workspace'}"


def _command(claim: Claim) -> _Opinion:
    if claim.argv is None or claim.reason:
        return "ask", claim.reason or "not understood"
    if reads_only(claim.argv):
        return ("allow", "it only reads") if claim.inside else _NONE
    return "ask", destroys(claim.argv) or f"`{claim.resource}` is not known to only read"


def _file(claim: Claim, situation: Situation) -> _Opinion:
    if why := _harmless(claim, situation):
        return "allow", why
    if not claim.inside:
        return _NONE
    if claim.operation == "read":
        return "allow", "it is in the workspace"
    if situation.mode == "restrictive":
        return "ask", "the mode is restrictive"
    if situation.by_command:
        return "ask", f"a command changes {claim.resource} ({claim.reason})"
    return "allow", "it is in the workspace"


def _harmless(claim: Claim, situation: Situation) -> str:
    known = protected(situation.places.home)
    if claim.resource in known.harmless:
        return "it is no file"
    if claim.operation == "read" and claim.resource in known.harmless_to_read:
        return "it describes the machine"
    return ""


def _outside(claim: Claim, situation: Situation) -> _Opinion:
    del situation
    return _NONE if claim.inside else ("ask", f"{claim.resource} is outside the workspace")


def _default(claim: Claim, situation: Situation) -> _Opinion:
    del claim, situation
    return "ask", "nothing says that it is allowed"


def _unconfinable(claim: Claim, situation: Situation) -> _Opinion:
    refusal = situation.containment.refusal
    return ("deny", refusal) if refusal and claim.operation == "execute" else _NONE


DECIDERS: tuple[tuple[str, Callable[[Claim, Situation], _Opinion]], ...] = (
    ("hard floor", _floor),
    ("required sandbox", _unconfinable),
    ("way of working", _way_of_working),
    ("configured denials", _configured_denial),
    ("plan mode", _planning),
    ("guarded files", _guarded),
    ("yolo", _yolo),
    ("secrets", _secret),
    ("session grants", _granted),
    ("configured rules", _configured),
    ("rules for its command", _for_its_command),
    ("built-in rules", _built_in),
    ("outside the workspace", _outside),
    ("default", _default),
)


# After the first opinion ---------------------------------------------------------------------------

_NEVER_ACCEPTED = frozenset(("execute", "mcp", "network", "agent"))


def _accepted(claim: Claim, decided: Vote, situation: Situation) -> Vote:
    if situation.mode != "accept":
        return Vote("accept mode", claim, None)
    if claim.operation in _NEVER_ACCEPTED or not claim.inside:
        return Vote("accept mode", claim, None, "it is not accepted unasked")
    if decided.decider in ("guarded files", "secrets"):
        return Vote("accept mode", claim, None, f"{decided.decider} are not accepted unasked")
    return Vote("accept mode", claim, "allow", "the mode accepts what stays in the workspace")


def _contained(claim: Claim, decided: Vote, situation: Situation) -> Vote:
    why = ""
    if situation.by_command and situation.containment.whole and decided.decider in _SOFTENED:
        # What a command destroys in the workspace no sandbox brings back.
        lost = claim.operation == "execute" and destroys(claim.argv or ())
        why = "" if lost else relaxed(claim, situation.mode, situation.containment)
    return Vote("sandbox", claim, "allow" if why else None, why)


_SOFTENED = frozenset(("built-in rules", "outside the workspace"))
"""A sandbox answers what these ask; what a person has set, secrets and guarded files are asked as ever."""


def _repeated(claims: Sequence[Claim], worst: Vote, situation: Situation) -> Vote:
    refused = set(claims)
    if any(each <= refused for each in situation.refusals):
        text = (
            f"refused {DENIALS} times already, so it is not asked again (doom loop): {worst.claim.resource}"
        )
        return Vote("repeated refusals", worst.claim, "deny", text)
    return Vote("repeated refusals", worst.claim, None)


# Rules ---------------------------------------------------------------------------------------------


def _last_match(claim: Claim, situation: Situation) -> Rule | None:
    rules = (rule for rule in reversed(situation.rules) if not rule.only_tightens)
    return next((rule for rule in rules if _matches(rule, claim, situation)), None)


def _imposed(claim: Claim, situation: Situation) -> Rule | None:
    return next((rule for rule in reversed(situation.imposed) if _matches(rule, claim, situation)), None)


def _strictest(claim: Claim, situation: Situation) -> Rule | None:
    found = [rule for rule in situation.rules if rule.only_tightens and _matches(rule, claim, situation)]
    found = [rule for rule in found if rule.action != "allow"]
    return max(found, key=lambda rule: SEVERITY[rule.action], default=None)


def _matches(rule: Rule, claim: Claim, situation: Situation) -> bool:
    if not matches(rule, claim, situation.places, situation.tool):
        return False
    return not (rule.outside and _harmless(claim, situation))


def _ruled(rule: Rule) -> str:
    of_tool = f" of {rule.tool}" if rule.tool else ""
    where = "external_directory " if rule.outside else ""
    return f"{rule.source}: {rule.action} {where}{rule.operation} {rule.pattern}{of_tool}"
