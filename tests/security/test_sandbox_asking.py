"""What need not be asked about a command that a sandbox confines, and what is asked all the same."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from acp_agent.permission.containment import ANY_HOST, BWRAP, LANDLOCK, OUTSIDE, UNCONTAINED
from acp_agent.permission.gate import Gate, Mode, Rule, Unattended
from acp_agent.permission.grants import suggestions
from acp_agent.permission.places import places_of

if TYPE_CHECKING:
    from acp_agent.permission.claims import Claim
    from acp_agent.permission.containment import Containment
    from tests.unit.permission.support import Bench

IN_THE_WORKSPACE = [
    "(cd src && make)", "{ make; make test; }",
    "make", "make test && echo done", "npm test", "cargo build --release", "python3 setup.py",
    "pytest -q > out.txt 2>&1", "./script.sh", "(make; npm test)", "{ make && ./script.sh; }",
    "rm -rf src", "mv f g", "cp f g && rm f", "mkdir -p a/b",
    "git add -A && git commit -m x", "git checkout -b other", "git stash", "sed -i s/a/b/ f", "FOO=1 make",
    "find . -name '*.pyc' -delete", "tee g < f", "true; ls",
    "pytest > /tmp/not-there.txt", "grep FAILED /tmp/not-there.txt", "make | tee /var/tmp/not-there/log",
]  # fmt: skip
ASKED = [
    "make $(cat f)", "eval make", "echo $x > f", "cat /etc/hostname", "touch /etc/x", "touch ~/x",
    "cp f ../x",
    "cat .env", "echo x > AGENTS.md", "echo x > .git/config", "rm -rf .vscode", "cat ~/.ssh/id_rsa",
    "cd /etc && make", "make && touch ~/x", "make; cat .env", "make; echo x > .github/workflows/x.yml",
    "touch /tmp", "ls /tmp", "echo x > /dev/tcp/localhost/80",
]  # fmt: skip


def decided(
    bench: Bench,
    command: str,
    containment: Containment,
    mode: Mode = "standard",
    rules: tuple[Rule, ...] = (),
) -> str:
    gate = Gate(rules, mode, Unattended(), roots=[bench.root])
    gate.containment = lambda: containment
    return gate.check(bench.claims(command)).verdict


@pytest.mark.parametrize("mode", ["standard", "accept"])
@pytest.mark.parametrize("command", IN_THE_WORKSPACE)
def test_what_stays_in_the_workspace_goes_without_asking(bench: Bench, command: str, mode: Mode) -> None:
    assert decided(bench, command, BWRAP, mode) == "allow"


@pytest.mark.parametrize("mode", ["standard", "accept"])
@pytest.mark.parametrize("command", ASKED)
def test_what_does_not_is_asked(bench: Bench, command: str, mode: Mode) -> None:
    assert decided(bench, command, BWRAP, mode) == "ask"


@pytest.mark.parametrize("command", ["make", "rm -rf src", "./script.sh", "pytest > /tmp/not-there.txt"])
@pytest.mark.parametrize(
    "containment",
    [
        UNCONTAINED,
        LANDLOCK,
        BWRAP._replace(network=False),
        BWRAP._replace(writes=False),
        BWRAP._replace(guarded=False),
    ],
    ids=lambda each: str(each[:4]),
)
def test_less_than_all_walls_saves_no_question(bench: Bench, command: str, containment: Containment) -> None:
    assert decided(bench, command, containment) == "ask"


@pytest.mark.parametrize(("mode", "verdict"), [("restrictive", "ask"), ("plan", "deny")])
def test_stricter_modes_stay_as_they_are(bench: Bench, mode: Mode, verdict: str) -> None:
    assert decided(bench, "make", BWRAP, mode) == verdict


@pytest.mark.parametrize("action", ["ask", "deny"])
def test_what_is_configured_stands_above(bench: Bench, action: str) -> None:
    rule = Rule("execute", "make *", "ask" if action == "ask" else "deny")
    assert decided(bench, "make", BWRAP, rules=(rule,)) == action
    rule = Rule("edit", "src/**", rule.action)
    assert decided(bench, "touch src/x", BWRAP, rules=(rule,)) == action


@pytest.mark.parametrize("command", ["rm -rf /", "rm -rf ~", "rm -rf .", "mkfs.ext4 /dev/sda1"])
def test_the_floor_stands(bench: Bench, command: str) -> None:
    assert decided(bench, command, BWRAP) == "deny"


@pytest.mark.parametrize("opening", [OUTSIDE, ANY_HOST], ids=["outside", "network"])
@pytest.mark.parametrize("mode", ["standard", "accept", "restrictive"])
def test_a_call_that_opens_the_sandbox_is_asked_about_as_a_whole(
    bench: Bench, mode: Mode, opening: Claim
) -> None:
    gate = Gate((), mode, Unattended(), roots=[bench.root])
    gate.containment = lambda: BWRAP
    decision = gate.check((*bench.claims("make"), opening))
    asked = {vote.claim for vote in decision.trace if vote.verdict == "ask"}
    assert decision.verdict == "ask"
    assert asked == {*bench.claims("make"), opening}
    # Nor when the opening itself is allowed: then `make` would have what was allowed for another.
    gate = Gate([Rule("network", "*", "allow")], mode, Unattended(), roots=[bench.root])
    gate.containment = lambda: BWRAP
    assert gate.check((*bench.claims("make"), opening)).verdict == "ask"


def test_running_outside_is_asked_but_in_yolo(bench: Bench) -> None:
    gate = Gate([Rule("execute", "*", "allow")], "standard", Unattended(), roots=[bench.root])
    assert gate.check((*bench.claims("ls"), OUTSIDE)).verdict == "ask"
    assert suggestions(OUTSIDE, places_of([bench.root])) == ()
    gate.mode = "yolo"
    assert gate.check((*bench.claims("ls"), OUTSIDE)).verdict == "allow"


def test_what_a_repository_would_run_is_confined_too(bench: Bench) -> None:
    subprocess.run(["git", "init", "-q"], cwd=bench.root, check=True, timeout=30)
    subprocess.run(["git", "config", "core.fsmonitor", "touch x"], cwd=bench.root, check=True, timeout=30)
    assert decided(bench, "git status", UNCONTAINED) == "ask"
    assert decided(bench, "git status", BWRAP) == "allow"


def test_tools_that_edit_are_not_commands(bench: Bench) -> None:
    gate = Gate((), "standard", Unattended(), roots=[bench.root])
    gate.containment = lambda: BWRAP
    claim = bench.claims("echo x > /tmp/x")[1]
    assert claim.operation == "edit"
    assert gate.check((claim,)).verdict == "ask"
