"""What "always" answers have settled, and which rules such an answer would store."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Protocol

from acp_agent.permission.containment import ANY_HOST
from acp_agent.permission.patterns import command_pattern, command_text, is_literal, literal, unescaped
from acp_agent.permission.programs import facts, goes_further, judged, runs_others
from acp_agent.permission.protected import protected
from acp_agent.permission.rules import Rule, matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.permission.claims import Claim
    from acp_agent.permission.places import Places
    from acp_agent.permission.rules import Verdict

SESSION = "this session"
PROJECT = "this project"
_SHALLOW = 3
"""A folder this near to / is not granted as a whole when it is outside the roots."""
_ATTACHED = re.compile(r"-\w(?P<path>[/~].*)", re.DOTALL)


class GrantStore(Protocol):
    """Where the grants of a project are kept, for all its sessions."""

    def load(self) -> tuple[Rule, ...]:
        """What is kept now. Quick when nothing has changed; never raises."""
        ...

    def add(self, rules: Sequence[Rule]) -> None:
        """Raises AgentError."""
        ...

    def remove(self, rules: Sequence[Rule]) -> None:
        """Raises AgentError."""
        ...


class Grants:
    """What was granted, for the session and for the project. A denial beats every allowance."""

    def __init__(self, places: Places, session: Iterable[Rule] = (), project: Iterable[Rule] = ()) -> None:
        self._places = places
        self.session = list(session)
        self.project = tuple(project)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return (*self.session, *self.project)

    def add(self, rules: Sequence[Rule]) -> None:
        self.session.extend(rule for rule in rules if rule not in self.session)

    def remove(self, rule: Rule) -> None:
        if rule in self.session:
            self.session.remove(rule)

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
        return _grants_command(rule.pattern, claim, self._places)


def _grants_command(pattern: str, claim: Claim, places: Places) -> bool:
    """A granted command is compared as it was shown, the folder it runs in included.

    What a wildcard stands for leads nowhere out of the roots and makes nothing else run.
    """
    if not claim.argv:
        return False
    inner = judged(claim.argv)
    texts = [claim.resource]
    if inner != claim.argv and claim.inside and inner:
        texts.append(command_text(inner))
    if not any(command_pattern(pattern).fullmatch(text) for text in texts):
        return False
    if is_literal(pattern):
        return True
    named, words = pattern.split(), inner or claim.argv
    if any(word not in named for word in (*runs_others(words), *goes_further(words))):
        return False
    return not any(_leads_out(word, places) for word in words[1:] if word not in named)


def _leads_out(word: str, places: Places) -> bool:
    """Whether a word of a command names a place outside the roots, as far as can be told from the word."""
    attached = _ATTACHED.fullmatch(word)
    for place in (word, word.partition("=")[2], attached["path"] if attached else ""):
        text = place.removeprefix("@").removeprefix("file://")
        if text.startswith("~") or ".." in text.split("/"):
            return True
        if text.startswith("/") and not places.inside(os.path.normpath(text)):
            return True
    return False


# Which rules an answer would store -----------------------------------------------------------------


def suggestions(claim: Claim, places: Places, action: Verdict = "allow") -> tuple[Rule, ...]:
    """The rules that an "always" answer to this claim may store, the narrowest first.

    None for what can only be answered once.
    """
    if claim == ANY_HOST:
        return ()  # it would be leave for whatever else has leave to run
    if claim.operation == "execute":
        patterns = _commands(claim, places)
    elif claim.operation in ("read", "edit"):
        patterns = _paths(claim, places)
    elif claim.operation == "mcp" and claim.resource.count("/") == 1:
        patterns = (literal(claim.resource), literal(claim.resource.partition("/")[0]) + "/*")
    else:
        patterns = (literal(claim.resource),)
    return tuple(Rule(claim.operation, pattern, action, SESSION) for pattern in patterns)


def _commands(claim: Claim, places: Places) -> tuple[str, ...]:
    argv, exactly = claim.argv, literal(claim.resource)
    if not argv:
        return ()
    if claim.inside and "/" not in argv[0] and not runs_others(argv):
        wider = next((f"{prefix} *" for prefix in _prefixes(argv)), "")
        if wider and _grants_command(wider, claim, places):
            return (exactly, wider)
    return (exactly,)


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


def _paths(claim: Claim, places: Places) -> tuple[str, ...]:
    path = claim.resource
    if "*" in path or "?" in path or protected(places.home).is_secret(path):
        return (literal(path),)
    folder = os.path.dirname(path)
    whole = folder not in places.roots and not places.holds_a_root(folder)
    if claim.operation == "edit":
        whole = whole and claim.inside
    elif not claim.inside:
        whole = whole and folder.count("/") >= _SHALLOW
    return (literal(path), f"{literal(folder)}/**") if whole else (literal(path),)


_VERBS = {"read": "reading", "edit": "edits of", "mcp": "calls of", "network": "reaching"}


def described(rule: Rule, places: Places) -> str:
    """A rule as the object of "always allow", for a person."""
    exactly = is_literal(rule.pattern)
    pattern = unescaped(rule.pattern) if exactly else rule.pattern
    told = "exactly " if exactly and pattern != rule.pattern else ""
    if rule.operation == "execute":
        return f"{told}`{pattern}`"
    shown = places.shown(pattern)
    verb = "edits in" if rule.operation == "edit" and shown.endswith("/**") else None
    return f"{verb or _VERBS.get(rule.operation, rule.operation)} {told}{shown}"
