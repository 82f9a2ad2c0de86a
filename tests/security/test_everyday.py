"""How often the commands of an ordinary day are asked about. What only reads should not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tests.unit.permission.support import git

if TYPE_CHECKING:
    from tests.unit.permission.support import Bench

EVERYDAY = cast(
    dict[str, list[str]],
    json.loads(Path(__file__).with_name("everyday.json").read_text(encoding="utf-8")),
)
MOST_ASKED = 0.05
"""Part of the reading commands that may be asked about all the same."""


@pytest.fixture
def project(bench: Bench) -> Bench:
    """A repository like any other, with a secret in the root."""
    git(bench.root, "init", "-q")
    git(bench.root, "remote", "add", "origin", "https://example.com/a/b.git")
    for name in ("package.json", "data.json", "go.mod", "archive.tar", "script.sh"):
        (bench.root / name).write_text("{}", encoding="utf-8")
    for name in ("tsc", "jest"):
        (bench.root / "node_modules" / ".bin" / name).mkdir(parents=True)
    return bench


def test_commands_that_only_read_are_hardly_ever_asked_about(project: Bench) -> None:
    commands = EVERYDAY["reads"]
    assert len(commands) >= 200
    asked = {
        command: project.decide(command).reason for command in commands if project.verdict(command) != "allow"
    }
    assert len(asked) / len(commands) < MOST_ASKED, asked


@pytest.mark.parametrize("command", EVERYDAY["works"])
def test_commands_that_work_are_asked_about_without_a_sandbox(project: Bench, command: str) -> None:
    assert project.verdict(command) == "ask"
    assert project.verdict(command, "yolo") == "allow"


@pytest.mark.parametrize("command", EVERYDAY["works"])
def test_no_claim_of_a_command_that_works_reaches_the_network(project: Bench, command: str) -> None:
    """In a sandbox without a network they run as well."""
    assert not [claim for claim in project.claims(command) if claim.operation == "network"]
