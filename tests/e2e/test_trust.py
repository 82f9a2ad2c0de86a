"""`acp-agent trust`, and runs that nobody watches in a checkout whose settings want something."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.tool_servers import ODD_SERVER
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workbench import Workbench

WAIT_S = 30
SCRIPT = """
import pathlib, runpy, sys
pathlib.Path({marker!r}).touch()
sys.argv = [{server!r}, "plain"]
runpy.run_path({server!r}, run_name="__main__")
"""


def agent(
    workbench: Workbench, *arguments: str, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*agent_command(), *arguments],
        env=workbench.environment(**env),
        cwd=cwd or workbench.project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )


@pytest.fixture
def marker(workbench: Workbench) -> Path:
    """Made by the server that the project's settings want to be started."""
    path = workbench.root / "started"
    script = workbench.project / "lint.py"
    script.write_text(SCRIPT.format(marker=str(path), server=ODD_SERVER), encoding="utf-8")
    settle(workbench)
    return path


def settle(workbench: Workbench, *args: str) -> None:
    folder = workbench.project / ".acp-agent"
    folder.mkdir(exist_ok=True)
    entry = {"command": sys.executable, "args": ["lint.py", *args]}
    (folder / "config.json").write_text(json.dumps({"mcp_servers": {"lint": entry}}), encoding="utf-8")


def test_what_is_asked_for_is_shown_and_trusted_with_yes(workbench: Workbench, marker: Path) -> None:
    seen = agent(workbench, "trust")
    assert (seen.returncode, seen.stderr) == (1, "")
    assert '    mcp_servers.lint.args[] = "lint.py"\n' in seen.stdout
    assert "Not trusted, and ignored." in seen.stdout
    assert agent(workbench, "trust", "--list").stdout == ""
    assert agent(workbench, "trust", "--yes").returncode == 0
    assert agent(workbench, "trust").returncode == 0
    assert agent(workbench, "trust", "--list").stdout.endswith(f"  {workbench.project}\n")
    settle(workbench, "--more")
    changed = agent(workbench, "trust")
    assert changed.returncode == 1
    assert '    + mcp_servers.lint.args[] = "--more"\n' in changed.stdout
    agent(workbench, "trust", "--yes")
    assert agent(workbench, "trust", "--revoke").returncode == 0
    assert agent(workbench, "trust").returncode == 1
    assert not marker.exists()


def test_programs_get_json(workbench: Workbench, marker: Path) -> None:
    seen = json.loads(agent(workbench, "trust", "--json").stdout)
    assert (seen["state"], seen["root"], seen["changes"]) == ("untrusted", str(workbench.project), [])
    given = json.loads(agent(workbench, "trust", "--json", "--yes").stdout)
    assert (given["state"], given["digest"]) == ("trusted", seen["digest"])
    (listed,) = agent(workbench, "trust", "--list", "--json").stdout.splitlines()
    assert json.loads(listed)["digest"] == seen["digest"]
    assert json.loads(agent(workbench, "trust", "--revoke", "--json").stdout) == {"revoked": True}
    elsewhere = agent(workbench, "trust", "--json", "--cwd", str(workbench.home))
    assert (json.loads(elsewhere.stdout), elsewhere.returncode) == ({"state": "nothing"}, 0)
    assert not marker.exists()


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1), ("", 1)])
def test_on_a_terminal_it_asks(workbench: Workbench, marker: Path, answer: str, status: int) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "r+b", buffering=0) as screen, subprocess.Popen(
        [*agent_command(), "trust"],
        env=workbench.environment(), cwd=workbench.project, stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += screen.read(1024)
        screen.write(answer.encode() + b"\n")
        assert process.wait(WAIT_S) == status
    assert agent(workbench, "trust").returncode == status
    assert not marker.exists()


def test_a_command_of_the_agent_cannot_say_yes(workbench: Workbench, marker: Path) -> None:
    workbench.configure()
    own = workbench.home / ".config" / "acp-agent"
    own.parent.mkdir()
    own.symlink_to(workbench.config)
    env = workbench.environment()
    del env["ACP_AGENT_CONFIG_DIR"], env["ACP_AGENT_DATA_DIR"]  # as people have it, and commands are given
    command = " ".join(agent_command())

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*agent_command(), *arguments],
            env=env, cwd=workbench.project, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
            timeout=WAIT_S, check=False,
        )  # fmt: skip

    done = run(
        "run", "--json", "--mode", "yolo", f"run {command} trust --yes; {command} trust --list; echo END"
    )
    assert "this is for a person to say" in done.stdout
    assert "END" in done.stdout
    assert run("trust", "--list").stdout == ""
    assert run("trust", "--yes").returncode == 0
    assert not marker.exists()


