"""Finds and ends the processes of commands; run as a program, ends them when the agent is gone.

The program reads a pipe that only the agent holds: `+MARKER LEADER` names a command whose
processes must not outlive the agent, `-MARKER` one that has ended. It is run by path with
`-I -S`, so it must import next to nothing, and nothing of this package.
"""

from __future__ import annotations

import os
import signal
import time

MARKER_VARIABLE = "ACP_AGENT_COMMANDS"
"""Holds the markers of the commands that a process belongs to; children inherit it."""
END_LIMIT_S = 1.8
"""What is not dead after so long cannot be killed."""
LOOK_AGAIN_S = 0.02
ROUNDS = 20
"""Something may start processes as fast as we can stop them."""
STOP_PAUSE_S = 0.001
"""What a process takes to stop that has been told to."""
CALM_LOOKS = 3
"""A process may be between fork and exec, not to be recognised, when we look."""
PROC = "/proc"


def kin(marker: str, leader: int) -> set[int]:
    """Pids of what still runs of a command: its session, its group, everything with its marker,
    and all their descendants. Where there is no /proc, its group as a negative number.

    `leader` is the first process of the session and group, 0 when it is not known.
    """
    parents: dict[int, int] = {}
    found: set[int] = set()
    try:
        names = os.listdir(PROC)
    except OSError:
        return _group(leader)
    wanted = marker.encode()
    for pid in [int(name) for name in names if name.isdigit()]:
        try:
            with open(f"{PROC}/{pid}/stat", "rb") as file:
                state, parent, group, session = file.read().rpartition(b")")[2].split()[:4]
            if state in {b"Z", b"X"}:
                continue
            parents[pid] = int(parent)
            if leader and leader in (int(group), int(session)):
                found.add(pid)
                continue
            with open(f"{PROC}/{pid}/environ", "rb") as file:
                if wanted in file.read():
                    found.add(pid)
        except (OSError, ValueError):
            continue  # it has ended meanwhile, or belongs to somebody else
    grown = -1
    while grown != len(found):
        grown = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found


def _group(leader: int) -> set[int]:
    try:
        os.killpg(leader, 0)
    except OSError:
        return set()
    return {-leader} if leader else set()


def freeze(marker: str, leader: int) -> set[int]:
    """Stops all that still runs of a command and returns it.

    Whoever is to be ended is stopped first: a shell whose child has just been killed would
    else go on with what comes next. A look counts only once everybody known has really stopped:
    until then one of them may yet start another.
    """
    frozen: set[int] = set()
    still = False
    for _ in range(ROUNDS):
        alive = kin(marker, leader)
        if alive <= frozen and still:
            return alive
        send(alive - frozen, signal.SIGSTOP)
        frozen |= alive
        still = all(map(_stopped, alive))
        if not still:
            time.sleep(STOP_PAUSE_S)
    return frozen


def _stopped(pid: int) -> bool:
    """Whether it can start nothing any more; where there is no /proc that is not known."""
    try:
        with open(f"{PROC}/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in {b"T", b"t", b"Z", b"X"}
    except (OSError, IndexError):
        return True


def send(pids: set[int], number: int) -> None:
    """Sends a signal to each that is still there, the oldest first: they start the others."""
    for pid in sorted(pids):
        try:
            os.kill(pid, number)
        except OSError:
            continue


def end(commands: dict[str, int]) -> None:
    """Kills every process of these commands: markers and their leaders."""
    deadline = time.monotonic() + END_LIMIT_S
    calm = 0
    while calm < CALM_LOOKS and time.monotonic() < deadline:
        alive = {pid for marker, leader in commands.items() for pid in freeze(marker, leader)}
        send(alive, signal.SIGKILL)
        calm = 0 if alive else calm + 1
        time.sleep(LOOK_AGAIN_S)


def main() -> None:
    """Waits for the agent to go, then ends its commands and itself."""
    os.chdir("/")
    os.setsid()  # a signal to the agent's group must not end its guard first
    commands: dict[str, int] = {}
    rest = b""
    while chunk := os.read(0, 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            marker, _, leader = line[1:].decode().partition(" ")
            if line.startswith(b"+"):
                commands[marker] = int(leader)
            else:
                commands.pop(marker, None)
    if commands:
        end(commands)


if __name__ == "__main__":
    main()
