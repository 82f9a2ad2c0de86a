"""Rules: what happens to one kind of operation on what a pattern matches."""

from __future__ import annotations

import os
import re
import shlex
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.permission.patterns import command_pattern, command_text, is_literal, literal, path_pattern
from acp_agent.permission.programs import judged, runs_others

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.permission.claims import Claim, Operation
    from acp_agent.permission.places import Places

Verdict = Literal["allow", "ask", "deny"]
SEVERITY: dict[Verdict, int] = {"allow": 0, "ask": 1, "deny": 2}


class Rule(NamedTuple):
    """One rule. `source` says where it comes from, for the trace: a file's name, "this session"."""

    operation: Operation | Literal["*"]
    pattern: str
    action: Verdict
    source: str = "settings"
    only_tightens: bool = False
    """Counts only where it is stricter than what would happen without it."""
    tool: str = ""
    """The tool whose calls it is about, as the model knows it, * for any characters; empty for all."""
    outside: bool = False
    """Only about paths that are outside the roots."""


def matches(rule: Rule, claim: Claim, places: Places, tool: str = "") -> bool:
    """Whether a rule is about a claim of a call of `tool`.

    A rule that allows is read narrowly: it never reaches a command that was not understood, nor,
    by a wildcard, a word that makes a program run another one. One that asks or denies is read
    widely: any spelling of the path, any order of the options.
    """
    if rule.operation not in ("*", claim.operation):
        return False
    if rule.tool and not command_pattern(rule.tool).fullmatch(tool):
        return False
    if rule.outside and not _is_outside(rule, claim, places):
        return False
    wide = rule.action != "allow"
    if claim.operation == "execute":
        if not wide:
            return allows_command(rule.pattern, claim)
        # `cd DIR && …` says where a command runs, and is not the `cd` that a list of commands asks about.
        shown = rule.action == "deny" or not claim.argv
        return _denies_command(rule.pattern, claim, shown=shown)
    if claim.operation in ("read", "edit"):
        expressions = (path_pattern(each, fold=wide) for each in _absolute(rule.pattern, places, wide))
        return any(expression.fullmatch(claim.resource) for expression in expressions)
    return command_pattern(rule.pattern).fullmatch(claim.resource) is not None


def _is_outside(rule: Rule, claim: Claim, places: Places) -> bool:
    """What only may be outside, because it cannot be told before it runs, is not to be allowed for that."""
    if claim.operation not in ("read", "edit") or claim.inside:
        return False
    known = not places.inside(claim.resource) and not set("*?$`") & set(claim.resource)
    return known or rule.action != "allow"


# Paths ---------------------------------------------------------------------------------------------


def _absolute(pattern: str, places: Places, wide: bool) -> Iterator[str]:
    if pattern.startswith("/"):
        yield pattern
    elif pattern == "~" or pattern.startswith("~/"):
        yield literal(places.home) + pattern[1:]
    else:
        relative = pattern.removeprefix("./")
        for root in places.roots:
            yield f"{literal(root)}/{relative}"
        if wide and (relative.startswith("**/") or "/" not in relative.removesuffix("/**")):
            yield "/**" if relative in ("*", "**") else "/**/" + relative.removeprefix("**/")


# Commands ------------------------------------------------------------------------------------------


def allows_command(pattern: str, claim: Claim) -> bool:
    """Whether a pattern of a rule that allows covers a command."""
    if not claim.argv:
        return False
    expression = command_pattern(pattern)
    named = shlex.split(pattern) if is_literal(pattern) else pattern.split()
    for argv in dict.fromkeys((claim.argv, judged(claim.argv))):
        if argv and expression.fullmatch(command_text(argv)):
            return is_literal(pattern) or all(word in named for word in runs_others(argv))
    return False


def _denies_command(pattern: str, claim: Claim, *, shown: bool) -> bool:
    """Whether the pattern means the command, in any spelling; `shown` is as the claim shows it, too."""
    expression = command_pattern(pattern)
    if shown and expression.fullmatch(claim.resource):
        return True
    if not claim.argv:
        return False
    if any(expression.fullmatch(each) for each in _spellings(claim.argv)):
        return True
    return _same_command(pattern, os.path.basename(claim.argv[0]), claim.argv)


@lru_cache(maxsize=256)
def _spellings(argv: tuple[str, ...]) -> frozenset[str]:
    named = (os.path.basename(argv[0]), *argv[1:])
    return frozenset((" ".join(argv), command_text(argv), " ".join(named), command_text(named)))


def _same_command(pattern: str, program: str, argv: tuple[str, ...]) -> bool:
    """Whether the words of a pattern are all there, options in any order and spelling."""
    wanted, more = pattern.split(), False
    if wanted and wanted[-1] in ("*", "**"):
        wanted, more = wanted[:-1], True
    if not wanted or not fnmatchcase(program, wanted[0]):
        return False
    given, operands = _options(argv[1:], program), [word for word in argv[1:] if word[:1] != "-"]
    options = _options(wanted[1:], program)
    named = [word for word in wanted[1:] if word[:1] != "-"]
    if not options <= given or len(operands) < len(named):
        return False
    if not options and not named:
        return more
    return (more or len(operands) == len(named)) and all(map(fnmatchcase, operands, named))


_LONG = {
    "--recursive": "-r",
    "--force": "-f",
    "-R": "-r",
    "--verbose": "-v",
    "--all": "-a",
    "--interactive": "-i",
}


def _options(words: tuple[str, ...] | list[str], program: str) -> frozenset[str]:
    found: list[str] = []
    for word in words:
        if word.startswith("--") or not re.fullmatch(r"-\w+", word) or program == "find":
            found.extend([word.partition("=")[0]] if word[:1] == "-" else [])
        else:
            found.extend("-" + letter for letter in word[1:])
    return frozenset(_LONG.get(each, each) for each in found)