def test_a_run_that_nobody_watches_trusts_nothing(workbench: Workbench, marker: Path) -> None:
    done = agent(workbench, "run", "say hi", CI="1")
    assert (done.stdout, done.returncode) == ("hi\n", 0)
    assert "run the MCP server `lint`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not marker.exists()


def test_a_run_has_what_the_user_has_trusted(workbench: Workbench, marker: Path) -> None:
    agent(workbench, "trust", "--yes")
    done = agent(workbench, "run", "say hi")
    assert (done.stdout, done.stderr) == ("hi\n", "")
    assert marker.exists()
    marker.unlink()
    (workbench.project / "lint.py").write_text("evil", encoding="utf-8")  # as a pull request may
    done = agent(workbench, "run", "say hi")
    assert "changed since you trusted" in done.stderr
    assert not marker.exists()


def test_a_flag_trusts_for_one_run(workbench: Workbench, marker: Path) -> None:
    done = agent(workbench, "run", "--trust-project", "say hi")
    assert (done.stdout, done.stderr) == ("hi\n", "")
    assert marker.exists()
    marker.unlink()
    assert agent(workbench, "trust").returncode == 1
    agent(workbench, "run", "say hi", ACP_AGENT_TRUST_PROJECT="1", ACP_AGENT_ARGS="--trust-project")
    assert not marker.exists()


def test_the_settings_commands_say_how_it_stands(workbench: Workbench, marker: Path) -> None:
    assert "mcp_servers is ignored" in agent(workbench, "config", "check").stdout
    assert "only a trusted project gets: ignored" in agent(workbench, "doctor").stdout
    assert "mcp_servers.lint" not in agent(workbench, "config", "show").stdout
    agent(workbench, "trust", "--yes")
    assert "ignored" not in agent(workbench, "config", "check").stdout
    assert "config.json is trusted" in agent(workbench, "doctor").stdout
    assert "mcp_servers.lint.command" in agent(workbench, "config", "show").stdout
    assert not marker.exists()


# Options stand where options stand -----------------------------------------------------------------------

NO_OPTIONS = [
    ("--settings=/evil.json",),
    ("run", "--settings=/evil.json"),
    ("run", "--trust-project"),
    ("run", "--trust", "say hi"),
    ("run", "--mo", "yolo", "say hi"),
    ("run", "--cwd", "--trust-project", "say hi"),
    ("run", "--mode=yolo say hi"),
    ("chat", "--agent", "--mode=yolo"),
    ("serve", "--tc", "127.0.0.1:0"),
    ("sessions", "list", "--arch"),
    ("config", "show", "--js"),
    ("trust", "--y"),
    ("--mod", "yolo", "config", "path"),
]


@pytest.mark.parametrize("arguments", NO_OPTIONS, ids=" ".join)
def test_what_is_no_option_here_is_an_error(
    workbench: Workbench, marker: Path, arguments: tuple[str]
) -> None:
    done = agent(workbench, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr
    assert not marker.exists()
    assert not (workbench.data / "projects").exists()


@pytest.mark.parametrize("prompt", ["--trust-project", "--mode=yolo", "--settings=/evil.json", "-x"])
def test_after_two_dashes_everything_is_the_prompt(workbench: Workbench, marker: Path, prompt: str) -> None:
    done = agent(workbench, "run", "--json", "--", prompt)
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (said,) = [event for event in events if event["type"] == "UserMessage"]
    assert said["content"][0]["text"] == prompt
    assert not marker.exists()
