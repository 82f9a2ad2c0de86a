"""What deciding costs: each command of the security tables, and ten thousand of them line by line."""

from __future__ import annotations

import json
import os
import subprocess
import time
from itertools import cycle, islice
from statistics import median, quantiles
from typing import TYPE_CHECKING

from acp_agent.assembly.deciding import Circumstances, Deciding
from acp_agent.errors import ToolError
from tests.security.cases import cases, template
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from pathlib import Path

PASSES = 10
LINES = 10_000
LIMIT_S = 120.0


class Decisions:
    """A repository without settings, and the commands of the tables."""

    def __init__(self, root: Path) -> None:
        self._project = root / "decided-on"
        self._project.mkdir()
        template(self._project)
        self._env = {**os.environ, "HOME": str(root), "ACP_AGENT_CONFIG_DIR": str(root / "no-config")}
        table = [*cases("attacks.json"), *cases("verdicts.json")]
        self._commands = [probe for case in table for probe in case.probes if isinstance(probe, str)]

    def measure(self) -> dict[str, float]:
        """Milliseconds for one decision, seconds for ten thousand."""
        spent = self._one_by_one()
        return {
            "a decision, ms": median(spent),
            "a decision, 99th percentile, ms": quantiles(spent, n=100)[98],
            f"{LINES:,} decisions line by line, s": self._line_by_line(),
        }

    def _one_by_one(self) -> list[float]:
        deciding = Deciding(Circumstances(str(self._project)), self._env)
        spent: list[float] = []
        for _ in range(PASSES):
            for command in self._commands:
                start = time.perf_counter()
                try:
                    deciding.consider("bash", {"command": command})
                except ToolError:
                    continue
                spent.append(1000 * (time.perf_counter() - start))
        return spent

    def _line_by_line(self) -> float:
        """With the start of the process."""
        lines = (json.dumps({"tool": "bash", "input": {"command": each}}) for each in cycle(self._commands))
        given = "\n".join(islice(lines, LINES))
        start = time.monotonic()
        done = subprocess.run(
            [*agent_command(), "why", "--stdin"],
            input=given.encode(),
            cwd=self._project,
            env=self._env,
            capture_output=True,
            check=True,
            timeout=LIMIT_S,
        )
        spent = time.monotonic() - start
        assert done.stdout.count(b"\n") == LINES
        return spent
