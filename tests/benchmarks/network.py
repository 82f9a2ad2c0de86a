"""What serving over the network costs: `python -m tests.benchmarks.network [CYCLES]`.

How fast the bridge starts, how fast a client is let in, and what so many connections leave behind.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

LIMIT_S = 30.0
STARTS = 20
CALM_S = 0.5
"""For what ends a little later than the connection it was for."""
HELLO = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n'


class Held(NamedTuple):
    """What a process has at the moment."""

    descriptors: int
    threads: int
    processes: int
    resident_mb: float


def held(pid: int) -> Held:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    children = sum(
        len(path.read_text(encoding="ascii").split()) for path in Path(f"/proc/{pid}/task").glob("*/children")
    )
    return Held(
        len(os.listdir(f"/proc/{pid}/fd")),
        int(fields["Threads"]),
        children,
        int(fields["VmRSS"].split()[0]) / 1024,
    )


@contextmanager
def serving(root: Path) -> Generator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    """A server with the scripted model, and where it listens."""
    for folder in ("config", "data", "project"):
        (root / folder).mkdir()
    (root / "script.json").write_text('{"rules": [], "otherwise": [{"text": ["Hi."]}]}', encoding="utf-8")
    entry = {"provider_type": "scripted", "script": str(root / "script.json")}
    settings = json.dumps({"providers": {"script": entry}})
    (root / "config" / "config.json").write_text(settings, encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "ACP_AGENT_CONFIG_DIR": str(root / "config")}
    env["ACP_AGENT_DATA_DIR"] = str(root / "data")
    command = [*agent_command(), "serve", "--tcp", "127.0.0.1:0"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True, encoding="utf-8") as server:
        assert server.stderr
        host, _, port = server.stderr.readline().rpartition("//")[2].strip().rpartition(":")
        yield server, (host, int(port))
        server.terminate()


def visit(place: tuple[str, int], session_in: Path | None = None) -> float:
    """One client: connects, is let in, opens a session if wanted, and leaves. The ms until it was in."""
    start = time.perf_counter()
    with socket.create_connection(place, timeout=LIMIT_S) as client, client.makefile("rb") as lines:
        client.sendall(HELLO)
        assert b"result" in lines.readline()
        took = 1000 * (time.perf_counter() - start)
        if session_in:
            params: dict[str, object] = {"cwd": str(session_in), "mcpServers": []}
            request: dict[str, object] = {
                "jsonrpc": "2.0",
                "id": 2,
                "method": "session/new",
                "params": params,
            }
            client.sendall(json.dumps(request).encode() + b"\n")
            assert b"result" in lines.readline()
        return took


def first_byte(command: Sequence[str]) -> float:
    """From the start of a program to the first byte it gives back of what it is given, ms."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin and program.stdout
        program.stdin.write(b"x\n")
        program.stdin.flush()
        program.stdout.read(1)
        took = 1000 * (time.perf_counter() - start)
        program.stdin.close()
    return took


def echo(listener: socket.socket) -> None:
    """Gives back what comes, one connection after the other."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            while data := client.recv(1 << 16):
                client.sendall(data)


def tell(name: str, values: Sequence[float]) -> None:
    print(f"{name:<44} {median(values):9.1f} {min(values):9.1f} {max(values):9.1f}")


def bridges() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        plain = [sys.executable, "-c", "import os; os.write(1, os.read(0, 9))"]
        bridge = [*agent_command(), "connect", address]
        tell("python → first byte, ms", [first_byte(plain) for _ in range(STARTS)])
        tell("connect → first byte through it, ms", [first_byte(bridge) for _ in range(STARTS)])


def cycles(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="acp-agent-bench-") as folder:
        root = Path(folder).resolve()
        with serving(root) as (server, place):
            visit(place, root / "project")  # what is loaded and opened only once
            time.sleep(CALM_S)
            before = held(server.pid)
            start = time.perf_counter()
            tell(f"TCP → initialize, of {count} clients, ms", [visit(place) for _ in range(count)])
            print(f"{'all of them, s':<44} {time.perf_counter() - start:9.2f}")
            time.sleep(CALM_S)
            after = held(server.pid)
    for name, one, other in zip(Held._fields, before, after, strict=True):
        print(f"{name + ' before, after':<44} {one:9.1f} {other:9.1f}")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{'':<44} {'median':>9} {'min':>9} {'max':>9}")
    bridges()
    cycles(count)


if __name__ == "__main__":
    main()
