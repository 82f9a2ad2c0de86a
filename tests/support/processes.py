"""Which processes a test has left behind, told by its folder in their environment or place."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.support.wire import WAIT_S

LOOK_AGAIN_S = 0.02
CALM_LOOKS = 3
"""A process that is just being replaced by another program cannot be seen."""
GONE_S = 2.0
"""How long a process may outlive the agent that started it."""


def alive(root: Path) -> dict[int, str]:
    """Pid and command line of every process started under `root`, zombies left out."""
    found: dict[int, str] = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            of_ours = str(root).encode() in (process / "environ").read_bytes()
            inside = (process / "cwd").readlink().is_relative_to(root)
        except OSError:
            continue  # it ended while we looked, or belongs to somebody else
        if command and (of_ours or inside):
            found[int(process.name)] = command
    return found


def of_command(root: Path, text: str) -> list[int]:
    """Pids of processes under `root` that have `text` in their command line."""
    return [pid for pid, command in alive(root).items() if text in command]


async def wait_for_command(root: Path, text: str) -> None:
    """Wait until a process with `text` in its command line runs."""
    with anyio.fail_after(WAIT_S):
        while not of_command(root, text):  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(LOOK_AGAIN_S)


async def assert_gone(root: Path, text: str) -> None:
    """Raises AssertionError when a process with `text` in its command line still runs after a while."""
    with anyio.move_on_after(GONE_S):
        while of_command(root, text):  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(LOOK_AGAIN_S)
    assert not of_command(root, text)


async def assert_all_gone(root: Path, within: float = GONE_S) -> None:
    """Raises AssertionError when a process started under `root` still runs after `within` seconds."""
    left, calm = alive(root), 0
    with anyio.move_on_after(within):
        while calm < CALM_LOOKS:
            await anyio.sleep(LOOK_AGAIN_S)
            left = alive(root)
            calm = 0 if left else calm + 1
    assert not left, left
