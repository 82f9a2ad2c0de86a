"""Rules of the settings: patterns, tools, places outside, refusals, ways of working."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.permission.claims import Claim
from acp_agent.permission.gate import Approval, Gate, Policy, Refusal, Rule
from acp_agent.permission.patterns import command_pattern, path_pattern
from tests.unit.permission.support import CALL, Bench, Nobody, Person

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.permission.gate import Mode, Verdict

COMMANDS = [
    ("cd *", "cd /srv/code/foo", True),
    ("cd *", "xcd foo", False),
    ("ls *", "ls", True),
    ("ls *", "lsof", False),
    ("git *", "git", True),
    ("git *", "egit", False),
    ("cargo test **", "cargo test --all --features x", True),
    ("npx **", "npx", True),
    ("npx *", 'node -e "x\nnpx y"', False),
    ("node *", 'node -e "x\nnpx y"', True),
    ("rm -rf /**", "rm -rf /", True),
    ("rm -rf /**", "rm -rf ./local", False),
    ("npm test (unit)", "npm test unit", False),
    ("npm test (unit)", "npm test (unit)", True),
    ("ls -l?", "ls -la", True),
    ("ls -l?", "ls -lah", False),
    ("Git *", "git push", False),
    ("rm \\*", "rm *", True),
    ("rm \\*", "rm x", False),
]
PATHS = [
    ("src/*", "src/main.py", True),
    ("src/*", "src", False),
    ("src/*", "src/a/b", False),
    ("/etc/**", "/etc", True),
    ("/etc/**", "/etc/a/b", True),
    ("/etc/**", "/etcetera/foo", False),
    ("file.?", "file./", False),
    ("file.?", "file.a", True),
    ("/a/**/b", "/a/b", True),
    ("/a/**/b", "/a/x/y/b", True),
]


@pytest.mark.parametrize(("pattern", "text", "matches"), COMMANDS)
def test_patterns_of_commands(pattern: str, text: str, *, matches: bool) -> None:
    assert (command_pattern(pattern).fullmatch(text) is not None) is matches


@pytest.mark.parametrize(("pattern", "text", "matches"), PATHS)
def test_patterns_of_paths(pattern: str, text: str, *, matches: bool) -> None:
    assert (path_pattern(pattern).fullmatch(text) is not None) is matches


WITH_RULES: list[tuple[list[Rule], str, Verdict]] = [
    ([Rule("edit", "/etc/**", "deny")], "echo hi > /etc/passwd", "deny"),
    ([Rule("execute", "rm *", "allow"), Rule("edit", "/etc/**", "deny")], "rm -rf /etc/x", "deny"),
    ([Rule("edit", "**", "allow")], "echo hi > target/out.txt", "allow"),
    ([Rule("execute", "git clean *", "deny")], "git fetch && git clean -fd", "deny"),
    ([Rule("execute", "make *", "allow", tool="bash")], "make", "allow"),
    ([Rule("execute", "make *", "allow", tool="background")], "make", "ask"),
    ([Rule("execute", "ls *", "deny", tool="b*")], "ls", "deny"),
    ([Rule("read", "/srv/notes/**", "allow", outside=True)], "cat /srv/notes/a", "allow"),
    ([Rule("read", "/**", "deny", outside=True)], "cat /srv/notes/a", "deny"),
    ([Rule("read", "/**", "deny", outside=True)], "cat f > /dev/null", "allow"),
    ([Rule("read", "/**", "deny", outside=True)], "cat f", "allow"),
    ([Rule("edit", "/**", "allow", outside=True)], "rm *.o", "ask"),
    ([Rule("edit", "/**", "allow", outside=True)], "echo x > $X", "ask"),
    ([Rule("edit", "/**", "allow", outside=True)], "echo x > ~/.bashrc", "ask"),
    ([Rule("read", "/**", "allow", outside=True)], "cat ~/.ssh/id_rsa", "ask"),
    (
        [Rule("read", "/**", "deny", outside=True), Rule("read", "/srv/**", "allow")],
        "cat /srv/notes/a",
        "allow",
    ),
]


@pytest.mark.parametrize(("rules", "command", "verdict"), WITH_RULES)
def test_rules_on_commands(bench: Bench, rules: Sequence[Rule], command: str, verdict: Verdict) -> None:
    assert bench.gate(rules=rules).check(bench.claims(command), "bash").verdict == verdict


def test_outside_denials_hold_in_every_mode(bench: Bench) -> None:
    rules = [Rule("edit", "/**", "deny", outside=True)]
    modes: tuple[Mode, ...] = ("standard", "restrictive", "accept", "yolo", "plan")
    for mode in modes:
        assert bench.gate(mode, rules).check([Claim("edit", "/srv/x", None, False)]).verdict == "deny"


def test_a_rule_for_a_tool_says_so(bench: Bench) -> None:
    gate = bench.gate(rules=[Rule("mcp", "*", "deny", "config.json", tool="mcp__tracker__*")])
    decision = gate.check([Claim("mcp", "tracker/close")], "mcp__tracker__close")
    assert (decision.verdict, decision.reason) == ("deny", "config.json: deny mcp * of mcp__tracker__*")
    assert gate.check([Claim("mcp", "tracker/close")], "mcp__files__read").verdict == "ask"
    assert gate.check([Claim("mcp", "tracker/close")]).verdict == "ask"


# What the way of working does without, the tool, its claim, and whether it is denied
WITHOUT: list[tuple[str, str, Claim, bool]] = [
    ("edit", "write", Claim("edit", "/srv/p/f"), True),
    ("write", "write", Claim("edit", "/srv/p/f"), True),
    ("write", "edit", Claim("edit", "/srv/p/f"), False),
    ("edit", "mcp__fs__edit", Claim("mcp", "fs/edit"), True),
    ("mcp", "mcp__fs__edit", Claim("mcp", "fs/edit"), True),
    ("mcp:fs/edit", "mcp__fs__edit", Claim("mcp", "fs/edit"), True),
    ("mcp__fs__edit", "mcp__fs__edit", Claim("mcp", "fs/edit"), True),
    ("mcp:fs/write_file", "mcp__other__write_file", Claim("mcp", "other/write_file"), False),
]


@pytest.mark.parametrize(("name", "tool", "claim", "denied"), WITHOUT)
@pytest.mark.parametrize("mode", ["standard", "yolo"])
def test_ways_of_working(mode: Mode, name: str, tool: str, claim: Claim, *, denied: bool) -> None:
    gate = Gate((), mode, Nobody(), roots=["/srv/p"])
    gate.denied = frozenset((name,))
    assert (gate.check([claim], tool).verdict == "deny") is denied


# Repeated refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("doom_loop", "questions"), [("deny", 3), ("ask", 5), ("allow", 5)])
async def test_repeated_refusals(bench: Bench, doom_loop: Verdict, questions: int) -> None:
    person = Person("reject_once")
    gate = Gate((), "standard", person, roots=[bench.root], policy=Policy(doom_loop=doom_loop))
    refusals = [await gate.authorize(CALL, bench.claims("make deploy")) for _ in range(5)]
    refusal = refusals[-1]
    assert isinstance(refusal, Refusal)
    assert len(person.questions) == questions
    told = person.questions[-1].explanation.startswith("It was refused 3 times already.")
    assert told is (doom_loop == "ask")
    if doom_loop == "deny":
        assert "doom loop" in refusal.reason
        assert "make deploy" in refusal.reason


async def test_an_approval_still_comes_through(bench: Bench) -> None:
    person = Person("reject_once", "reject_once", "reject_once", "allow_once")
    gate = Gate((), "standard", person, roots=[bench.root], policy=Policy(doom_loop="ask"))
    answers = [await gate.authorize(CALL, bench.claims("make")) for _ in range(4)]
    assert isinstance(answers[-1], Approval)
