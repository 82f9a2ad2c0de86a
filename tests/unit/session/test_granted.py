"""Grants of a project: kept outside of it, for its sessions and for nobody else's."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import AgentError
from acp_agent.permission.gate import Rule
from acp_agent.session.granted import ProjectGrants, project_grants
from acp_agent.workspace.locking import lock

if TYPE_CHECKING:
    from pathlib import Path

PUSH = Rule("execute", "git push *", "allow", "this project")
MAKE = Rule("execute", "make", "allow", "this project")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path, project: Path) -> ProjectGrants:
    return ProjectGrants(tmp_path / "data", str(project))


def test_what_is_added_is_there_for_others(tmp_path: Path, project: Path, store: ProjectGrants) -> None:
    other = ProjectGrants(tmp_path / "data", str(project))
    assert store.load() == other.load() == ()
    store.add([PUSH, MAKE])
    store.add([PUSH])
    assert store.load() == other.load() == (PUSH, MAKE)
    other.remove([PUSH])
    assert store.load() == (MAKE,)
    assert ProjectGrants(tmp_path / "data", str(tmp_path)).load() == ()


def test_the_file_is_for_its_owner_and_says_whose_it_is(store: ProjectGrants, project: Path) -> None:
    store.add([PUSH])
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    said = json.loads(store.path.read_text(encoding="utf-8"))
    assert said["root"] == str(project)
    assert said["grants"][0]["pattern"] == "git push *"
    assert list(project.iterdir()) == []


def test_a_session_with_more_folders_has_grants_of_its_own(tmp_path: Path, project: Path) -> None:
    alone = ProjectGrants(tmp_path / "data", str(project))
    wider = ProjectGrants(tmp_path / "data", str(project), ["/srv/more"])
    alone.add([PUSH])
    assert wider.load() == ()
    wider.add([MAKE])
    assert wider.load() == (MAKE,)
    assert alone.load() == (PUSH, MAKE)
    assert [each.folders for each in alone.kept()] == [(), ("/srv/more",)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[" * 100_000,
        "[]",
        '{"version": 1, "root": "/elsewhere", "grants": [{"operation": "execute", "pattern": "*"}]}',
        '{"version": 2, "root": "ROOT", "grants": []}',
        '{"version": 1, "root": "ROOT", "grants": 5}',
        '{"version": 1, "root": "ROOT", "grants": [5, {}]}',
        '{"version": 1, "root": "ROOT", "grants": [{"operation": "x", "pattern": "*", "action": "allow"}]}',
        '{"version": 1, "root": "ROOT", "grants": [{"operation": "meta", "pattern": "", "action": "allow"}]}',
        '{"version": 1, "root": "ROOT", "grants": [{"operation": "meta", "pattern": "*", "action": "deny"}]}',
    ],
)
def test_what_is_no_grant_counts_for_nothing(store: ProjectGrants, project: Path, text: str) -> None:
    store.add([MAKE])
    store.path.write_text(text.replace("ROOT", str(project)), encoding="utf-8")
    assert store.load() == ()
    store.add([PUSH])
    assert store.load() == (PUSH,)


def test_a_file_that_others_may_write_does_not_count(store: ProjectGrants) -> None:
    store.add([PUSH])
    store.path.chmod(0o666)
    assert store.load() == ()


def test_a_link_does_not_count(tmp_path: Path, store: ProjectGrants) -> None:
    store.add([PUSH])
    moved = tmp_path / "moved.json"
    store.path.rename(moved)
    store.path.symlink_to(moved)
    assert store.load() == ()


def test_a_project_cannot_bring_its_grants_along(tmp_path: Path, project: Path) -> None:
    for inside in (project, project / ".data"):
        env = {"HOME": str(tmp_path), "ACP_AGENT_DATA_DIR": str(inside)}
        assert project_grants(env, project) is None
        assert project_grants(env, tmp_path / "other", [project]) is None
    link = tmp_path / "link"
    link.symlink_to(project)
    assert project_grants({"HOME": str(tmp_path), "ACP_AGENT_DATA_DIR": str(link / "x")}, project) is None
    outside = project_grants({"HOME": str(tmp_path), "ACP_AGENT_DATA_DIR": str(tmp_path / "data")}, link)
    assert outside is not None
    assert outside.root == str(project)


def test_who_cannot_lock_says_so(store: ProjectGrants) -> None:
    store.add([MAKE])
    with store.path.with_suffix(".lock").open("rb+") as file:
        assert lock(file.fileno())
        with pytest.raises(AgentError, match="Another process holds"):
            store.add([PUSH])
    store.add([PUSH])
    assert store.load() == (MAKE, PUSH)


ADDER = """
import sys
from pathlib import Path
from acp_agent.permission.gate import Rule
from acp_agent.session.granted import ProjectGrants
store = ProjectGrants(Path(sys.argv[1]), sys.argv[2])
for number in range(10):
    store.add([Rule("execute", f"{sys.argv[3]} {number}", "allow", "this project")])
"""


def test_two_processes_lose_nothing(tmp_path: Path, project: Path, store: ProjectGrants) -> None:
    line = [sys.executable, "-c", ADDER, str(tmp_path / "data"), str(project)]
    running = [subprocess.Popen([*line, name]) for name in ("one", "two")]
    assert [process.wait(timeout=30) for process in running] == [0, 0]
    assert len(store.load()) == 20
