"""What a sandbox adds to each command: `python -m tests.benchmarks.sandbox [RUNS]`.

`true` is run by the tool that runs commands, claims, walls and a look at guarded files included, in a
repository and a home folder of ordinary size.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import anyio

from acp_agent.workspace.confining import Chosen
from tests.support.cell import cell

if TYPE_CHECKING:
    from acp_agent.workspace.sandbox import Mode

RUNS = 30
MODES: tuple[Mode, ...] = ("off", "bwrap", "landlock")
FILES = 200
"""At the top of the home folder, and of the project."""


async def measure(mode: Mode, top: Path, runs: int) -> list[float]:
    """Milliseconds of each run, and of the first one of the session at the beginning."""
    found: list[float] = []
    async with cell(top, Chosen(mode)) as made:
        for number in range(FILES):
            (made.home / f".file-{number}").touch()
            (made.root / f"file-{number}").touch()
        for _ in range(runs + 1):
            start = time.perf_counter()
            await made.run("true")
            found.append((time.perf_counter() - start) * 1000)
    return found


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    for mode in MODES:
        with tempfile.TemporaryDirectory(prefix="acp-agent-bench-") as folder:
            os.environ["HOME"] = f"{folder}/home"
            _, *found = anyio.run(measure, mode, Path(folder), runs)
        print(f"a command, sandbox {mode:<10} {median(found):9.1f} {min(found):9.1f} {max(found):9.1f}")


if __name__ == "__main__":
    main()
