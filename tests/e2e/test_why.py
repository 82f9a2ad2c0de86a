"""`acp-agent why`, as a person types it and as a program feeds it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.workbench import Workbench, agent_command

WAIT_S = 30
OLD_KERNEL = [sys.executable, str(Path(__file__).parents[1] / "support" / "old_kernel.py")]


class Output(NamedTuple):
    status: int
    text: str
    errors: str


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A place without settings, and so without a model."""
    return Workbench(tmp_path)


def why(bench: Workbench, *words: str, given: str = "") -> Output:
    done = subprocess.run(
        [*agent_command(), "why", *words],
        cwd=bench.project,
        env=bench.environment(),
        input=given,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    return Output(done.returncode, done.stdout, done.stderr)


def considered(bench: Workbench, tool: str, *words: str, **arguments: object) -> dict[str, Any]:
    """The one JSON object that is printed."""
    status, text, errors = why(bench, "--tool", tool, "--input", json.dumps(arguments), "--json", *words)
    assert (status, errors) == (0, "")
    return json.loads(text)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_account_of_a_command(bench: Workbench) -> None:
    account = considered(bench, "bash", command="ls && rm -rf 'a b'")
    assert account.keys() == {"decision", "reason", "claims", "trace"}
    assert account["decision"] == "ask"
    assert account["claims"] == [
        {"operation": "execute", "resource": "ls", "argv": ["ls"], "inside": True, "reason": ""},
        {
            "operation": "execute",
            "resource": "rm -rf 'a b'",
            "argv": ["rm", "-rf", "a b"],
            "inside": True,
            "reason": "",
        },
        {
            "operation": "edit",
            "resource": str(bench.project / "a b"),
            "argv": ["rm", "-rf", "a b"],
            "inside": True,
            "reason": "removes it (rm)",
        },
    ]
    for number in range(3):
        votes = [vote for vote in account["trace"] if vote["claim"] == number]
        assert all(vote.keys() == {"decider", "claim", "verdict", "why"} for vote in votes)
        assert len({vote["decider"] for vote in votes}) == len(votes)
        assert {"hard floor", "configured rules", "default"} <= {vote["decider"] for vote in votes}
    silent = [vote for vote in account["trace"] if vote["verdict"] is None]
    assert silent
    assert account["reason"] in {vote["why"] for vote in account["trace"] if vote["verdict"] == "ask"}


@pytest.mark.parametrize(
    ("tool", "arguments", "words", "decision"),
    [
        ("bash", {"command": "ls"}, (), "allow"),
        ("bash", {"command": "touch x"}, (), "ask"),
        ("bash", {"command": "touch x"}, ("--mode", "yolo"), "allow"),
        ("bash", {"command": "touch x"}, ("--mode", "plan"), "deny"),
        ("bash", {"command": "rm -rf /"}, ("--mode", "yolo"), "deny"),
        ("read", {"path": "a.txt"}, (), "allow"),
        ("read", {"path": "/etc/shadow"}, (), "ask"),
        ("write", {"path": "a.txt", "content": ""}, ("--mode", "restrictive"), "ask"),
        ("edit", {"path": "a.txt", "old_text": "a", "new_text": "b"}, (), "allow"),
        ("todo", {"todos": []}, (), "allow"),
        ("mcp__tracker__search", {}, (), "ask"),
    ],
)
def test_decisions(
    bench: Workbench, tool: str, arguments: dict[str, object], words: tuple[str, ...], decision: str
) -> None:
    assert considered(bench, tool, *words, **arguments)["decision"] == decision


def test_the_settings_of_the_user_and_the_project(bench: Workbench) -> None:
    rules = [{"operation": "execute", "pattern": "touch *", "action": "allow"}]
    bench.settle({"permission": {"mode": "accept", "rules": rules}})
    assert considered(bench, "bash", command="touch x")["decision"] == "allow"
    assert considered(bench, "bash", command="ls > x")["decision"] == "allow"
    own = bench.project / ".acp-agent" / "config.json"
    own.parent.mkdir()
    denied = {"operation": "execute", "pattern": "touch secret", "action": "deny"}
    own.write_text(json.dumps({"permission": {"rules": [denied]}}), encoding="utf-8")
    assert considered(bench, "bash", command="touch secret")["decision"] == "deny"
    elsewhere = considered(bench, "bash", "--cwd", str(bench.root), command="touch secret")
    assert elsewhere["decision"] == "allow"


def test_tools_of_servers_are_told_by_their_names(bench: Workbench) -> None:
    """Of the configured ones too, and none is started."""
    entry = {"command": "/bin/touch", "args": [str(bench.root / "started")]}
    rules = [{"operation": "mcp", "pattern": "my tracker/look", "action": "allow"}]
    bench.settle({"mcp_servers": {"my tracker": entry}, "permission": {"rules": rules}})
    account = considered(bench, "mcp__my_tracker__look", x=1)
    assert (account["decision"], account["claims"][0]["resource"]) == ("allow", "my tracker/look")
    assert considered(bench, "mcp__my_tracker__write")["decision"] == "ask"
    assert not (bench.root / "started").exists()


def test_for_a_person(bench: Workbench) -> None:
    command = "echo one\u202e\nrm -rf build"
    status, text, errors = why(bench, "--tool", "bash", "--input", json.dumps({"command": command}))
    assert (status, errors) == (0, "")
    first, second, _, *rest = text.splitlines()
    assert first.startswith("ask: ")
    assert second.endswith(", in standard mode")
    assert rest[0].startswith("1. execute echo one\\u{202e}\\u{a}rm -rf build")
    assert any(line.startswith("   ask, by ") for line in rest)
    assert any(line.startswith("   no opinion: ") and "hard floor" in line for line in rest)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "Give --tool and --input"),
        (("--tool", "bash"), "Give --tool and --input"),
        (("--tool", "frob", "--input", "{}"), "no tool 'frob'"),
        (("--tool", "mcp__x", "--input", "{}"), "no tool 'mcp__x'"),
        (("--tool", "bash", "--input", "{"), "--input is not JSON"),
        (("--tool", "bash", "--input", "[]"), "must be a JSON object"),
        (("--tool", "bash", "--input", "{}"), "command: expected a string"),
        (("--tool", "bash", "--input", '{"command": "ls"}', "--mode", "wild"), '"wild" is not one of'),
        (("--tool", "bash", "--input", '{"command": "ls"}', "--cwd", "/no/such"), "is not there"),
        (("--tool", "bash", "--input", '{"command": "ls"}', "--sandbox", "none"), "no sandbox 'none'"),
    ],
)
def test_what_cannot_be_considered(bench: Workbench, words: tuple[str, ...], complaint: str) -> None:
    status, text, errors = why(bench, *words)
    assert (status, text) == (2, "")
    assert complaint in errors


