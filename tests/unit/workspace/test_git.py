"""What the agent itself asks of git runs nothing that a repository names."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.workspace import checkout, git, listing
from acp_agent.workspace.changes import Changes
from acp_agent.workspace.inotify import Inotify
from acp_agent.workspace.programs import Programs

if TYPE_CHECKING:
    from pathlib import Path

GIT = shutil.which("git") or "git"
WAIT_S = 30.0
MARKER = "ran-"


def run(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    subprocess.run([GIT, *identity, *arguments], cwd=root, check=True, timeout=30)


def program(folder: Path, name: str) -> str:
    """One that leaves a trace when it is run."""
    path = folder / name
    path.write_text(f"#!/bin/sh\ntouch {folder}/{MARKER}{name}\ncat\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def traces(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(f"{MARKER}*"))


def stir(root: Path) -> None:
    """Makes git look into files: what it had noted of them is no longer so."""
    for name in ("a.txt", "b.md", ".gitattributes"):
        path = root / name
        path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (root / "a.txt").write_text("changed\n", encoding="utf-8")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "a.txt").write_text("one\n", encoding="utf-8")
    (root / "b.md").write_text("b\n", encoding="utf-8")
    (root / ".gitattributes").write_text("*.txt filter=mine diff=mine\n*.md filter=proc\n", encoding="utf-8")
    (root / ".gitignore").write_text("*.log\nbuild/\n", encoding="utf-8")
    run(root, "init", "-q")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "x")
    settings = {
        "core.fsmonitor": "monitor",
        "core.pager": "pager",
        "pager.ls-files": "pager",
        "core.hooksPath": "hooks",
        "core.editor": "editor",
        "core.askPass": "askpass",
        "core.sshCommand": "ssh",
        "core.gitProxy": "proxy",
        "core.alternateRefsCommand": "refs",
        "diff.external": "external",
        "diff.mine.command": "driver",
        "diff.mine.textconv": "textconv",
        "filter.mine.clean": "clean",
        "filter.mine.smudge": "smudge",
        "filter.proc.process": "process",
        "alias.ls-files": "!alias",
        "credential.helper": "credential",
        "gpg.program": "gpg",
        "submodule.recurse": "true",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": "ext::upload",
        "remote.origin.uploadpack": "upload",
    }
    for name, value in settings.items():
        place = value if value in ("true", "origin", "ext::upload") else program(tmp_path, value.strip("!"))
        run(root, "config", name, place if value[0] != "!" else f"!{place}")
    shutil.copy(program(tmp_path, "hook"), root / ".git" / "hooks" / "post-index-change")
    for path in tmp_path.glob(f"{MARKER}*"):
        path.unlink()
    stir(root)
    return root


async def test_asking_runs_nothing(hostile: Path) -> None:
    with anyio.fail_after(WAIT_S):
        repository = await git.opened(GIT, hostile)
        (hostile / "build").mkdir()
        ignored = await checkout.ignored_folders(repository, str(hostile))
        found = await checkout.look(repository, str(hostile))
        assert found is not None
        assert ignored == {f"{hostile}/build"}
        assert f"{hostile}/a.txt" in found.changed
        assert await found.texts([f"{hostile}/b.md", f"{hostile}/.gitignore"]) == {
            f"{hostile}/.gitignore": b"*.log\nbuild/\n"
        }
        assert await found.ignored([f"{hostile}/x.log", f"{hostile}/x"]) == {f"{hostile}/x.log"}
        names = (await listing.files(hostile, Programs(None, GIT), hidden=False)).names
    assert sorted(names) == ["a.txt", "b.md"]
    assert traces(hostile.parent) == []


async def test_objects_that_are_missing_are_not_fetched(hostile: Path) -> None:
    repository = await git.opened(GIT, hostile)
    with anyio.fail_after(WAIT_S):
        output = await repository.run("cat-file", "--batch", stdin=b"1" * 40 + b"\n")
    assert not output.data.startswith(b"blob")
    assert traces(hostile.parent) == []


async def test_looking_at_what_a_command_changes_runs_nothing(hostile: Path) -> None:
    changes = Changes([hostile], GIT, watches=(Inotify,))
    with anyio.fail_after(WAIT_S):
        async with changes:
            await changes.begin()
            stir(hostile)
            for name in ("a.txt", "b.md", "new.txt", "x.log"):
                (hostile / name).write_text("2\n", encoding="utf-8")
            found = await changes.end()
    told = {change.path.rpartition("/")[2]: change.old for change in found.changes}
    assert told == {"a.txt": b"changed\n", "b.md": None, "new.txt": None}
    assert traces(hostile.parent) == []


async def test_a_folder_that_looks_like_a_bare_repository(tmp_path: Path) -> None:
    """Its settings would be believed before those of the repository that it is in."""
    root = tmp_path / "project"
    bare = root / "docs"
    bare.mkdir(parents=True)
    run(root, "init", "-q")
    (bare / "x.txt").write_text("x\n", encoding="utf-8")
    run(root, "add", "-A")
    run(root, "init", "-q", "--bare", "docs")
    shutil.copy(root / ".git" / "index", bare / "index")
    core = f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = {root}\n"
    settings = bare / "config"
    settings.write_text(f"{core}\tfsmonitor = {program(tmp_path, 'monitor')}\n", encoding="utf-8")
    run(bare, "ls-files", "-m")
    assert traces(tmp_path) == [f"{MARKER}monitor"]
    (tmp_path / f"{MARKER}monitor").unlink()
    settings.write_text(f'{core}[filter "a=b"]\n\tclean = {program(tmp_path, "clean")}\n', encoding="utf-8")
    with anyio.fail_after(WAIT_S):
        repository = await git.opened(GIT, bare)  # not refused, as those settings would be
        assert await checkout.look(repository, str(bare)) is None
        await listing.files(bare, Programs(None, GIT), hidden=False)
    assert traces(tmp_path) == []


def test_objects_are_found_by_their_path() -> None:
    names = [f"d{at // 100}/f{at:05}" for at in range(2000)]
    records = [f"H 100644 {at:040x} 0\t{name}".encode() for at, name in enumerate(sorted(names))]
    objects = checkout.Objects(records)
    for at, name in enumerate(sorted(names)):
        assert objects.of(name) == f"{at:040x}"
    for name in ("", "d", "d1", "d1/", "f00001", "d1/f0010", "d1/f001000", "~"):
        assert objects.of(name) == ""
    assert checkout.Objects([]).of("a") == ""
