"""Ways round the gate that were open once, each kept shut by its case."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from acp_adapters.syntax.bash import parse
from acp_agent.permission.gate import Gate, Unattended
from acp_agent.permission.shell import analyse
from tests.unit.permission.support import git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.permission.support import Bench


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


PASSED_ONCE = [
    "sed $'a\\ne id' f", "sed 's/[]/]/;a /w out' f", "unzip a.zip '*' -l", "unzip a.zip '.git*' -v",
    "git branch --abbrev evil", "ip link s lo down", "git shortlog --group=format:%G?",
    "git reflog --format=%G?", "git stash list --format=%G?",
    "ss -t dst secret.evil.example", "lsof -i@secret.evil.example", "lsof -i @secret.evil.example",
    "cat /proc/self/cwd/f", "grep -r --include='[^a]env' KEY .", "rg -g '[^a]env' KEY",
    "rg -g '.env.prod*' KEY",
    "git grep --untracked KEY", "git diff --no-index . src", "diff -N . src",
    "grep -r --exclude=zzz --include=zzz.py KEY .",
    "jq -n $'$ #x\\nENV.HOME'", "yq e 'load_str(\"/etc/passwd\")' f", "find . -exec (ls -la) \\;",
]  # fmt: skip


@pytest.mark.parametrize("command", PASSED_ONCE)
def test_what_passed_for_reading(bench: Bench, command: str) -> None:
    (bench.root / "src").mkdir(exist_ok=True)
    (bench.root / ".env").write_text("KEY=1\n", encoding="utf-8")
    (bench.root / ".env.production").write_text("KEY=1\n", encoding="utf-8")
    assert bench.decide(command).verdict != "allow"


def test_links_that_lead_up_again(bench: Bench) -> None:
    (bench.root / "rec").mkdir()
    (bench.root / "rec" / "up").symlink_to("..")
    (bench.root / ".env").write_text("KEY=1\n", encoding="utf-8")
    for command in (
        "grep -R KEY rec", "find -L rec -exec cat {} +", "find -L rec -type f | xargs cat", "diff -r rec rec"
    ):  # fmt: skip
        assert bench.decide(command).verdict == "ask", command


def test_a_folder_behind_a_link_and_back(bench: Bench) -> None:
    """`..` behind a link is one folder to the shell and another to git."""
    (bench.root / "sub" / "deep").mkdir(parents=True)
    (bench.root / "inl").symlink_to("sub/deep")
    git(bench.root / "sub", "init", "-q")
    git(bench.root / "sub", "config", "core.fsmonitor", "touch x")
    assert bench.decide("git -C inl/.. status").verdict == "ask"


def test_repositories_that_are_not_what_they_look_like(bench: Bench) -> None:
    git(bench.root, "init", "-q")
    git(bench.root, "config", "core.fsmonitor", "touch x")
    (bench.root / "inv" / ".git").mkdir(parents=True)
    (bench.root / "inv" / ".git" / "HEAD").write_text("garbage", encoding="utf-8")
    assert bench.decide("cd inv && git status").verdict == "ask"
    git(bench.root, "config", "--unset", "core.fsmonitor")
    assert bench.decide("git status").verdict == "allow"
    (bench.root / ".git" / "commondir").write_text("../other\n", encoding="utf-8")
    assert bench.decide("git status").verdict == "ask"


def test_a_file_called_link_is_no_other_index(bench: Bench) -> None:
    git(bench.root, "init", "-q")
    (bench.root / "mylink").write_text("x", encoding="utf-8")
    git(bench.root, "add", "mylink")
    assert bench.decide("git status").verdict == "allow"


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
