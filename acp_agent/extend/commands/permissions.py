"""/why and /allow: what was or would be decided, by whom, and what has been settled for the session."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, get_args

from acp_agent.console import fenced
from acp_agent.extend.commands.markdown import bullets, code, plain
from acp_agent.permission.claims import Operation
from acp_agent.permission.deciders import settled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acp_agent.extend.commands.desk import Answer, Desk, Words
    from acp_agent.permission.deciders import Vote
    from acp_agent.permission.explaining import Explained
    from acp_agent.permission.gate import Remembered, Rule

LISTED = 10
OPERATIONS: dict[str, Operation] = {each: each for each in get_args(Operation)}
NOTHING_DECIDED = "Nothing has been decided in this session yet."
NOTHING_STORED = (
    'Nothing is stored for this session or this project. An "always" answer stores a rule, and so does '
    '`/allow execute "git push *"`, for the project `/allow project execute "git push *"`.'
)
_FOR_PROJECT = ("project", "--project")
CHANGES = {
    "hard floor": "Nothing lifts this.",
    "configured denials": "Change `permission.rules` in the settings (`acp-agent config path`).",
    "configured rules": "Change `permission.rules` in the settings (`acp-agent config path`).",
    "guarded files": "Each edit of such a file is asked about, whatever the mode; nothing lifts that.",
    "secrets": "A rule in the settings that names just this file lifts it.",
    "session grants": "`/allow` lists what is stored, `/allow remove N` forgets it.",
    "yolo": "`/mode standard` asks again.",
    "accept mode": "`/mode standard` asks again.",
    "repeated refusals": "`/allow` with a pattern allows it after all.",
}
"""How to change what a decider says."""
OTHERWISE = "`/allow` with a pattern allows it for this session, `/mode` says what each mode asks about."
AGAIN = "`/mode restrictive` asks about edits too; rules in the settings can ask or deny."


async def why(desk: Desk, words: Words) -> Answer:
    if words.text and not words.text.isdecimal():
        tool, *rest = words.text.split(maxsplit=1)
        return _considered(desk.consider(tool, "".join(rest)))
    latest = list(reversed(desk.permissions.decisions))
    if not latest:
        return NOTHING_DECIDED
    if not words.text:
        lines = [f"{at}. {_outcome(each)}: {_title(each)}" for at, each in enumerate(latest[:LISTED], 1)]
        more = f" ({len(latest)} can be asked about.)" if len(latest) > LISTED else ""
        return "\n".join(lines) + f"\n\n`/why N` says more about one.{more}"
    at = int(words.text)
    if not 1 <= at <= len(latest):
        return f"{code(words.text)} is no number from 1, the latest decision, to {len(latest)}."
    return _explained(latest[at - 1])


def _considered(explained: Explained) -> str:
    return "\n\n".join((fenced(explained.as_text()), *_advice(settled(explained.decision))))


def _advice(votes: Iterable[Vote]) -> Iterable[str]:
    """How to change what was decided, each way once."""
    return dict.fromkeys(CHANGES.get(vote.decider) or _usual(vote) for vote in votes)


def _explained(decided: Remembered) -> str:
    votes = settled(decided.decision)
    parts = [f"**{_outcome(decided)}**: {_title(decided)}", f"Mode: {decided.mode}."]
    if not decided.claims:
        parts.append("It has no effect outside of the conversation.")
    else:
        parts.append(bullets(_vote(vote) for vote in votes))
    return "\n\n".join([*parts, *_advice(votes)])


def _vote(vote: Vote) -> str:
    claim = vote.claim
    why = f" ({plain(vote.why)})" if vote.why else ""
    return f"{claim.operation} {code(claim.resource)}: **{vote.verdict}**, say the {vote.decider}{why}"


def _usual(vote: Vote) -> str:
    return AGAIN if vote.verdict == "allow" else OTHERWISE


def _outcome(decided: Remembered) -> str:
    return f"{decided.outcome} ({plain(decided.answer)})" if decided.answer else decided.outcome


def _title(decided: Remembered) -> str:
    return " ".join(decided.call.title.split())


async def allow(desk: Desk, words: Words) -> Answer:
    word, _, rest = words.text.partition(" ")
    if not word:
        return _listed(desk)
    if word == "remove":
        return await _remove(desk, rest.strip())
    for_project = word in _FOR_PROJECT
    if for_project:
        word, _, rest = rest.strip().partition(" ")
    if operation := OPERATIONS.get(word):
        return await _add(desk, operation, rest.strip(), for_project=for_project)
    return (
        f"{code(word)} is neither `remove` nor an operation. Type `/allow` to see what is stored, "
        f"`/allow remove N`, or one of {', '.join(OPERATIONS)} and a pattern; `/allow project …` stores it "
        "for the project."
    )


async def _add(desk: Desk, operation: Operation, text: str, *, for_project: bool) -> str:
    pattern = _unquoted(text)
    if not pattern:
        return f"What is to be allowed? Write a pattern: `/allow {operation} PATTERN` (docs/permissions.md)."
    if for_project:
        rule = await desk.permissions.grant_to_project(operation, pattern)
    else:
        rule = desk.permissions.grant(operation, pattern)
    return (
        f"Stored for {rule.source}: {_rule(rule)}. What is never allowed, denied by the settings, guarded "
        "or secret stays so. `/allow` lists what is stored."
    )


def _unquoted(text: str) -> str:
    """A pattern in quotes, as a shell has them, or as it stands."""
    if text[:1] in ("'", '"'):
        try:
            words = shlex.split(text)
        except ValueError:
            return text
        return words[0] if len(words) == 1 else text
    return text


async def _remove(desk: Desk, which: str) -> str:
    stored = _stored(desk)
    if which == "all":
        await desk.permissions.revoke(stored)
        return f"Forgotten: {len(stored)}."
    at = int(which) if which.isdecimal() else 0
    if not 1 <= at <= len(stored):
        return f"Which one? `/allow remove N` or `/allow remove all`.\n\n{_listed(desk)}"
    await desk.permissions.revoke((stored[at - 1],))
    return f"Forgotten: {_rule(stored[at - 1])}."


def _stored(desk: Desk) -> tuple[Rule, ...]:
    return (*desk.permissions.grants, *desk.permissions.project_grants)


def _listed(desk: Desk) -> str:
    rules = enumerate(_stored(desk), 1)
    return "\n".join(f"{at}. {_rule(rule)} ({rule.source})" for at, rule in rules) or NOTHING_STORED


def _rule(rule: Rule) -> str:
    return f"{rule.action} {rule.operation} {code(rule.pattern)}"
