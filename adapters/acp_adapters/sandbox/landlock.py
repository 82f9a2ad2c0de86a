"""Landlock: the kernel's own walls, put up by a small program that then becomes the command.

Rights can only be given: what is secret lies where none is given, and a writable folder is writable
with all that is in it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.workspace.sandbox import SandboxError, Wrapped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from acp_agent.workspace.sandbox import Confinement, Sandbox

HELPER = str(Path(__file__).with_name("landlock_exec.py"))
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm")
MOST_RULES = 20_000
AGENT = "SSH_AUTH_SOCK"


class Landlock:
    """workspace.sandbox.Sandbox. It neither hides nor cuts sockets that have a path, nor UDP."""

    name = "landlock"

    def __init__(self) -> None:
        self.program = os.path.realpath(sys.executable)

    def wrap(self, words: Sequence[str], cwd: str, confinement: Confinement, left: int) -> Wrapped:
        del cwd, left  # it is left as it is; what stays in the background is found as without a sandbox
        rules = ["l/", *(f"r{path}" for path in _readable(confinement))]
        rules += [f"w/dev/{name}" for name in DEVICES]
        rules += [f"w{path}" for path, access in confinement.places.items() if access == "write"]
        rules.append(f"w{confinement.temporary}")
        env: dict[str, str | None] = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), confinement.temporary)
        if not confinement.network:
            env[AGENT] = None
        network = "on" if confinement.network else "off"
        return Wrapped([sys.executable, "-I", "-S", "-E", HELPER, network, *rules, "--", *words], env)


def _readable(confinement: Confinement) -> list[str]:
    """All there is but for what is hidden: its neighbours one by one, on every level above it."""
    places = confinement.places
    hidden = {path for path, access in places.items() if access == "hide" and os.access(path, os.R_OK)}
    above: set[str] = set()
    for path in hidden:
        above.update(map(str, Path(path).parents))
    found = ["/"] if not hidden else list(_beside("/", above, hidden))
    found += [path for path, access in places.items() if access == "read" and _below(path, hidden)]
    if len(found) > MOST_RULES:
        raise SandboxError(f"there is too much beside what is to be hidden (more than {MOST_RULES} files)")
    return found


def _below(path: str, folders: Collection[str]) -> bool:
    return any(path.startswith(folder + os.sep) for folder in folders)


def _beside(folder: str, above: Collection[str], hidden: Collection[str]) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        if path in above:
            yield from _beside(path, above, hidden)
        elif path not in hidden and not os.path.islink(path):  # where a link leads has a rule of its own
            yield path


def find() -> Sandbox:
    """Landlock, if there is a Python to start it with; whether it works is for a probe to say."""
    if not sys.platform.startswith("linux"):
        raise SandboxError("it is only for Linux")
    if not sys.executable:
        raise SandboxError("there is no Python to start it with")
    return Landlock()
