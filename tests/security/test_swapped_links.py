"""What was checked is what is opened, while another process keeps swapping a folder for a link."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ToolError
from acp_agent.workspace import files
from acp_agent.workspace.programs import Programs, on_path
from tests.unit.tools.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

RACE_S = 1.5
LONGEST_S = 40.0
"""On a machine that does other things too a race takes until both have been seen: a win, and a refusal."""
SECRET = "geheim"
SWAPPER = """
import ctypes, os, select, sys
os.chdir(sys.argv[1])
os.symlink(sys.argv[2], "link")
print(flush=True)
exchange = (-100, b"folder", -100, b"link", 2)  # both from the working directory, in one step
swap = ctypes.CDLL(None, use_errno=True).renameat2
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(9):
        if swap(*exchange):
            raise OSError(ctypes.get_errno(), "renameat2")
"""
"""Ends, and is swapped or not, when its input is closed."""


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder like that of the project, which is not the model's."""
    folder = tmp_path / "outside"
    (folder / "sub").mkdir(parents=True)
    for name in ("file.txt", "sub/file.txt", f"{SECRET}.txt"):
        (folder / name).write_text(SECRET, encoding="utf-8")
    return folder


@pytest.fixture
def inside(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "project")
    bench.write("folder/file.txt", "ours")
    bench.write("folder/sub/file.txt", "ours")
    return bench


@contextmanager
def swapping(root: Path, outside: Path) -> Generator[None]:
    command = [sys.executable, "-c", SWAPPER, str(root), str(outside)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        yield
        process.stdin.close()
        assert process.wait(10) == 0


def racing(start: float, *, seen: bool) -> bool:
    """Whether to go on."""
    passed = time.monotonic() - start
    return passed < RACE_S or (not seen and passed < LONGEST_S)


CALLS: dict[str, dict[str, object]] = {
    "read": {"path": "folder/file.txt"},
    "list": {"path": "folder"},
    "glob": {"path": "folder", "pattern": "*.txt"},
    "grep": {"path": "folder", "pattern": "."},
    "write": {"path": "folder/sub/new.txt", "content": "new"},
}


@pytest.mark.parametrize("tool", CALLS)
async def test_a_tool_never_leaves_the_folder_it_claimed(tool: str, inside: Bench, outside: Path) -> None:
    before = tree(outside)
    done = refused = 0
    with swapping(inside.root, outside):
        start = time.monotonic()
        while racing(start, seen=bool(done and refused)):
            try:
                call = inside.bind(tool, **CALLS[tool])
                if not all(claim.inside for claim in call.claims()):
                    continue  # somebody is asked about the place outside
                output = (await call.run(inside.seen)).output
                done += 1
            except ToolError as error:
                output = str(error)
                refused += 1
            assert SECRET not in output
            assert tree(outside) == before
            for place in ("folder", "link"):
                (inside.root / place / "sub" / "new.txt").unlink(missing_ok=True)
    assert done
    assert refused


@pytest.mark.parametrize("programs", [on_path(), Programs(None, None)])
async def test_a_search_in_a_file_stays_with_that_file(
    programs: Programs, inside: Bench, outside: Path
) -> None:
    bench = Bench(inside.root, programs=programs)
    call = bench.bind("grep", path="folder/file.txt", pattern=".")
    assert all(claim.inside for claim in call.claims())
    with swapping(inside.root, outside):
        start = time.monotonic()
        while racing(start, seen=True):
            try:
                assert SECRET not in (await call.run(bench.seen)).output
            except ToolError as error:
                assert SECRET not in str(error)


@pytest.mark.parametrize("name", ["file.txt", "sub/file.txt", "sub/deep/er/new.txt"])
def test_files_are_written_and_removed_where_they_were_said_to_be(
    name: str, inside: Bench, outside: Path
) -> None:
    before = tree(outside)
    path = inside.root / "folder" / name
    done = refused = 0
    with swapping(inside.root, outside):
        start = time.monotonic()
        while racing(start, seen=bool(done and refused)):
            try:
                files.write_bytes(path, b"new")
                files.remove(path)
                done += 1
            except ToolError:
                refused += 1
            assert tree(outside) == before
    assert done
    assert refused
    assert not list(inside.root.rglob(".acp-agent-*"))


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8") if path.is_file() else ""
        for path in folder.rglob("*")
    }
