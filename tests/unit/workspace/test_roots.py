"""Paths are what they really name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ToolError
from acp_agent.workspace.roots import Roots

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    cwd = tmp_path.resolve() / "project"
    (cwd / "src").mkdir(parents=True)
    return cwd


@pytest.mark.parametrize("given", ["src/a.py", "./src/a.py", "src/../src/a.py", "src/new/../a.py"])
def test_relative_paths_start_at_the_working_directory(cwd: Path, given: str) -> None:
    assert Roots(cwd).resolve(given) == (cwd / "src/a.py", True)


def test_absolute_paths(cwd: Path) -> None:
    assert Roots(cwd).resolve(str(cwd / "new/deep/file")) == (cwd / "new/deep/file", True)
    assert Roots(cwd).resolve(str(cwd)) == (cwd, True)


def test_a_folder_beside_with_the_same_beginning_is_outside(cwd: Path) -> None:
    assert Roots(cwd).resolve("../project-other/a") == (cwd.parent / "project-other/a", False)


def test_links_are_followed_also_for_what_does_not_exist(cwd: Path) -> None:
    outside = cwd.parent / "outside"
    outside.mkdir()
    (cwd / "link").symlink_to(outside)
    (cwd / "dangling").symlink_to(outside / "later")
    roots = Roots(cwd)
    assert roots.resolve("link/new/file") == (outside / "new/file", False)
    assert roots.resolve("dangling") == (outside / "later", False)
    assert roots.resolve("link/../project/src") == (cwd / "src", True)


def test_a_root_given_by_a_link_is_its_target(cwd: Path) -> None:
    link = cwd.parent / "link"
    link.symlink_to(cwd)
    roots = Roots(link)
    assert roots.cwd == cwd
    assert roots.resolve(str(link / "src")) == (cwd / "src", True)


def test_added_folders_are_inside(cwd: Path) -> None:
    other = cwd.parent / "other"
    assert Roots(cwd, [other]).resolve(str(other / "a")) == (other / "a", True)


def test_home(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(cwd.parent))
    assert Roots(cwd).resolve("~/notes") == (cwd.parent / "notes", False)
    assert Roots(cwd).resolve("~notes") == (cwd / "~notes", True)


def test_shortening(cwd: Path) -> None:
    roots = Roots(cwd)
    assert roots.shorten(cwd / "src/a.py") == "src/a.py"
    assert roots.shorten(cwd.parent) == str(cwd.parent)


@pytest.mark.parametrize("given", ["a\0b", "a\ud800b"])
def test_what_can_be_no_path(cwd: Path, given: str) -> None:
    with pytest.raises(ToolError, match="path"):
        Roots(cwd).resolve(given)
