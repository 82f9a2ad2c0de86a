"""What the agent itself costs, on a model that answers at once: `python -m tests.benchmarks [RUNS]`.

Each figure is the median of the runs, after one run that is not counted. Cold means a new
process with its files in the page cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import cast

from tests.benchmarks.agent import Agent
from tests.benchmarks.decisions import Decisions
from tests.benchmarks.sessions import Sessions
from tests.support.workbench import agent_command

IDLE_S = 1.0
CHUNKS = 2000
TURNS = 20
Figures = dict[str, float]


class Model:
    """The model service in a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("model_server.py"))]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def records(self) -> list[dict[str, object]]:
        """What was asked since the last call."""
        with urllib.request.urlopen(f"{self.url}/records", timeout=10) as answer:
            return json.load(answer)

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


def measure(model: Model, root: Path) -> Figures:
    """One run of a new agent, all figures but bytes and memory in milliseconds."""
    for folder in ("project", "config", "data"):
        (root / folder).mkdir()
    (root / "project" / "notes.txt").write_text("A note.\n" * 10, encoding="utf-8")
    entry = {"provider_type": "openai", "base_url": model.url, "model": "bench", "api_key": "none"}
    settings = json.dumps({"providers": {"bench": entry}})
    (root / "config" / "config.json").write_text(settings, encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "ACP_AGENT_CONFIG_DIR": str(root / "config")}
    env["ACP_AGENT_DATA_DIR"] = str(root / "data")
    with closing(Agent(agent_command(), env)) as agent:
        return _figures(model, agent, root)


def _figures(model: Model, agent: Agent, root: Path) -> Figures:
    files = {"readTextFile": True, "writeTextFile": True}
    initialized = agent.ask("initialize", protocolVersion=1, clientCapabilities={"fs": files})
    start = time.monotonic()
    created = agent.ask("session/new", cwd=str(root / "project"), mcpServers=[])
    session_id = created.message["result"]["sessionId"]
    time.sleep(IDLE_S)
    figures = {
        "spawn → initialize, ms": 1000 * (initialized.at - agent.spawned),
        "session/new, ms": 1000 * (created.at - start),
        "idle PSS, MB": agent.pss_mb(),
    }

    def prompt(text: str) -> float:
        sent = time.monotonic()
        agent.ask("session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": text}])
        return sent

    sent = prompt("hello")
    (first,) = model.records()
    figures["first request, bytes"] = float(str(first["bytes"]))
    figures["first prompt → first text, ms"] = 1000 * (agent.texts(sent)[0].at - sent)
    figures["cold start → first text, ms"] = sum(
        figures[part]
        for part in ("spawn → initialize, ms", "session/new, ms", "first prompt → first text, ms")
    )
    to_model: list[float] = []
    for _ in range(5):
        sent = prompt("hello")
        (record,) = model.records()
        to_model.append(1000 * (float(str(record["arrived"])) - sent))
    figures["prompt → model, ms"] = median(to_model)
    figures |= _stream(model, agent, prompt(f"chunks:{CHUNKS}"))
    prompt(f"{root}/project/notes.txt read:{TURNS}")
    turns = model.records()
    gaps = [float(str(b["arrived"])) - float(str(a["done"])) for a, b in pairwise(turns)]
    figures["tool turn, ms"] = 1000 * sum(gaps) / len(gaps)
    figures["PSS after, MB"] = agent.pss_mb()
    figures["exit on EOF, ms"] = 1000 * agent.leave()
    return figures


def _stream(model: Model, agent: Agent, sent: float) -> Figures:
    """How long the stream took, and how long the slowest piece of it was under way."""
    (record,) = model.records()
    spoken = cast("list[float]", record["sent"])
    updates = agent.texts(sent)
    arrivals: list[float] = []
    for update in updates:
        pieces = len(update.message["params"]["update"]["content"]["text"]) // 4
        arrivals += [update.at] * pieces
    assert len(arrivals) == len(spoken) == CHUNKS
    return {
        f"{CHUNKS} chunks, ms": 1000 * (arrivals[-1] - spoken[0]),
        "slowest chunk, ms": 1000 * max(b - a for a, b in zip(spoken, arrivals, strict=True)),
        "notifications": float(len(updates)),
    }


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    found: list[Figures] = []
    with closing(Model()) as model:
        for _ in range(runs + 1):
            with tempfile.TemporaryDirectory(prefix="acp-agent-bench-") as folder:
                found.append(measure(model, Path(folder)))
    with tempfile.TemporaryDirectory(prefix="acp-agent-bench-") as folder:
        sessions, decisions = Sessions(Path(folder)), Decisions(Path(folder))
        found = [figures | sessions.measure() | decisions.measure() for figures in found]
    print(f"{'median of ' + str(runs) + ' runs':<40} {'median':>9} {'min':>9} {'max':>9}")
    for name in found[0]:
        values = [figures[name] for figures in found[1:]]
        print(f"{name:<40} {median(values):9.1f} {min(values):9.1f} {max(values):9.1f}")


if __name__ == "__main__":
    main()
