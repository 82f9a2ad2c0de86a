"""git commands that only read, in repositories that would make them run something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.permission.repository import danger
from tests.unit.permission.support import Bench, git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(bench: Bench) -> Path:
    git(bench.root, "init", "-q", "-b", "main")
    git(bench.root, "remote", "add", "origin", "https://example.com/x.git")
    git(bench.root, "config", "user.email", "somebody@example.com")
    git(bench.root, "config", "branch.feature/a.merge", "refs/heads/feature/a")
    git(bench.root, "add", ".")
    return bench.root


def test_an_ordinary_repository_is_harmless(bench: Bench, repository: Path) -> None:
    assert danger(str(repository)) == ""
    assert danger(str(repository / "src" / "deep")) == ""
    assert bench.verdict("git status && cd src && git log --oneline") == "allow"


def test_no_repository_is_harmless(bench: Bench) -> None:
    assert danger(str(bench.root)) == ""


SETTINGS = [
    ("core.fsmonitor", "touch x"),
    ("core.pager", "touch x"),
    ("core.hooksPath", "hooks"),
    ("core.sshCommand", "touch x"),
    ("core.worktree", "/"),
    ("core.attributesFile", "x"),
    ("core.editor", "touch x"),
    ("core.gitProxy", "touch x"),
    ("diff.external", "touch x"),
    ("diff.x.textconv", "touch x"),
    ("diff.x.command", "touch x"),
    ("filter.x.clean", "touch x"),
    ("filter.x.process", "touch x"),
    ("include.path", "../evil"),
    ("includeIf.gitdir:/.path", "../evil"),
    ("alias.status", "!touch x"),
    ("pager.log", "touch x"),
    ("gpg.program", "touch x"),
    ("log.showSignature", "true"),
    ("remote.origin.promisor", "true"),
    ("remote.origin.uploadpack", "touch x"),
    ("extensions.partialClone", "origin"),
    ("submodule.x.update", "!touch x"),
    ("trailer.x.command", "touch x"),
    ("interactive.diffFilter", "touch x"),
    ("something.new", "x"),
]


@pytest.mark.parametrize(("key", "value"), SETTINGS)
def test_settings_that_could_run_something_ask(bench: Bench, repository: Path, key: str, value: str) -> None:
    git(repository, "config", key, value)
    decision = bench.decide("git status")
    assert decision.verdict == "ask"
    assert key.split(".", maxsplit=1)[0].lower() in decision.reason.lower()


HIDDEN = [
    "[core] fsmonitor = touch x\n",
    "[CORE]\n\tFSMONITOR=touch x\n",
    '[core]\n\tignorecase = "a\x0b[gui]"\n\tfsmonitor = touch x\n',
    '[core]\n\tignorecase = "a\r[gui]"\n\tfsmonitor = touch x\n',
    '[core]\n\tignorecase = "a\u2028[gui]"\n\tfsmonitor = touch x\n',
    '[diff "]gui"]\n\ttextconv = touch x\n',
    "[core]\n\tfsmon\\\nitor = touch x\n",
    "[core]\n\tignorecase = a\\\n\tfsmonitor = touch x\n",
    "\ufeff[core]\n\tfsmonitor = touch x\n",
    "[core]\n\tfsmonitor\n",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_settings_cannot_be_hidden(bench: Bench, repository: Path, text: str) -> None:
    with (repository / ".git" / "config").open("a", encoding="utf-8", newline="") as file:
        file.write(text)
    assert bench.verdict("git diff") == "ask"


def test_a_hook_that_reading_starts(bench: Bench, repository: Path) -> None:
    (repository / ".git" / "hooks" / "post-index-change").write_text("touch x", encoding="utf-8")
    assert bench.verdict("git status") == "ask"


def test_submodules_have_settings_of_their_own(bench: Bench, repository: Path) -> None:
    git(repository, "update-index", "--add", "--cacheinfo", "160000", "1" * 40, "sub/module")
    assert "submodules" in danger(str(repository))


def test_a_bare_repository_in_a_folder(bench: Bench, repository: Path) -> None:
    inner = repository / "sub"
    (inner / "objects").mkdir()
    (inner / "refs").mkdir()
    (inner / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    assert bench.verdict("git status") == "allow"
    assert bench.verdict("cd sub && git status") == "ask"


def test_a_worktree_has_the_settings_of_its_repository(bench: Bench, repository: Path) -> None:
    git(repository, "-c", "user.name=x", "commit", "-qm", "first")
    git(repository, "worktree", "add", "-q", "../workspace/linked")
    linked = str(repository / "linked")
    assert danger(linked) == ""
    git(repository, "config", "core.fsmonitor", "touch x")
    assert "fsmonitor" in danger(linked)


def test_a_git_file_that_leads_nowhere_known(bench: Bench) -> None:
    (bench.root / ".git").write_text("something else", encoding="utf-8")
    assert "not understood" in danger(str(bench.root))


def test_a_changed_setting_is_seen(bench: Bench, repository: Path) -> None:
    assert bench.verdict("git status") == "allow"
    git(repository, "config", "core.pager", "touch x")
    assert bench.verdict("git status") == "ask"
    git(repository, "config", "--unset", "core.pager")
    assert bench.verdict("git status") == "allow"
