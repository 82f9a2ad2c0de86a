"""The agent driven by acpx, a client for the command line."""

from __future__ import annotations

import shlex
import signal
import subprocess
from typing import TYPE_CHECKING

import anyio
from anyio.streams.text import TextReceiveStream

from tests.interop.checkout import Outcome
from tests.support.network import serving
from tests.support.node import installed, node
from tests.support.wire import WAIT_S, JsonObject, parsed
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.support.workbench import Workbench

DECISIONS = {
    "allow_once": ["--approve-all"],
    # Without its file system, as acpx refuses files too when it denies.
    "reject_once": ["--approve-reads", "--non-interactive-permissions", "deny", "--no-fs"],
}
REFUSED = 5
"""Exit status of acpx when a permission was refused, however the turn went on."""
INTERRUPTED = 130


async def drive(workbench: Workbench, prompt: str, decision: str, cancel: bool) -> Outcome:
    return await run(workbench, prompt, decision, cancel, [])


async def drive_without_terminals(workbench: Workbench, prompt: str, decision: str, cancel: bool) -> Outcome:
    return await run(workbench, prompt, decision, cancel, ["--no-terminal"])


async def drive_over_tcp(workbench: Workbench, prompt: str, decision: str, cancel: bool) -> Outcome:
    """Through `acp-agent connect`, to a server."""
    async with serving(workbench, "--tcp", "127.0.0.1:0") as server:
        command = [*agent_command(), "connect", server.address("tcp")]
        return await run(workbench, prompt, decision, cancel, ["--agent", shlex.join(command)])


async def run(workbench: Workbench, prompt: str, decision: str, cancel: bool, more: list[str]) -> Outcome:
    options = ["--format", "json", "--cwd", str(workbench.project)]
    if "--agent" not in more:
        options += ["--agent", shlex.join(agent_command())]
    options += [*DECISIONS[decision], *more]
    frames: list[JsonObject] = []
    text = ""
    with anyio.fail_after(WAIT_S * 3):
        acpx = await anyio.open_process(
            [node(), str(installed("acpx/dist/cli.js")), *options, "exec", prompt],
            env=workbench.environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        async with acpx:
            assert acpx.stdout is not None
            async for piece in TextReceiveStream(acpx.stdout):
                *lines, text = (text + piece).split("\n")
                frames += [parsed(line.encode()) or {"stray": line} for line in lines]
                if cancel and any(update_kind(frame) == "agent_message_chunk" for frame in frames):
                    acpx.send_signal(signal.SIGINT)
                    cancel = False
    return outcome(frames, acpx.returncode, decision)


def update_kind(frame: JsonObject) -> str:
    return frame["params"]["update"]["sessionUpdate"] if frame.get("method") == "session/update" else ""


def outcome(frames: list[JsonObject], status: int | None, decision: str) -> Outcome:
    """What the frames that acpx printed tell; a failure of its own is a complaint."""
    results: list[JsonObject] = [frame.get("result") or {} for frame in frames]
    reasons = [result["stopReason"] for result in results if "stopReason" in result]
    complaints = [str(frame) for frame in frames if "stray" in frame or "error" in frame]
    expected = {0, INTERRUPTED} if decision == "allow_once" else {REFUSED}
    if status not in expected:
        complaints.append(f"exit status {status}")
    return Outcome(
        reasons[-1] if reasons else "",
        [frame["params"]["update"] for frame in frames if update_kind(frame)],
        [frame["params"] for frame in frames if frame.get("method") == "session/request_permission"],
        "\n".join(complaints),
    )
