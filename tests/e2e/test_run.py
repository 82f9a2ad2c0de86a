"""`acp-agent run` and `acp-agent sessions`, as a person or a script calls them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.support.workbench import Workbench

WAIT_S = 30


def agent(
    workbench: Workbench, *arguments: str, given: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*agent_command(), *arguments],
        input=given,
        env=workbench.environment(**env),
        cwd=workbench.project,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )


def run(workbench: Workbench, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return agent(workbench, "run", *arguments, given=given)


def test_the_answer_is_on_standard_output_and_nothing_else(workbench: Workbench) -> None:
    done = run(workbench, "say grüße")
    assert (done.stdout, done.stderr, done.returncode) == ("grüße\n", "", 0)


def test_the_prompt_may_come_from_standard_input(workbench: Workbench) -> None:
    assert run(workbench, "-", given="say hi").stdout == "hi\n"


def test_edits_are_made_and_commands_refused_for_want_of_somebody_to_ask(workbench: Workbench) -> None:
    assert run(workbench, "edit a.txt beta BETA").returncode == 0
    assert "BETA" in workbench.read("a.txt")
    done = run(workbench, "--json", "run touch made.txt")
    (finished,) = [event for event in events(done.stdout) if event["type"] == "ToolCallFinished"]
    assert finished["failed"] is True
    assert not (workbench.project / "made.txt").exists()
    assert done.returncode == 0


def test_flags_may_stand_before_the_command(workbench: Workbench) -> None:
    done = agent(workbench, "--mode", "yolo", "--provider", "script", "run", "run touch made.txt")
    assert done.returncode == 0
    assert (workbench.project / "made.txt").exists()
    done = agent(workbench, "--provider", "elsewhere", "run", "say hi")
    assert (done.returncode, done.stdout) == (1, "")
    assert "elsewhere" in done.stderr


def test_a_mode_may_allow_what_nobody_can_be_asked(workbench: Workbench) -> None:
    assert run(workbench, "--mode", "yolo", "run touch made.txt").returncode == 0
    assert (workbench.project / "made.txt").exists()


def test_json_is_one_event_a_line_from_start_to_end(workbench: Workbench) -> None:
    found = events(run(workbench, "--json", "read a.txt").stdout)
    kinds = [event["type"] for event in found]
    assert kinds[:2] == ["TurnStarted", "UserMessage"]
    assert kinds[-1] == "TurnEnded"
    assert {"ToolCallStarted", "ToolCallFinished", "TextDelta", "UsageChanged"} <= set(kinds)


@pytest.mark.parametrize(
    ("prompt", "status", "says"),
    [
        ("unauthorised", 1, "the key was not accepted"),
        ("refuse", 3, "refusal"),
        ("overflow", 3, "max_tokens"),
    ],
)
def test_the_exit_status_tells_how_it_ended(
    workbench: Workbench, prompt: str, status: int, says: str
) -> None:
    done = run(workbench, prompt)
    assert done.returncode == status
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_model_it_says_what_to_set(workbench: Workbench) -> None:
    workbench.settle({})
    done = run(workbench, "say hi")
    assert done.returncode == 1
    assert "OPENAI_API_KEY" in done.stderr


def test_a_broken_setting_is_named(workbench: Workbench) -> None:
    workbench.configure(max_agent_turns="many")
    done = run(workbench, "say hi")
    assert done.returncode == 1
    assert "max_agent_turns" in done.stderr


def test_sessions_lists_and_shows_what_was_run(workbench: Workbench) -> None:
    assert agent(workbench, "sessions", "list").stdout == ""
    run(workbench, "say first")
    run(workbench, "edit a.txt beta BETA")
    listed = agent(workbench, "sessions", "list").stdout.splitlines()
    assert [line.split("  ")[-1] for line in listed] == ["edit a.txt beta BETA", "say first"]
    session_id = listed[0].split()[0]
    shown = agent(workbench, "sessions", "show", session_id)
    assert "> edit a.txt beta BETA" in shown.stdout
    assert "[done] Edit a.txt" in shown.stdout
    assert shown.returncode == 0
    records = events(agent(workbench, "sessions", "show", session_id, "--json").stdout)
    assert [record["n"] for record in records] == list(range(1, len(records) + 1))


def test_a_session_that_is_not_there(workbench: Workbench) -> None:
    done = agent(workbench, "sessions", "show", "nothing")
    assert done.returncode == 1
    assert "nothing" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(workbench: Workbench) -> None:
    command = subprocess.Popen(
        [*agent_command(), "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=workbench.environment(),
    )
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    assert command.wait(WAIT_S) in (0, 1)
    assert b"Traceback" not in command.stderr.read()
    command.stderr.close()


def events(lines: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.splitlines()]


def test_a_turn_ends_when_nobody_reads_its_answer(workbench: Workbench) -> None:
    endless = {"rules": [], "otherwise": [{"text": ["word "] * 2000, "pause_s": 0.01}, {"wait": True}]}
    workbench.configure(endless)
    shell = 'set -o pipefail; "$@" | head -1'
    done = subprocess.run(
        ["bash", "-c", shell, "bash", *agent_command(), "run", "--json", "go"],
        env=workbench.environment(), cwd=workbench.project, capture_output=True, encoding="utf-8",
        timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["type"] == "TurnStarted"


def test_a_full_disk_is_said_once(workbench: Workbench) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*agent_command(), "run", "say hi"],
            env=workbench.environment(), cwd=workbench.project, stdout=full, stderr=subprocess.PIPE,
            encoding="utf-8", timeout=WAIT_S, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "acp-agent: the answer cannot be written: No space left on device\n"
