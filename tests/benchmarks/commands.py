"""What showing the changes of commands costs: `python -m tests.benchmarks.commands [RUNS]`.

The time added to a command's call, before it and after it, in a repository of FILES files; and one
whole turn with a command, with and without.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import anyio

from acp_agent.workspace.changes import Changes
from acp_agent.workspace.programs import which

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = 50_000
IN_A_FOLDER = 10
Figures = dict[str, float]


def populate(root: Path) -> None:
    """FILES files of some hundred bytes in FILES / IN_A_FOLDER folders, three deep; committed."""
    for number in range(FILES // IN_A_FOLDER):
        folder = root / f"package{number % 50}" / f"module{number // 50 % 10}" / f"part{number // 500}"
        folder.mkdir(parents=True, exist_ok=True)
        for name in range(IN_A_FOLDER):
            (folder / f"source_{name}.py").write_text(f"# {number} {name}\n" * 20, encoding="utf-8")
    (root / ".gitignore").write_text("*.log\nbuild/\n", encoding="utf-8")
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "gc.auto=0")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        subprocess.run(["git", *identity, *arguments], cwd=root, check=True)


def commands(root: Path) -> dict[str, Callable[[int], None]]:
    """By what they do. Each run is another."""

    def part(run: int) -> Path:
        return root / "package7" / "module3" / f"part{run % 10}"

    def write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")

    def write_ten(run: int) -> None:
        for number in range(10):
            write(part(run) / f"source_{number}.py", f"{run}")

    def make_folder(run: int) -> None:
        (root / f"new{run}").mkdir()
        write(root / f"new{run}" / "a.py", "a")

    return {
        "changes nothing": lambda run: None,
        "changes one file": lambda run: write(part(run) / "source_1.py", f"{run}"),
        "changes ten files": write_ten,
        "changes a file that has changed before": lambda run: write(root / ".gitignore", f"*.log\n# {run}\n"),
        "makes a file": lambda run: write(part(run) / "new.py", f"{run}"),
        "makes a folder with a file": make_folder,
    }


async def measure(root: Path, runs: int) -> dict[str, list[float]]:
    """In milliseconds."""
    figures: dict[str, list[float]] = {}
    for _ in range(min(runs, 3)):
        async with Changes([root], which("git")) as changes:
            start = time.perf_counter()
            await changes.begin()
            await changes.end()
            figures.setdefault("the first look, which the first turn begins", []).append(_ms(start))
    async with Changes([root], which("git")) as changes:
        await changes.begin()
        await changes.end()
        for name, work in commands(root).items():
            for run in range(runs + 1):
                start = time.perf_counter()
                await changes.begin()
                before = _ms(start)
                with changes.following():
                    await anyio.to_thread.run_sync(work, run)
                start = time.perf_counter()
                found = await changes.end()
                assert bool(found.changes) is (name != "changes nothing"), found
                if run:
                    figures.setdefault(name, []).append(before + _ms(start))
    return figures


def _ms(start: float) -> float:
    return 1000 * (time.perf_counter() - start)


def _memory_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory(prefix="acp-agent-bench-") as folder:
        root = Path(folder).resolve()
        populate(root)
        before = _memory_mb()
        figures = anyio.run(measure, root, runs)
        after = _memory_mb()
    print(f"{'a command in ' + str(FILES) + ' files, ms':<45} {'median':>9} {'min':>9} {'max':>9}")
    for name, values in figures.items():
        print(f"{name:<45} {median(values):9.1f} {min(values):9.1f} {max(values):9.1f}")
    print(f"{'memory that it takes, MB':<45} {after - before:9.1f}")


if __name__ == "__main__":
    main()
