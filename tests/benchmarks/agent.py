"""The agent under measurement: a process, and a client that stamps every line as it comes."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT_S = 30.0
Message = dict[str, Any]


class Stamped(NamedTuple):
    at: float
    """Seconds, monotonic."""
    message: Message


class Agent:
    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.updates: list[Stamped] = []
        self._arrived: queue.SimpleQueue[Stamped] = queue.SimpleQueue()
        self._next_id = 0
        self.spawned = time.monotonic()
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._arrived.put(Stamped(time.monotonic(), json.loads(line)))

    def ask(self, method: str, **params: object) -> Stamped:
        """Sends a request and serves the agent until the answer is there."""
        self._next_id += 1
        wanted = self._next_id
        self._send({"id": wanted, "method": method, "params": params})
        while True:
            stamped = self._arrived.get(timeout=LIMIT_S)
            message = stamped.message
            if message.get("method") == "session/update":
                self.updates.append(stamped)
            elif message.get("method") == "fs/read_text_file":
                text = Path(message["params"]["path"]).read_text(encoding="utf-8")
                self._send({"id": message["id"], "result": {"content": text}})
            elif message.get("id") == wanted and "method" not in message:
                assert "result" in message, message
                return stamped
            elif "id" in message:
                raise AssertionError(f"nobody answers {message}")

    def _send(self, message: Message) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def texts(self, since: float) -> list[Stamped]:
        """The updates that carry the model's text."""
        kind = "agent_message_chunk"
        return [
            u
            for u in self.updates
            if u.at >= since and u.message["params"]["update"]["sessionUpdate"] == kind
        ]

    def pss_mb(self) -> float:
        """Proportional set size in MB; 0 where the system does not tell."""
        try:
            rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            return 0.0
        return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024

    def close(self) -> None:
        """Ends the process if it is still there."""
        self.process.kill()
        self.process.wait(LIMIT_S)

    def leave(self) -> float:
        """Closes the agent's input; the seconds until it has left."""
        assert self.process.stdin is not None
        start = time.monotonic()
        self.process.stdin.close()
        self.process.wait(LIMIT_S)
        return time.monotonic() - start
