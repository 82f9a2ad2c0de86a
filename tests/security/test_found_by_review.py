"""Ways round the gate that were open once, each kept shut by its case."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from acp_adapters.syntax.bash import parse
from acp_agent.permission.gate import Gate, Unattended
from acp_agent.permission.shell import analyse

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True, timeout=20)
    return root


def verdict(workspace: Path, command: str) -> str:
    gate = Gate((), "standard", Unattended(), roots=(workspace,))
    return gate.check(analyse(command, workspace, (workspace,), parse)).verdict


def make(workspace: Path, name: str, text: str = "") -> None:
    path = workspace / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_bare_repository_that_only_git_takes_for_one(workspace: Path) -> None:
    make(workspace, "evil/objects/x")
    make(workspace, "evil/refs/x")
    make(workspace, "evil/config", "[core]\nfsmonitor = evil\n")
    (workspace / "evil" / "HEAD").symlink_to("refs/heads/main")
    assert verdict(workspace, "cd evil && git status -s") == "ask"


def test_a_git_folder_that_git_does_not_take_for_one(workspace: Path) -> None:
    (workspace / "sub" / ".git").mkdir(parents=True)
    assert verdict(workspace, "cd sub && git status -s") == "ask"


def test_digits_of_another_script_are_a_file_name(workspace: Path) -> None:
    (workspace / "٢").symlink_to("../outside")
    assert verdict(workspace, "echo evil >& ٢") != "allow"


@pytest.mark.parametrize("path", ["~'/x'", '~"/x"', "~\\/x"])
def test_a_tilde_beside_a_quote(workspace: Path, path: str) -> None:
    assert verdict(workspace, f"cat {path}") == "ask"


def test_a_pattern_may_be_a_second_operand(workspace: Path) -> None:
    assert verdict(workspace, "uniq a.txt") == "allow"
    assert verdict(workspace, "uniq a*") == "ask"


def test_secrets_deep_in_a_folder_that_is_searched(workspace: Path) -> None:
    make(workspace, "m/p/q.txt")
    assert verdict(workspace, "grep -r KEY m") == "allow"
    make(workspace, "m/p/.env", "KEY=1\n")
    assert verdict(workspace, "grep -r KEY m") == "ask"


def test_links_that_a_recursive_search_follows(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (workspace / "d").mkdir()
    (workspace / "d" / "l").symlink_to(tmp_path / "outside")
    assert verdict(workspace, "grep -r KEY d") == "allow"
    assert verdict(workspace, "grep -R KEY d") == "ask"
    assert verdict(workspace, "diff -r d d") == "ask"


@pytest.mark.parametrize("glob", ["--iglob .ENV", "-g '.{env,x}'", "-g '.en\\v'", "-g .env"])
def test_globs_that_reach_secrets(workspace: Path, glob: str) -> None:
    assert verdict(workspace, f"rg {glob} KEY") == "ask"


@pytest.mark.parametrize(
    "command",
    [
        "ls&&" * 1200 + "ls",
        "echo " + "x" * 100_000,
        "ls *a*a*a*a*a*a*a*a*b",
    ],
    ids=["many commands", "a long word", "many stars"],
)
@pytest.mark.timeout(10)
def test_nothing_takes_for_ever(workspace: Path, command: str) -> None:
    make(workspace, "a" * 200)
    assert verdict(workspace, command) in ("allow", "ask")


def test_what_find_gives_to_a_reader(workspace: Path, tmp_path: Path) -> None:
    make(workspace, "src/a.py")
    make(workspace, ".env", "KEY=1\n")
    (workspace / "bin").mkdir()
    (workspace / "bin" / "python").symlink_to("/usr/bin/env")
    assert verdict(workspace, "find . -type f -name '*.py' -exec cat {} +") == "allow"
    assert verdict(workspace, "find . -name '*.py' -exec wc -l {} +") == "allow"
    assert verdict(workspace, "find . -name '*.py' -o -name '.e*' -exec cat {} +") == "ask"
    assert verdict(workspace, "find . -type f -exec cat {} +") == "ask"
    assert verdict(workspace, "find . -exec sed -n {} f ';'") == "ask"
    (workspace / "src" / "b.py").symlink_to(tmp_path / "outside.py")
    (tmp_path / "outside.py").write_text("", encoding="utf-8")
    assert verdict(workspace, "find . -type f -name '*.py' -exec cat {} +") == "allow"
    assert verdict(workspace, "find . -name '*.py' -exec cat {} +") == "ask"
    assert verdict(workspace, "find -L src -name '*.txt' -exec cat {} +") == "allow"
    (workspace / "src" / "lib").symlink_to(tmp_path)
    assert verdict(workspace, "find -L src -name '*.txt' -exec cat {} +") == "ask"
