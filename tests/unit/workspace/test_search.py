"""Searching gives the same answers with ripgrep, with git alone and with neither."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import ToolError
from acp_agent.workspace import search
from acp_agent.workspace.programs import Programs, on_path, which
from acp_agent.workspace.search import Found, Query, glob, grep

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ALL = on_path()
WAYS = [ALL, ALL._replace(rg=None), Programs(None, None)]
"""The last one knows no ignored files."""
both = pytest.mark.parametrize("programs", WAYS[:2], ids=["rg", "git"])
every = pytest.mark.parametrize("programs", WAYS, ids=["rg", "git", "walk"])

FILES = {
    "a.py": b"import os\n\ndef alpha():\n    return 1\n",
    "src/b.py": b"def beta():\r\n    return alpha()\r\n",
    "src/deep/c.txt": "grüße alpha 世界\n".encode(),
    "src/bom.txt": b"\xef\xbb\xbfalpha first\n",
    "src/wide.txt": "alpha wide\n".encode("utf-16"),
    "src/binary.bin": b"alpha\n" + b"x" * 100_000 + b"\n\0\nalpha\n",
    "latin.txt": b"alpha gr\xfc\xdfe\n",
    "no newline.txt": b"alpha",
    ".hidden/h.py": b"alpha\n",
    ".env": b"alpha=1\n",
    "node_modules/m.py": b"alpha\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git checkout; the folders that walking skips are ignored in it too."""
    root = tmp_path / "project"
    for name, data in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (root / ".gitignore").write_text("node_modules\n*.log\n", encoding="utf-8")
    (root / "link.py").symlink_to("a.py")
    (root / "linked").symlink_to("src")
    git(root, "init", "-q")
    return root


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, timeout=20)


def found_in(root: Path, found: Found) -> list[tuple[str, int, str, bool]]:
    return [(str(line.path.relative_to(root)), line.number, line.text, line.is_match) for line in found.lines]


def relative(root: Path, paths: Iterable[Path]) -> set[str]:
    return {str(path.relative_to(root)) for path in paths}


def test_the_programs_are_here() -> None:
    assert None not in ALL
    assert (which("rg"), which("git")) == (shutil.which("rg"), shutil.which("git"))
    assert which("no-such-program") is None


@every
async def test_matches_in_order(project: Path, programs: Programs) -> None:
    found = await grep(project, Query("alpha"), programs)
    assert found.complete
    assert found_in(project, found) == [
        ("a.py", 3, "def alpha():", True),
        ("latin.txt", 1, "alpha grüße", True),
        ("no newline.txt", 1, "alpha", True),
        ("src/b.py", 2, "    return alpha()", True),
        ("src/bom.txt", 1, "alpha first", True),
        ("src/deep/c.txt", 1, "grüße alpha 世界", True),
        ("src/wide.txt", 1, "alpha wide", True),
    ]


@every
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("^alpha", ["latin.txt", "no newline.txt", "src/bom.txt", "src/wide.txt"]),
        (r"\)$", ["src/b.py"]),
        (r"def \w+\(\):", ["a.py", "src/b.py"]),
        ("(?i)ALPHA f", ["src/bom.txt"]),
        ("世.", ["src/deep/c.txt"]),
        ("alpha(?= first)", ["src/bom.txt"]),
        (r"[^\n]world", []),
        ("-x", []),
    ],
)
async def test_patterns(project: Path, programs: Programs, pattern: str, names: list[str]) -> None:
    found = await grep(project, Query(pattern), programs)
    assert sorted(relative(project, (line.path for line in found.lines))) == names


@every
async def test_context(project: Path, programs: Programs) -> None:
    found = await grep(project, Query("def alpha", context=1), programs)
    assert found_in(project, found) == [
        ("a.py", 2, "", False),
        ("a.py", 3, "def alpha():", True),
        ("a.py", 4, "    return 1", False),
    ]


@every
@pytest.mark.parametrize(
    ("include", "names"),
    [
        ("*.py", {"a.py", "src/b.py"}),
        (
            "*.{py,txt}",
            {"a.py", "src/b.py", "latin.txt", "no newline.txt", "src/bom.txt", "src/deep/c.txt"}
            | {"src/wide.txt"},
        ),
        ("src/*", {"src/b.py", "src/bom.txt", "src/wide.txt"}),
        ("**/deep/*", {"src/deep/c.txt"}),
        (".env", {".env"}),
        ("*.nothing", set[str]()),
    ],
)
async def test_included_files(project: Path, programs: Programs, include: str, names: set[str]) -> None:
    found = await grep(project, Query("alpha", include), programs)
    assert relative(project, (line.path for line in found.lines)) == names


@both
async def test_ignored_files_stay_ignored_when_a_glob_names_them(project: Path, programs: Programs) -> None:
    (project / "debug.log").write_bytes(b"alpha\n")
    git(project, "add", "--force", "debug.log")
    found = await grep(project, Query("alpha", "*.log"), programs)
    assert found.lines == []
    assert (await glob(project, "*.log", 10, programs)).paths == []


