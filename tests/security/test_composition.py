"""However a dangerous command is quoted and wrapped, it is never allowed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from acp_agent.permission.gate import Rule
from acp_agent.permission.rules import SEVERITY

if TYPE_CHECKING:
    from tests.unit.permission.support import Bench

DANGEROUS = [
    ["rm", "-rf", "src"],
    ["rm", "f"],
    ["touch", "x"],
    ["git", "push", "origin", "main"],
    ["git", "-c", "core.pager=x", "log"],
    ["git", "clean", "-fd"],
    ["npm", "test"],
    ["curl", "http://localhost"],
    ["python3", "-c", "import os"],
    ["find", ".", "-delete"],
    ["sed", "-i", "s/a/b/", "f"],
    ["sort", "-o", "f", "f"],
    ["cat", "/etc/shadow"],
    ["cat", ".env"],
    ["ls", "/"],
    ["rg", "--pre=./x", "y"],
    ["./script.sh"],
    ["tee", "f"],
    ["kill", "1"],
]
FLOOR = [
    ["rm", "-rf", "/"],
    ["rm", "-r", "-f", "/etc"],
    ["rm", "-rf", "."],
    ["mkfs.ext4", "/dev/sda1"],
    ["dd", "if=/dev/zero", "of=/dev/sda"],
    ["tee", "-a", "/etc/passwd"],
]


def piecewise(word: str, cuts: list[int]) -> str:
    """The word in another spelling that bash reads the same."""
    pieces: list[str] = []
    for index, char in enumerate(word):
        style = cuts[index % len(cuts)]
        spelled = [
            char if char.isalnum() or char in "-./_" else f"\\{char}",
            f"'{char}'",
            f'"{char}"',
            f"\\{char}",
            f"''{char}",
        ]
        pieces.append(spelled[style] if char not in "'\"\\$`!" else shlex.quote(char))
    return "".join(pieces)


@st.composite
def spelled(draw: st.DrawFn, commands: list[list[str]]) -> str:
    argv = draw(st.sampled_from(commands))
    cuts = draw(st.lists(st.integers(0, 4), min_size=1, max_size=5))
    gap = draw(st.sampled_from([" ", "  ", "\t", " \\\n "]))
    return gap.join(piecewise(word, cuts) for word in argv)


UNDERSTOOD = [
    "sudo {}",
    "sudo -n -u root {}",
    "env {}",
    "env -i A=1 {}",
    "timeout 5 {}",
    "timeout -k 1 5s {}",
    "nice {}",
    "nice -n 5 {}",
    "nohup {}",
    "command {}",
    "exec {}",
    "time {}",
    "xargs {}",
    "stdbuf -oL {}",
    "setsid {}",
    "ls && {}",
    "true || {}",
    "ls | {}",
    "{} | cat",
    "ls; {}",
    "{} & ls",
    "{} 2>&1",
    "{} > /dev/null",
    "< f {}",
    "A=1 {}",
    "{} # comment",
    "cd . && {}",
    "{} <<'EOF'\ntext\nEOF",
]
UNCLEAR = [
    "({})",
    "{{ {}; }}",
    "! {}",
    "echo $({})",
    'echo "$({})"',
    "cat <({})",
    "if {}; then :; fi",
    "for i in a; do {}; done",
    "f() {{ {}; }}; f",
    "ls\n{}",
    "coproc {}",
    "x=$({})",
]


@st.composite
def composed(draw: st.DrawFn, commands: list[list[str]], wraps: list[str]) -> str:
    text = draw(spelled(commands))
    for wrap in draw(st.lists(st.sampled_from(wraps), max_size=3)):
        if "\n" in text and ("#" in wrap or "EOF" in wrap):
            continue
        text = f"bash -c {shlex.quote(text)}" if draw(st.integers(0, 5)) == 0 else wrap.format(text)
    return text


BUDGET = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
RULES = [
    Rule("execute", pattern, "allow")
    for pattern in ("ls *", "echo *", "true", "sudo ls *", "env *", "bash *")
]


@BUDGET
@given(command=composed(DANGEROUS, UNDERSTOOD + UNCLEAR))
def test_no_composition_is_allowed(bench: Bench, command: str) -> None:
    (bench.root / ".env").touch()
    for mode in ("standard", "restrictive", "accept"):
        assert bench.verdict(command, mode) in ("ask", "deny")
    assert bench.verdict(command, "standard", RULES) in ("ask", "deny")


@BUDGET
@given(command=composed(FLOOR, UNDERSTOOD))
def test_no_composition_gets_through_the_floor(bench: Bench, command: str) -> None:
    assert bench.verdict(command, "yolo", [Rule("*", "**", "allow")]) == "deny"


@BUDGET
@given(command=composed([["rm", "x"]], UNDERSTOOD))
@example(command="'r'\\m 'x' <<'EOF'\ntext\nEOF | cat")
def test_no_composition_hides_a_denied_command(bench: Bench, command: str) -> None:
    rules = [Rule("execute", "*", "allow"), Rule("execute", "rm *", "deny")]
    assert bench.verdict(command, "yolo", rules) == "deny"


@BUDGET
@given(
    command=composed(DANGEROUS, UNDERSTOOD + UNCLEAR),
    more=composed([["ls"], ["echo", "a"], *DANGEROUS], UNDERSTOOD),
    joint=st.sampled_from([" && ", "; ", " | ", " || "]),
)
def test_adding_a_command_never_helps(bench: Bench, command: str, more: str, joint: str) -> None:
    if "#" in command or "\n" in command:
        return
    one = bench.gate()
    before, after = one.check(bench.claims(command)), one.check(bench.claims(command + joint + more))
    assert SEVERITY[after.verdict] >= min(SEVERITY[before.verdict], SEVERITY["ask"])
