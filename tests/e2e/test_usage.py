"""What was spent, on the command line: `acp-agent usage`, `run --max-cost` and `run --cache`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_run import agent, events
from tests.support.phrases import call, on, say, script

if TYPE_CHECKING:
    from tests.support.workbench import Workbench

PAID = {"usage": {"input": 1000, "output": 50, "cached": 600, "cost": 21_075}}
MODEL = script(
    on("^pay$", say("Paid."), PAID),
    on("^unknown$", say("Unknown.")),
    on("^go on$", call("list", path="${cwd}"), {"usage": {"input": 1, "output": 1, "cost": 500_000}}),
    on("^look$", say("Looking."), call("read", path="${cwd}/a.txt"), results=0),
    on("^look$", say("Seen."), PAID, results=1, last_result="beta"),
    on("^look$", say("Changed."), PAID, results=1),
)


@pytest.fixture
def workbench(workbench: Workbench) -> Workbench:
    workbench.configure(MODEL)
    return workbench


def lines(workbench: Workbench, *arguments: str) -> list[dict[str, object]]:
    done = agent(workbench, "usage", "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_tables(workbench: Workbench) -> None:
    assert "No model was asked" in agent(workbench, "usage").stdout
    for prompt in ("pay", "pay", "unknown"):
        assert agent(workbench, "run", prompt).returncode == 0
    head, *rows = agent(workbench, "usage", "--day", "today").stdout.splitlines()
    assert head.split() == ["model", "requests", "in", "cached", "written", "out", "reasoning", "cost"]
    (row,) = rows
    assert row.startswith("script/")
    assert row.endswith("$0.04215 + 1 unknown")
    assert [line["day"] for line in lines(workbench)] == [time.strftime("%Y-%m-%d")]
    sessions = lines(workbench, "--by", "session")
    assert sorted((line["cost"] or -1, line["requests"]) for line in sessions) == [
        (-1, 1), (21_075, 1), (21_075, 1)
    ]  # fmt: skip
    (provider,) = lines(workbench, "--days", "1", "--by", "provider")
    assert provider["provider"] == "script"
    assert (provider["cost"], provider["known"], provider["unknown"]) == (None, 42_150, 1)
    assert lines(workbench, "--day", "2001-01-01") == []
    *_, whole = agent(workbench, "usage", "--by", "session").stdout.splitlines()
    assert whole.split()[0] == "3"


def test_it_is_kept_when_sessions_are_deleted_and_made_anew_when_it_is_lost(workbench: Workbench) -> None:
    for _ in range(2):
        agent(workbench, "run", "pay")
    first, *_ = agent(workbench, "sessions", "list").stdout.split()
    (workbench.data / "spending.db").unlink()
    (line,) = lines(workbench)
    assert (line["requests"], line["cost"]) == (2, 42_150)
    assert agent(workbench, "sessions", "delete", first).returncode == 0
    assert lines(workbench) == [line]


@pytest.mark.parametrize(
    "wrong",
    [("--day", "yesterday"), ("--days", "0"), ("--days", "-4"), ("--day", "2026-13-01"), ("--day", "")],
)
def test_what_is_no_day(workbench: Workbench, wrong: tuple[str, ...]) -> None:
    done = agent(workbench, "usage", *wrong)
    assert done.returncode == 2
    assert "--day is a day such as" in done.stderr


def test_a_record_that_cannot_be_used(workbench: Workbench) -> None:
    path = workbench.data / "spending.db"
    path.write_bytes(b"no database" * 1000)
    done = agent(workbench, "usage")
    assert (done.returncode, "damaged" in done.stderr) == (0, True)
    path.unlink()
    path.mkdir()
    done = agent(workbench, "usage")
    assert done.returncode == 1
    assert str(path) in done.stderr


# Budgets of runs that nobody watches ----------------------------------------------------------------


def test_a_run_ends_at_its_budget(workbench: Workbench) -> None:
    done = agent(workbench, "run", "--max-cost", "1.2", "go on")
    assert done.returncode == 1
    warned, stopped = done.stderr.splitlines()
    assert warned == "acp-agent: $1.00 spent of the budget of $1.20 for this session."
    assert stopped.startswith("acp-agent: Stopped: $1.50 spent of the budget of $1.20 for this session.")
    assert "budget.session.stop" in stopped
    assert "--max-cost" in stopped
    assert [line["cost"] for line in lines(workbench)] == [1_500_000]


def test_the_flag_counts_more_than_the_settings(workbench: Workbench) -> None:
    workbench.configure(MODEL, budget={"session": {"warn": 0.001, "stop": 0.01}})
    assert agent(workbench, "run", "pay").returncode == 0
    done = agent(workbench, "run", "--max-cost", "5", "pay")
    assert (done.returncode, done.stderr) == (0, "")
    for wrong in ("-1", "nan", "inf", "much"):
        assert agent(workbench, "run", f"--max-cost={wrong}", "pay").returncode == 2


def test_a_day_that_is_spent(workbench: Workbench) -> None:
    workbench.configure(MODEL, budget={"day": {"stop": 0.03}})
    assert agent(workbench, "run", "pay").returncode == 0
    assert agent(workbench, "run", "pay").returncode == 0
    done = agent(workbench, "run", "pay")
    assert (done.returncode, done.stdout) == (1, "")
    assert "budget.day.stop" in done.stderr


# Answers that are kept --------------------------------------------------------------------------------


def test_a_run_is_told_the_same_again(workbench: Workbench) -> None:
    def used(*arguments: str) -> list[object]:
        done = agent(workbench, "run", "--json", "--mode", "yolo", *arguments, "look")
        assert done.returncode == 0, done.stderr
        return [each.get("cost") for each in events(done.stdout) if each["type"] == "ModelUsed"]

    assert used() == used("--cache") == [None, 21_075]
    assert used("--cache") == used("--cache-ttl", "100") == [0, 0]
    assert used() == [None, 21_075], "unless it is wanted nothing is replayed"
    assert used("--cache-ttl", "0") == [None, 21_075]
    again = agent(workbench, "run", "--cache", "look")
    assert (again.stdout, again.stderr) == ("Looking.\nSeen.\n", "")
    workbench.write("a.txt", "gamma\n")
    assert agent(workbench, "run", "--cache", "look").stdout == "Looking.\nChanged.\n"
    assert any("(replayed)" in str(line["model"]) for line in lines(workbench, "--by", "model"))


def test_kept_answers_can_be_removed(workbench: Workbench) -> None:
    agent(workbench, "run", "--cache", "pay")
    done = agent(workbench, "run", "--cache-clear")
    assert (done.returncode, done.stderr) == (0, "acp-agent: kept answers removed: 1\n")
    assert list((workbench.data / "answers").iterdir()) == []
    assert agent(workbench, "run").returncode == 2