@every
@pytest.mark.parametrize("start", ["src", "src/b.py", ".hidden", "node_modules", "node_modules/m.py"])
async def test_a_place_that_is_named_is_searched(project: Path, programs: Programs, start: str) -> None:
    found = await grep(project / start, Query("alpha"), programs)
    assert found.lines
    assert all(line.path.is_relative_to(project / start) for line in found.lines)


@every
async def test_outside_a_checkout(project: Path, programs: Programs) -> None:
    shutil.rmtree(project / ".git")
    (project / ".gitignore").unlink()
    found = await grep(project, Query("alpha", "*.py"), programs)
    assert relative(project, (line.path for line in found.lines)) == {"a.py", "src/b.py"}
    assert "node_modules/m.py" not in relative(project, (await glob(project, "*.py", 10, programs)).paths)


@every
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.py", {"a.py", "src/b.py"}),
        ("src/*", {"src/b.py", "src/bom.txt", "src/wide.txt", "src/binary.bin"}),
        ("**/.hidden/*.py", {".hidden/h.py"}),
        (".env", {".env"}),
        ("no newline.*", {"no newline.txt"}),
    ],
)
async def test_globs(project: Path, programs: Programs, pattern: str, names: set[str]) -> None:
    found = await glob(project, pattern, 100, programs)
    assert relative(project, found.paths) == names
    assert (found.total, found.complete) == (len(names), True)


@every
async def test_the_newest_file_comes_first(project: Path, programs: Programs) -> None:
    for age, name in enumerate(["src/b.py", "a.py"]):
        os.utime(project / name, (0, 1e9 - age))
    (project / "new.py").write_bytes(b"")
    found = await glob(project, "*.py", 2, programs)
    assert [path.name for path in found.paths] == ["new.py", "b.py"]
    assert found.total == 3


@every
async def test_too_many_matches_end_the_search(project: Path, programs: Programs) -> None:
    (project / "many.txt").write_bytes(b"needle\n" * (search.MATCHES + 500))
    found = await grep(project, Query("needle"), programs)
    assert (len(found.lines), found.complete) == (search.MATCHES, False)
    assert found.lines[-1].number == search.MATCHES


@every
async def test_large_files_are_left_out_unless_named(project: Path, programs: Programs) -> None:
    large = project / "large.txt"
    large.write_bytes(b"x" * 99 + b"\n" + b"needle\n" + b"y\n" * (search.FILE_LIMIT_BYTES // 2))
    assert (await grep(project, Query("needle"), programs)).lines == []
    assert len((await grep(large, Query("needle"), programs)).lines) == 1


@every
async def test_what_cannot_be_searched(project: Path, programs: Programs) -> None:
    with pytest.raises(ToolError, match="not a valid regular expression"):
        await grep(project, Query("("), programs)
    with pytest.raises(ToolError, match="within one line"):
        await grep(project, Query("a\nb"), programs)
    with pytest.raises(ToolError, match="does not exist"):
        await grep(project / "nothing", Query("a"), programs)
    with pytest.raises(ToolError, match="is a file"):
        await glob(project / "a.py", "*", 10, programs)
    with pytest.raises(ToolError, match="does not exist"):
        await glob(project / "nothing", "*", 10, programs)


@pytest.mark.parametrize("programs", WAYS[1:], ids=["git", "walk"])
async def test_an_endless_expression_is_ended(
    project: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SEARCH_LIMIT_S", 0.3)
    (project / "evil.txt").write_bytes(b"a" * 60 + b"!\n")
    with anyio.fail_after(10):
        found = await grep(project / "evil.txt", Query(r"(a+)+$"), programs)
    assert found == Found([], complete=False)


async def test_a_repository_cannot_run_a_program(project: Path) -> None:
    hook = project / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {project}/ran\n", encoding="utf-8")
    hook.chmod(0o755)
    git(project, "config", "core.fsmonitor", str(hook))
    assert (await glob(project, "*.py", 10, WAYS[1])).paths
    assert not (project / "ran").exists()


async def test_repositories_within_are_searched(project: Path) -> None:
    inner = project / "inner"
    inner.mkdir()
    (inner / "i.py").write_bytes(b"alpha\n")
    git(inner, "init", "-q")
    answers = [relative(project, (await glob(project, "*.py", 10, programs)).paths) for programs in WAYS]
    assert answers == [{"a.py", "src/b.py", "inner/i.py"}] * 3


@every
@pytest.mark.parametrize("times", [200_000, 1_000_000])
async def test_a_line_that_matches_all_over_holds_nothing_up(
    project: Path, programs: Programs, times: int
) -> None:
    """Minified code: ripgrep tells every place that matches, here up to 70 MB of them."""
    (project / "minified.js").write_bytes(b"alpha " * times + b"\n")
    with anyio.fail_after(15):
        found = await grep(project, Query("alpha"), programs)
    assert {"a.py", "no newline.txt"} <= {line.path.name for line in found.lines}
    told = any(line.path.name == "minified.js" for line in found.lines)
    assert told or not found.complete
