"""Which AGENTS.md and CLAUDE.md the model is told of, and in which order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from acp_agent.context.instructions import MAX_BYTES, Instructions
from acp_agent.context.prompt import SessionContext

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a folder in it, under a home, with something above it that is not its own."""
    inner = tmp_path / "home" / "project" / "packages" / "one"
    inner.mkdir(parents=True)
    (tmp_path / "home" / "project" / ".git").mkdir()
    (tmp_path / "own").mkdir()
    return inner


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def told(tmp_path: Path, cwd: Path) -> list[str]:
    instructions = Instructions(tmp_path / "own", cwd, tmp_path / "home")
    return [section.split(":\n", 1)[1].strip() for section in instructions.read().texts]


def test_the_most_general_comes_first(tmp_path: Path, checkout: Path) -> None:
    write(checkout / "CLAUDE.md", "claude here")
    write(checkout / "AGENTS.md", "here")
    write(checkout.parents[1] / "AGENTS.md", "root")
    write(tmp_path / "own" / "AGENTS.md", "own")
    write(tmp_path / "home" / "AGENTS.md", "above the repository")
    assert told(tmp_path, checkout) == ["own", "root", "here", "claude here"]


def test_what_both_files_say_is_told_once(tmp_path: Path, checkout: Path) -> None:
    write(checkout / "AGENTS.md", "the same")
    os.symlink(checkout / "AGENTS.md", checkout / "CLAUDE.md")
    assert told(tmp_path, checkout) == ["the same"]


def test_outside_of_a_repository_only_the_folder_itself_counts(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "loose" / "inner"
    folder.mkdir(parents=True)
    write(folder.parent / "AGENTS.md", "anybody's")
    write(folder / "AGENTS.md", "mine")
    assert told(tmp_path, folder) == ["mine"]


def test_a_home_that_is_a_repository_is_no_project(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "work"
    folder.mkdir(parents=True)
    (tmp_path / "home" / ".git").mkdir()
    write(tmp_path / "home" / "AGENTS.md", "dotfiles")
    assert told(tmp_path, folder) == []


def test_they_can_be_switched_off(tmp_path: Path, checkout: Path) -> None:
    write(checkout / "AGENTS.md", "as told")
    context = SessionContext(checkout, (), Instructions(tmp_path / "own", checkout, tmp_path / "home"))
    with_them, without = context.system(instructions=True), context.system(instructions=False)
    assert with_them.startswith(without)
    assert with_them.endswith(f"Instructions from {checkout / 'AGENTS.md'}:\nas told\n")
    assert "as told" not in without
    assert (context.system(), context.system(instructions=False)) == (with_them, without)


def test_a_huge_file_is_cut_and_says_so(tmp_path: Path, checkout: Path) -> None:
    write(checkout / "AGENTS.md", "x" * (MAX_BYTES + 1))
    (text,) = told(tmp_path, checkout)
    assert len(text) < MAX_BYTES + 100
    assert text.endswith("[cut at 32 KiB]")


def test_the_prompt_stays_the_same_within_a_session(tmp_path: Path, checkout: Path) -> None:
    write(checkout / "AGENTS.md", "before")
    context = SessionContext(checkout, (), Instructions(tmp_path / "own", checkout, tmp_path / "home"))
    first = context.system()
    assert f"Working directory: {checkout}\n" in first
    assert "before" in first
    write(checkout / "AGENTS.md", "after")
    assert context.system() == first


def test_a_link_out_of_the_project_is_not_followed(tmp_path: Path, checkout: Path) -> None:
    write(tmp_path / "secret", "TOKEN=1")
    (checkout / "AGENTS.md").symlink_to(tmp_path / "secret")
    (checkout / "CLAUDE.md").symlink_to("/proc/self/environ")
    assert told(tmp_path, checkout) == []


@pytest.mark.timeout(10)
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, checkout: Path) -> None:
    os.mkfifo(checkout / "AGENTS.md")
    (checkout / "CLAUDE.md").mkdir()
    assert told(tmp_path, checkout) == []


def test_what_hides_in_them_is_written_out_and_said(tmp_path: Path, checkout: Path) -> None:
    write(checkout / "AGENTS.md", "be\u200b good\U000e0041 👩\u200d💻\n")
    write(checkout / "CLAUDE.md", "fine")
    said: list[str] = []
    own = Instructions(tmp_path / "own", checkout, tmp_path / "home")
    context = SessionContext(checkout, (), own, said.append)
    assert "be\\u{200b} good\\u{e0041} 👩\u200d💻" in context.system()
    assert context.system() == context.system()
    (remark,) = said
    assert str(checkout / "AGENTS.md") in remark
    assert "2 of them" in remark


def test_subfolders_and_dependencies_are_not_followed(tmp_path: Path, checkout: Path) -> None:
    root = checkout.parents[1]
    for name in ("packages/one/sub", "packages/two", "vendor/lib", "node_modules/x", "packages/one/.venv/x"):
        (root / name).mkdir(parents=True, exist_ok=True)
        write(root / name / "AGENTS.md", "theirs")
    assert told(tmp_path, checkout) == []
