"""What "always" answers have settled for a session, and which rule such an answer would store."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from acp_agent.permission.patterns import command_pattern, command_text, is_literal, literal, unescaped
from acp_agent.permission.programs import facts, judged, runs_others
from acp_agent.permission.protected import protected
from acp_agent.permission.rules import Rule, matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.permission.claims import Claim
    from acp_agent.permission.places import Places
    from acp_agent.permission.rules import Verdict

SESSION = "this session"
_SHALLOW = 3
"""A folder this near to / is not granted as a whole when it is outside the roots."""


class Grants:
    """The rules of one session, per operation. A denial beats every allowance."""

    def __init__(self, places: Places, rules: Iterable[Rule] = ()) -> None:
        self._places = places
        self.rules = list(rules)

    def add(self, rules: Sequence[Rule]) -> None:
        self.rules.extend(rule for rule in rules if rule not in self.rules)

    def remove(self, rule: Rule) -> None:
        if rule in self.rules:
            self.rules.remove(rule)

    def denial(self, claim: Claim) -> Rule | None:
        return self._first(claim, "deny")

    def allowance(self, claim: Claim) -> Rule | None:
        return self._first(claim, "allow")

    def _first(self, claim: Claim, action: Verdict) -> Rule | None:
        rules = (rule for rule in self.rules if rule.action == action)
        return next((rule for rule in rules if self._covers(rule, claim)), None)

    def _covers(self, rule: Rule, claim: Claim) -> bool:
        if rule.operation != claim.operation:
            return False
        if claim.operation != "execute" or rule.action != "allow":
            return matches(rule, claim, self._places)
        return _grants_command(rule.pattern, claim)


def _grants_command(pattern: str, claim: Claim) -> bool:
    """A granted command is compared as it was shown, the folder it runs in included."""
    if not claim.argv:
        return False
    inner = judged(claim.argv)
    texts = [claim.resource]
    if inner != claim.argv and claim.inside and inner:
        texts.append(command_text(inner))
    if not any(command_pattern(pattern).fullmatch(text) for text in texts):
        return False
    return is_literal(pattern) or all(word in pattern.split() for word in runs_others(inner or claim.argv))


def suggestion(claim: Claim, places: Places, action: Verdict = "allow") -> Rule | None:
    """The rule that an "always" answer to this claim stores; None when it can only be answered once."""
    if claim.operation == "execute":
        pattern = _command(claim) if claim.argv else None
    elif claim.operation in ("read", "edit"):
        pattern = _path(claim, places)
    else:
        pattern = literal(claim.resource)
    return None if pattern is None else Rule(claim.operation, pattern, action, SESSION)


def _command(claim: Claim) -> str:
    argv = claim.argv
    if argv and claim.inside and not runs_others(argv) and "/" not in argv[0]:
        for prefix in _prefixes(argv):
            return f"{prefix} *"
    return literal(claim.resource)


def _prefixes(argv: Sequence[str]) -> Iterable[str]:
    """The start of a command line that says what kind of thing it does, the longest first."""
    table = facts()
    for prefix in sorted(table.by_subcommand, key=len, reverse=True):
        words = prefix.split()
        rest = argv[len(words) :]
        if list(argv[: len(words)]) == words and rest:
            if re.fullmatch(r"[a-z][a-z0-9:_-]*", rest[0]) and rest[0] not in table.interpreters:
                yield f"{prefix} {rest[0]}"
            return
    for prefix in table.by_program:
        words = prefix.split()
        if list(argv[: len(words)]) == words:
            yield prefix


def _path(claim: Claim, places: Places) -> str:
    path = claim.resource
    if "*" in path or "?" in path or protected(places.home).is_secret(path):
        return literal(path)
    folder = os.path.dirname(path)
    whole = folder not in places.roots and not places.holds_a_root(folder)
    if claim.operation == "edit":
        whole = whole and claim.inside
    elif not claim.inside:
        whole = whole and folder.count("/") >= _SHALLOW
    return f"{literal(folder)}/**" if whole else literal(path)


def described(rule: Rule, places: Places) -> str:
    """A rule as the object of "always allow", for a person."""
    pattern = unescaped(rule.pattern) if is_literal(rule.pattern) else rule.pattern
    if rule.operation == "execute":
        return f"`{pattern}`"
    shown = places.shown(pattern)
    verb = {"read": "reading", "edit": "edits in" if shown.endswith("/**") else "edits of"}
    return f"{verb.get(rule.operation, rule.operation)} {shown}"
