"""bubblewrap: a mount namespace of the command's own, and no network unless it is opened."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.workspace.programs import which
from acp_agent.workspace.sandbox import SandboxError, Wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acp_agent.workspace.sandbox import Confinement, Sandbox

NOTHING = str(Path(__file__).with_name("nothing"))
"""An empty file, to be seen in the place of a secret one."""
TEMPORARY = ("/tmp", "/var/tmp")
RUNNING = ("/run", "/var/run")
"""Where services have their sockets: of the container engine, the session bus, agents with keys."""
KEPT_RUNNING = ("/run/current-system", "/run/booted-system", "/run/opengl-driver", "/run/wrappers")
"""What is no socket there, and holds the programs of some distributions."""
FOR_NAMES = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager")
"""What the network needs there to look up names."""
ENGINES = (
    ".docker/run/docker.sock", ".docker/desktop/docker.sock", ".colima/default/docker.sock",
    ".orbstack/run/docker.sock", ".rd/docker.sock",
)  # fmt: skip
"""Sockets in the home folder behind which somebody starts containers with anything mounted."""
PROC_LIMIT_S = 5.0
AGENT = "SSH_AUTH_SOCK"

# Runs the command and ends as it does, not before what it has left in the background has had a
# moment to end: all that is left then dies with this shell, and the agent is told that it was there.
# The command is not this shell itself, so that a kill of all it can reach is reported as its own end.
# Whoever asks it to end means the command, which is asked too.
_RUN = """trap : TERM INT HUP
exec 3>&2 2>/dev/null
( exec "$@" ) 2>&3 3>&-
status=$?
{look}exit $status
"""
_LOOK = """for i in 1 2 3 4 5 6 7; do
  set -- /proc/[0-9]*
  [ $# -le 2 ] && exit $status
  sleep 0.04
done
echo >/dev/fd/{left}
"""


class Bubblewrap:
    """workspace.sandbox.Sandbox."""

    name = "bwrap"

    def __init__(self, program: str, *, own_proc: bool = True) -> None:
        """`own_proc` is refused in some containers: then the sandbox sees the container's /proc."""
        self.program = program
        self._own_proc = own_proc

    def wrap(self, words: Sequence[str], cwd: str, confinement: Confinement, left: int) -> Wrapped:
        look = _LOOK.format(left=left) if self._own_proc else ""
        command = ["/bin/sh", "-c", _RUN.format(look=look), "sh", *words]
        network = ["--share-net"] if confinement.network else []
        arguments = [
            "--unshare-all", *network, "--die-with-parent", "--new-session", "--cap-drop", "ALL",
            "--ro-bind", "/", "/", "--dev", "/dev", *(["--proc", "/proc"] if self._own_proc else []),
            *_mounts(confinement), "--chdir", cwd,
        ]  # fmt: skip
        env: dict[str, str | None] = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), TEMPORARY[0])
        if not confinement.network:
            env[AGENT] = None
        return Wrapped([self.program, *arguments, "--", *command], env, outer=True)


def _mounts(confinement: Confinement) -> Iterator[str]:
    """The places from the top down: what is mounted deeper covers what is above it."""
    places = _system(confinement)
    for path, access in confinement.places.items():
        if access == "hide":
            places[path] = ("--tmpfs", "") if os.path.isdir(path) else ("--ro-bind", NOTHING)
        elif os.path.lexists(path):
            places[path] = ("--bind" if access == "write" else "--ro-bind", path)
    ordered = sorted(places.items(), key=lambda place: place[0].split("/"))
    for path, (how, source) in ordered:
        yield from (how, source, path) if source else (how, path)
    # Only now: what is mounted below needed a place to be mounted at.
    for path, (how, _) in ordered:
        if how == "--tmpfs":
            yield from ("--remount-ro", path)


def _system(confinement: Confinement) -> dict[str, tuple[str, str]]:
    """What of the system is the command's own, and which services it can reach: how and what to mount."""
    network = confinement.network
    places: dict[str, tuple[str, str]] = dict.fromkeys(filter(_is_folder, RUNNING), ("--tmpfs", ""))
    kept = (*KEPT_RUNNING, *(FOR_NAMES if network else ()))
    places |= {path: ("--ro-bind", path) for path in kept if os.path.exists(path)}
    places |= dict.fromkeys(filter(_is_folder, TEMPORARY), ("--bind", confinement.temporary))
    places |= dict.fromkeys(_sockets(network=network), ("--ro-bind", NOTHING))
    if network and (agent := os.environ.get(AGENT)) and os.path.exists(agent):
        places[os.path.realpath(agent)] = ("--ro-bind", agent)
    return places


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _sockets(*, network: bool) -> Iterator[str]:
    """Existing sockets that the environment names, and those of container engines."""
    named = [value.partition(",")[0].removeprefix("unix:").removeprefix("path=").removeprefix("//")
             for name, value in os.environ.items() if not (network and name == AGENT)]  # fmt: skip
    home = os.path.expanduser("~")
    for path in (*named, *(os.path.join(home, each) for each in ENGINES)):
        if path.startswith("/") and _is_socket(path):
            yield os.path.realpath(path)


def _is_socket(path: str) -> bool:
    import stat

    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def find() -> Sandbox:
    """bwrap of the search path; whether it works is for a probe to say. Raises SandboxError."""
    if not sys.platform.startswith("linux"):
        raise SandboxError("it is only for Linux")
    program = which("bwrap")
    if program is None:
        raise SandboxError("it is not on the search path: install bubblewrap")
    return Bubblewrap(os.path.realpath(program), own_proc=gives_proc(program))


def gives_proc(program: str) -> bool:
    """Whether the kernel lets a sandbox have a /proc of its own."""
    import subprocess

    words = [program, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "/bin/sh", "-c", ":"]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROC_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return True  # what is wrong is the probe's to find
    return done.returncode == 0 or b"proc" not in done.stderr
