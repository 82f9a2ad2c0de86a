"""`@diff`: the difference from the last commit, in a repository that may be anybody's."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.content import Resource
from acp_agent.context.mentioned import MENTION_BYTES, Mentioned
from acp_agent.permission.gate import Gate, Unattended
from acp_agent.permission.rules import Rule
from acp_agent.workspace.workspace import open_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.context.images import Bounds, Fitted

GIT = shutil.which("git") or "git"
WAIT_S = 20.0


def never(_data: bytes, _bounds: Bounds) -> Fitted:
    raise AssertionError("there is no image")


class Checkout:
    def __init__(self, root: Path, *, commits: bool = True) -> None:
        self.root = root / "project"
        self.root.mkdir()
        self.git("init", "-q", "-b", "main")
        self.write("a.txt", "one\ntwo\n")
        if commits:
            self.commit()

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
        subprocess.run([GIT, *identity, *arguments], cwd=self.root, check=True, timeout=30)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "x")

    def write(self, name: str, data: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    async def diff(self, *rules: Rule, folder: str = ".", text: str = "@diff") -> str:
        """The text that `@diff` adds; empty when nothing."""
        cwd = self.root / folder
        gate = Gate(rules, "standard", Unattended(), roots=(cwd,))
        with anyio.fail_after(WAIT_S):
            added = await Mentioned(open_workspace(cwd), gate, GIT, never).added([text], [])
        assert len(added.parts) <= 1
        return "".join(part.text for part in added.parts if isinstance(part, Resource))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def added_lines(diff: str) -> list[str]:
    return [line for line in diff.split("\n") if line[:1] == "+" and line[:3] != "+++"]


async def test_staged_and_unstaged(checkout: Checkout) -> None:
    assert await checkout.diff() == "(no changes since the last commit)"
    checkout.write("new ü.txt", "fresh\n")
    checkout.git("add", "-A")
    checkout.write("a.txt", "one\n2\n")
    diff = await checkout.diff(text="what of @diff?")
    assert added_lines(diff) == ["+2", "+fresh"]
    assert "diff --git a/new ü.txt b/new ü.txt" in diff


async def test_before_the_first_commit(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, commits=False)
    checkout.git("add", "-A")
    assert added_lines(await checkout.diff()) == ["+one", "+two"]


async def test_only_the_session_s_folder(checkout: Checkout) -> None:
    checkout.write("src/b.txt", "b\n")
    checkout.commit()
    checkout.write("src/b.txt", "bb\n")
    checkout.write("a.txt", "changed\n")
    diff = await checkout.diff(folder="src")
    assert added_lines(diff) == ["+bb"]
    assert "a/b.txt" in diff


async def test_without_a_repository_it_is_text(tmp_path: Path) -> None:
    gate = Gate((), "standard", Unattended(), roots=(tmp_path,))
    added = await Mentioned(open_workspace(tmp_path), gate, GIT, never).added(["@diff"], [])
    assert added.parts == ()


async def test_a_broken_repository_is_told_of(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    (checkout.root / ".git" / "HEAD").write_text("nonsense", encoding="utf-8")
    assert "(not included: git cannot tell what has changed: " in await checkout.diff()


async def test_what_may_not_be_read_is_left_out(checkout: Checkout) -> None:
    for name in (".env", "private/x.txt", ":(top)odd.txt", "*.txt"):
        checkout.write(name, "old\n")
    checkout.commit()
    for name in (".env", "private/x.txt", ":(top)odd.txt", "*.txt", "a.txt"):
        checkout.write(name, f"geheim {name}\n")
    diff = await checkout.diff(Rule("read", "private/**", "deny"))
    assert added_lines(diff) == ["+geheim *.txt", "+geheim :(top)odd.txt", "+geheim a.txt"]
    assert "(left out, they may not be read without asking: .env, private/x.txt)" in diff
    assert "(not included" in await checkout.diff(Rule("execute", "git *", "deny"))
    (checkout.root / "a.txt").unlink()
    (checkout.root / "a.txt").symlink_to("../elsewhere")
    assert ": .env, a.txt, private/x.txt)" in await checkout.diff(Rule("read", "private/**", "deny"))


async def test_a_large_difference_is_begun(checkout: Checkout) -> None:
    checkout.write("a.txt", "x" * 99 + "\n" + ("y" * 99 + "\n") * 3000)
    diff = await checkout.diff()
    assert len(diff) < MENTION_BYTES + 200
    assert diff.rstrip().endswith("(cut at 32 of 296 KiB; `git diff HEAD -- PATH` gives the rest)")


async def test_too_many_files(checkout: Checkout) -> None:
    for number in range(301):
        checkout.write(f"f{number}", "x")
    checkout.git("add", "-A")
    assert "More than 300 files have changed" in await checkout.diff()


async def test_nothing_that_the_repository_names_is_run(checkout: Checkout, tmp_path: Path) -> None:
    """Every setting by which `git diff` would run a program, each with one that leaves a trace."""
    ran = tmp_path / "ran"
    ran.mkdir()

    def program(name: str) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\ntouch {ran}/{name}\ncat\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    settings = {
        "core.fsmonitor": program("monitor"),
        "core.pager": program("pager"),
        "pager.diff": program("pager2"),
        "diff.external": program("external"),
        "diff.mine.command": program("driver"),
        "diff.mine.textconv": program("textconv"),
        "filter.mine.clean": program("clean"),
        "filter.mine.required": "true",
        "filter.Long Name.process": program("process"),
    }
    checkout.write(".gitattributes", "*.txt diff=mine filter=mine\n*.md filter=Long\\ Name diff=mine\n")
    checkout.write("b.md", "b\n")
    checkout.git("add", "-A")
    checkout.git("commit", "-qm", "y")
    hooks = checkout.root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    shutil.copy(program("hook"), hooks / "post-index-change")
    included = tmp_path / "included"
    included.write_text(f'[filter "far"]\n\tclean = {program("included-clean")}\n', encoding="utf-8")
    checkout.write("c.far", "c\n")
    checkout.write(".git/info/attributes", "*.far filter=far\n")
    checkout.git("add", "-A")
    checkout.git("commit", "-qm", "z")
    checkout.git("config", "include.path", str(included))
    for name, value in settings.items():
        checkout.git("config", name, value)
    shutil.rmtree(ran)
    ran.mkdir()
    for name in ("a.txt", "b.md", "c.far"):
        checkout.write(name, f"changed {name}\n")
    os.utime(checkout.root / ".gitattributes", (1, 1))  # git notes in its index that it is as it was
    assert added_lines(await checkout.diff()) == ["+changed a.txt", "+changed b.md", "+changed c.far"]
    assert list(ran.iterdir()) == []


async def test_a_working_tree_elsewhere_is_not_believed(checkout: Checkout, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("geheim\n", encoding="utf-8")
    checkout.git("config", "core.worktree", str(other))
    checkout.write("a.txt", "mine\n")
    assert "geheim" not in await checkout.diff()


async def test_a_filter_that_cannot_be_switched_off_ends_it(checkout: Checkout, tmp_path: Path) -> None:
    config = checkout.root / ".git" / "config"
    with config.open("a", encoding="utf-8") as file:
        file.write(f'[filter "a=b"]\n\tclean = touch {tmp_path}/ran\n')
    checkout.write(".gitattributes", "*.txt filter=a=b\n")
    checkout.write("a.txt", "changed\n")
    assert "filters cannot be switched off" in await checkout.diff()
    assert not (tmp_path / "ran").exists()
