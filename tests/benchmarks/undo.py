"""What keeping snapshots costs: `python -m tests.benchmarks.undo [RUNS]`.

The time added to an edit, and to a command that changes ten files of commands.FILES; what is kept of
TURNS turns on an installed package; and how long it takes to go back to before all of them.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from acp_agent.events import TurnStarted
from acp_agent.workspace.changes import Changes
from acp_agent.workspace.programs import which
from acp_agent.workspace.restoring import restore
from acp_agent.workspace.snapshots import Snapshots
from acp_agent.workspace.text import Text
from acp_agent.workspace.workspace import open_workspace
from tests.benchmarks.commands import FILES, commands, populate

if TYPE_CHECKING:
    from acp_agent.workspace.workspace import Workspace

PACKAGE = "hypothesis"
TURNS = 100
EDITS = 3
"""Of a turn."""
LINES = (300, 5000)
Figures = dict[str, list[float]]


def _ms(start: float) -> float:
    return 1000 * (time.perf_counter() - start)


async def _edit(workspace: Workspace, path: Path, text: str) -> None:
    place = workspace.roots.resolve(str(path))
    document = await workspace.documents.read(place)
    workspace.documents.mark_seen(document)
    await workspace.documents.write(place, Text(text), document)


async def edits(root: Path, runs: int) -> Figures:
    """An edit of a file of so many lines, without snapshots and with them, one after the other."""
    figures: Figures = {}
    snapshots = Snapshots(root / "data" / "edits.pack", print)
    snapshots(TurnStarted("turn-1"))
    for lines in LINES:
        path = root / f"{lines}.py"
        text = "".join(f"    value_{number} = compute({number * 7919})\n" for number in range(lines))
        path.write_text(text, encoding="utf-8")
        for run in range(runs + 1):
            for name, keeper in (("without", None), ("with", snapshots)):
                workspace = open_workspace(root, keeper=keeper)
                changed = text.replace("value_7 ", f"value_{name}_{run} ")
                start = time.perf_counter()
                await _edit(workspace, path, changed)
                if run:
                    figures.setdefault(f"an edit of {lines} lines {name} snapshots, ms", []).append(
                        _ms(start)
                    )
    return figures


async def ten_files(root: Path, runs: int) -> Figures:
    """A command in a large repository; `ahead` and `changed` are what snapshots add to it."""
    figures: Figures = {}
    work = commands(root)["changes ten files"]
    snapshots = Snapshots(root.parent / "data" / "commands.pack", print)
    snapshots(TurnStarted("turn-1"))
    async with Changes([root], which("git")) as changes:
        await changes.begin()
        await changes.end()
        for run in range(runs + 1):
            start = time.perf_counter()
            before = await snapshots.ahead([str(root / "package7" / "module3" / "part1" / "source_1.py")])
            ahead = _ms(start)
            await changes.begin()
            await anyio.to_thread.run_sync(work, run)
            found = await changes.end()
            start = time.perf_counter()
            await snapshots.changed(before, found.changes)
            assert len(found.changes) == 10
            if run:
                name = f"added to a command that changes ten of {FILES} files, ms"
                figures.setdefault(name, []).append(ahead + _ms(start))
    return figures


def _sources(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*.py")}


async def turns(root: Path) -> Figures:
    """Each turn changes EDITS files of the package, one of them twice."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    before = _sources(root)
    paths = sorted(before)
    snapshots = Snapshots(root.parent / "data" / "turns.pack", print)
    workspace = open_workspace(root, keeper=snapshots)
    chance = random.Random(1)
    written = 0
    for number in range(1, TURNS + 1):
        snapshots(TurnStarted(f"turn-{number}"))
        chosen = chance.sample(paths, EDITS)
        for path in (*chosen, chosen[0]):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            at = chance.randrange(len(lines) + 1)
            lines[at : at + 3] = [f"# changed in turn {number}: {chance.random()}\n" for _ in range(3)]
            await _edit(workspace, path, "".join(lines))
            written += path.stat().st_size
    size = (root.parent / "data" / "turns.pack").stat().st_size
    again = Snapshots(root.parent / "data" / "turns.pack", print)
    again(TurnStarted(f"turn-{TURNS + 1}"))
    start = time.perf_counter()
    files = await restore(open_workspace(root, keeper=again), again, "turn-1")
    took = _ms(start)
    assert _sources(root) == before
    return {
        f"{PACKAGE}, KiB": [sum(map(len, before.values())) / 1024],
        f"kept of {TURNS} turns, KiB": [size / 1024],
        "written by them, KiB": [written / 1024],
        f"back to before all of them, {len(files)} files, ms": [took],
    }


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory(prefix="acp-agent-bench-") as folder:
        root = Path(folder).resolve()
        (root / "data").mkdir(mode=0o700)
        (root / "many").mkdir()
        figures = anyio.run(edits, root, runs)
        figures |= anyio.run(turns, root / "package")
        populate(root / "many")
        figures |= anyio.run(ten_files, root / "many", runs)
    print(f"{'median of ' + str(runs) + ' runs':<58} {'median':>9} {'min':>9} {'max':>9}")
    for name, values in figures.items():
        print(f"{name:<58} {median(values):9.1f} {min(values):9.1f} {max(values):9.1f}")


if __name__ == "__main__":
    main()
