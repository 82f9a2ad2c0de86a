"""Waiting for a program to end, and ending it with everything it has started."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from acp_agent.workspace.guard import freeze, kin, send

if TYPE_CHECKING:
    import subprocess

GRACE_S = 0.3
"""Between asking processes to end and killing them. A cancelled call is over within a second."""
KILL_LIMIT_S = 0.5
"""A process that is still there so long after SIGKILL cannot be waited for."""
LOOK_AGAIN_S = 0.01


async def exited(process: subprocess.Popen[bytes]) -> None:
    """Waits until it has ended. It is not reaped by that: its pid names its group."""
    try:
        if sys.platform != "linux":
            raise OSError
        fd = os.pidfd_open(process.pid)
    except OSError:
        while process.poll() is None:  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(LOOK_AGAIN_S)
        return
    try:
        await anyio.wait_readable(fd)
    finally:
        os.close(fd)


async def left_of(marker: str, process: subprocess.Popen[bytes]) -> set[int]:
    """What still runs of what carries `marker` and began with `process`."""
    if sys.platform != "linux":
        process.poll()
    return await anyio.to_thread.run_sync(kin, marker, process.pid)


async def end(marker: str, process: subprocess.Popen[bytes], *, spared: bool = False) -> None:
    """Asks whatever runs to end, and kills what does not. Bounded; to be shielded.

    `process` itself is not asked when it is `spared`: what a sandbox holds would be killed with it, unasked.
    """
    left = await anyio.to_thread.run_sync(freeze, marker, process.pid)
    send(left - {process.pid} if spared else left, signal.SIGTERM)
    send(left, signal.SIGCONT)
    with anyio.move_on_after(GRACE_S):
        while await left_of(marker, process):  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(LOOK_AGAIN_S)
        return
    with anyio.move_on_after(KILL_LIMIT_S):
        while left := await anyio.to_thread.run_sync(freeze, marker, process.pid):
            send(left, signal.SIGKILL)
            await anyio.sleep(LOOK_AGAIN_S)
