"""`acp-agent permission`, as a person types it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.workbench import Workbench, agent_command

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 20


class Output(NamedTuple):
    status: int
    text: str
    error: str = ""


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def command(bench: Workbench, *words: str, **env: str) -> Output:
    done = subprocess.run(
        [*agent_command(), "permission", *words],
        cwd=bench.project,
        env=bench.environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    return Output(done.returncode, done.stdout, done.stderr)


def test_grants_come_and_go(bench: Workbench) -> None:
    assert command(bench, "list") == (0, f"Nothing is granted for {bench.project}.\n", "")
    assert command(bench, "allow", "execute", "git push *") == (0, "1. allow execute git push *\n", "")
    command(bench, "allow", "edit", "src/**")
    status, text, _ = command(bench, "list", "--json")
    rows = [json.loads(line) for line in text.splitlines()]
    assert status == 0
    assert [(row["number"], row["operation"], row["pattern"]) for row in rows] == [
        (1, "execute", "git push *"),
        (2, "edit", "src/**"),
    ]
    assert command(bench, "list", "--cwd", str(bench.home)).text.startswith("Nothing")
    assert command(bench, "revoke", "1") == (0, "1. allow edit src/**\n", "")
    assert command(bench, "revoke", "7") == (
        1,
        "",
        "There is no grant 7; `acp-agent permission list` numbers them.\n",
    )
    assert command(bench, "clear").text == f"Nothing is granted for {bench.project}.\n"
    assert command(bench, "allow", "frobnicate", "x").status == 2


def test_rules_and_who_says_so(bench: Workbench) -> None:
    deny = {"operation": "execute", "pattern": "git push *", "action": "deny", "tool": "bash"}
    bench.settle({"permission": {"rules": [deny], "external_directory": {"read": "allow"}}})
    command(bench, "allow", "execute", "make")
    lists = '{"deny": ["rm *"]}'
    status, text, _ = command(bench, "rules", ACP_AGENT_COMMAND_PERMISSIONS=lists)
    assert status == 0
    assert text.splitlines() == [
        "1. outside, allow read /**  (settings)",
        f"2. deny execute git push *, of bash  ({bench.config / 'config.json'})",
        "3. deny execute rm *  (ACP_AGENT_COMMAND_PERMISSIONS)",
        "4. deny meta command with *  (ACP_AGENT_COMMAND_PERMISSIONS)",
        "5. allow execute make  (this project)",
    ]
    rows = [json.loads(line) for line in command(bench, "rules", "--json").text.splitlines()]
    assert [row["pattern"] for row in rows] == ["/**", "git push *", "make"]


def test_lists_that_cannot_be_read(bench: Workbench) -> None:
    status, text, _ = command(bench, "rules", ACP_AGENT_COMMAND_PERMISSIONS="rm")
    assert status == 1
    assert "ACP_AGENT_COMMAND_PERMISSIONS: is not JSON" in text


def test_data_in_the_project(bench: Workbench) -> None:
    inside = str(bench.project / "data")
    assert command(bench, "allow", "execute", "make", ACP_AGENT_DATA_DIR=inside) == (
        1,
        "",
        "Nothing is kept for this folder: the agent's data would lie in it.\n",
    )
