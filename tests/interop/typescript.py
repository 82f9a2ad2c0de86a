"""The agent driven by the protocol's TypeScript SDK."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import anyio

from tests.interop.checkout import Outcome
from tests.support.network import serving
from tests.support.node import INTEROP, installed, node
from tests.support.wire import WAIT_S
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.support.workbench import Workbench


async def drive(
    workbench: Workbench, prompt: str, decision: str, cancel: bool, url: str | None = None
) -> Outcome:
    """The agent is started, or is at `url` already."""
    installed("@agentclientprotocol/sdk/package.json")
    job = {
        "command": agent_command(),
        "url": url,
        "cwd": str(workbench.project),
        "prompt": prompt,
        "decision": decision,
        "cancelAfter": "agent_message_chunk" if cancel else None,
    }
    with anyio.fail_after(WAIT_S * 2):
        done = await anyio.run_process(
            [node(), str(INTEROP / "client.mjs"), json.dumps(job)],
            env=workbench.environment(),
            stderr=subprocess.STDOUT,
            check=False,
        )
    *complaints, answer = done.stdout.decode().splitlines() or [""]
    assert done.returncode == 0, done.stdout.decode()
    seen = json.loads(answer)
    if seen["mended"] or seen["status"] != 0:
        complaints.append(f"mended: {seen['mended']}, exit status {seen['status']}")
    return Outcome(seen["stopReason"], seen["updates"], seen["permissions"], "\n".join(complaints))


async def drive_over_websocket(workbench: Workbench, prompt: str, decision: str, cancel: bool) -> Outcome:
    installed("ws/package.json")
    async with serving(workbench, "--websocket", "127.0.0.1:0") as server:
        return await drive(workbench, prompt, decision, cancel, server.address("ws"))