@pytest.mark.parametrize(
    ("sandbox", "decision"), [("off", "ask"), ("auto", "allow"), ("bwrap", "allow"), ("landlock", "ask")]
)
def test_what_a_sandbox_that_works_saves(bench: Workbench, sandbox: str, decision: str) -> None:
    account = considered(bench, "bash", "--sandbox", sandbox, command="make && rm -rf build")
    assert account["decision"] == decision
    said = [vote["why"] for vote in account["trace"] if vote["decider"] == "sandbox" and vote["verdict"]]
    assert bool(said) == (decision == "allow")
    needed = considered(bench, "bash", "--sandbox", sandbox, command="make", needs="unconfined")
    assert needed["decision"] == "ask"


def test_a_sandbox_that_is_not_there_denies(bench: Workbench) -> None:
    words = [*OLD_KERNEL, *agent_command(), "why", "--tool", "bash", "--input", '{"command": "ls"}', "--json"]
    for sandbox, decision in (("required", "deny"), ("bwrap", "deny"), ("auto", "allow")):
        done = subprocess.run(
            [*words, "--sandbox", sandbox],
            cwd=bench.project,
            env=bench.environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=WAIT_S,
            check=False,
        )
        account = json.loads(done.stdout)
        assert account["decision"] == decision
        assert ("none works here" in account["reason"]) == (decision == "deny")


def test_broken_settings_are_told(bench: Workbench) -> None:
    bench.settle({"permission": {"mode": "wild"}})
    status, _, errors = why(bench, "--tool", "bash", "--input", '{"command": "ls"}')
    assert status == 2
    assert "permission.mode" in errors


def test_line_by_line(bench: Workbench) -> None:
    other = bench.root / "other"
    other.mkdir()
    lines = [
        '{"tool": "bash", "input": {"command": "ls"}}',
        "no JSON",
        '{"tool": "bash", "input": {"command": "touch x"}, "mode": "yolo", "sandbox": "off"}',
        '{"tool": "frob", "input": {}}',
        '{"tool": "bash", "input": {"command": "touch x"}, "id": "what the caller likes"}',
        '{"tool": "bash", "input": "ls"}',
        '{"tool": "bash", "input": {"command": "ls"}, "mode": 3}',
        '{"tool": "bash", "input": {"command": "ls"}, "mode": "wild"}',
        '{"tool": "bash", "input": {"command": "ls"}, "cwd": "/no/such"}',
        '{"tool": "bash", "input": {"command": "ls \\ud800"}}',
        json.dumps({"tool": "read", "input": {"path": "x"}, "cwd": str(other)}),
        '{"tool": "bash", "input": {"command": "touch x"}}',
    ]
    before = everything(bench.root)
    status, text, errors = why(bench, "--stdin", "--mode", "plan", given="\n".join(lines))
    answers: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert (status, errors) == (0, "")
    decisions = [answer.get("decision") for answer in answers]
    assert decisions == ["allow", None, "allow", None, "deny", *[None] * 4, "deny", "allow", "deny"]
    assert all(answer.get("error") for answer in answers if "decision" not in answer)
    assert answers[10]["claims"][0]["resource"] == str(other / "x")
    assert everything(bench.root) == before


def test_each_line_is_answered_at_once(bench: Workbench) -> None:
    command = [*agent_command(), "why", "--stdin"]
    with subprocess.Popen(
        command,
        cwd=bench.project,
        env=bench.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for command, decision in (("cat link", "allow"), ("cat link", "ask")):
            line = json.dumps({"tool": "bash", "input": {"command": command}})
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["decision"] == decision
            if decision == "allow":  # files are looked at each time
                (bench.project / "link").symlink_to("/etc/hosts")
        process.stdin.close()
        assert process.wait(WAIT_S) == 0


def test_many_lines(bench: Workbench) -> None:
    """Ten thousand in ten seconds is what `make bench` measures; here they must come at all."""
    lines = [json.dumps({"tool": "bash", "input": {"command": f"git log -{n}"}}) for n in range(500)]
    status, text, _ = why(bench, "--stdin", given="\n".join(lines))
    assert (status, len(text.splitlines())) == (0, 500)
