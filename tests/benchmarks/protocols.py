"""What each wire protocol costs, from the service's socket to the loop's events.

`python -m tests.benchmarks.protocols [RUNS]`. A service in a process of its own sends chunks of
text: all at once, and one after the other with a pause, so that each can be timed. The protocols
take turns, so that what else the machine does befalls all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_adapters.http import Outgoing, close_clients, fetch
from acp_agent.assembly.adapters import connect
from acp_agent.models.stream import Finished, TextPiece
from tests.support.asking import HELLO, route
from tests.support.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.services import Service

CHUNKS = 2000
PACED = 200
PAUSE_MS = 1
LIMIT_S = 60.0


class Cost(NamedTuple):
    whole_ms: float
    """From the first chunk that was sent to the last that came, all sent at once."""
    cpu_ms: float
    """What of that this process has worked."""
    added_ms: float
    """From the sending of a chunk to its event, the median of those with a pause between them."""


@contextmanager
def serving(chunks: int) -> Generator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.protocol_server", str(chunks)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


async def answered(service: Service, url: str, pause_ms: float) -> tuple[list[float], list[float], float]:
    """When each chunk of text was sent, when it came, and how long this process has worked on it all."""
    model = connect(route(service, url, headers={"X-Pause-Ms": str(pause_ms)}))
    came: list[float] = []
    end: object = None
    worked = time.process_time()
    with anyio.fail_after(LIMIT_S):
        async for event in model.stream(HELLO):
            if isinstance(event, TextPiece):
                came.append(time.monotonic())
            end = event
    worked = time.process_time() - worked
    assert isinstance(end, Finished), end
    sent: list[float] = json.loads((await fetch(Outgoing(f"{url}/sent", method="GET"), 10)).body)
    # Some protocols have events around the text.
    begin = next(at for at, piece in enumerate(service.speak([TextPiece("000 "), end])) if b"000 " in piece)
    return sent[begin : begin + len(came)], came, worked


async def measure(service: Service, fast: str, slow: str) -> Cost:
    sent, came, worked = await answered(service, fast, 0)
    assert len(came) == CHUNKS
    paced, arrived, _ = await answered(service, slow, PAUSE_MS)
    added = median(after - before for before, after in zip(paced, arrived, strict=True))
    return Cost(1000 * (came[-1] - sent[0]), 1000 * worked, 1000 * added)


async def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    found: dict[str, list[Cost]] = {service.protocol: [] for service in SERVICES}
    with serving(CHUNKS) as fast, serving(PACED) as slow:
        for _ in range(runs + 1):  # the first does not count
            for service in SERVICES:
                found[service.protocol].append(await measure(service, fast, slow))
    await close_clients()
    usual = median(cost.whole_ms for cost in found["openai"][1:])
    print(f"{'median of ' + str(runs) + ' runs':<20} {f'{CHUNKS} chunks, ms':>20} {'of chat':>9}", end="")
    print(f" {'worked, ms':>12} {'added to a chunk, ms':>22}")
    for protocol, costs in found.items():
        whole = [cost.whole_ms for cost in costs[1:]]
        spread = f"{median(whole):.1f} ({min(whole):.0f}-{max(whole):.0f})"
        cpu, added = (median(each) for each in zip(*[cost[1:] for cost in costs[1:]], strict=True))
        print(f"{protocol:<20} {spread:>20} {median(whole) / usual:>9.2f} {cpu:>12.1f} {added:>22.3f}")


if __name__ == "__main__":
    anyio.run(main)
