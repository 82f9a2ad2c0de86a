"""Sandboxes: what a command may touch, who can see to it, and whether that works on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import anyio
import anyio.to_thread

from acp_agent.errors import AgentError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Access = Literal["write", "read", "hide"]
Mode = Literal["off", "auto", "required", "bwrap", "landlock"]

PROBE_LIMIT_S = 10.0
"""For one sandbox to be tried; it takes some tens of milliseconds."""
KINDS = ("bwrap", "landlock")
CANDIDATES: dict[Mode, tuple[str, ...]] = {
    "off": (),
    "auto": KINDS,
    "required": KINDS,
    "bwrap": ("bwrap",),
    "landlock": ("landlock",),
}
"""The sandboxes of a mode, the better one first."""


class Confinement(NamedTuple):
    """What a command may touch. All that no place says anything about can be read."""

    places: Mapping[str, Access]
    """By real path, with everything below; the deepest place counts."""
    temporary: str
    """A folder that it has for itself, as /tmp where that can be."""
    network: bool = False


class Wrapped(NamedTuple):
    """A command as it is started in a sandbox."""

    words: list[str]
    env: Mapping[str, str | None]
    """Added to its environment; None takes a variable out of it."""
    outer: bool = False
    """Whether the first process is the sandbox's: all that the command is goes when that one is ended."""


class Sandbox(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def program(self) -> str:
        """The file that makes the sandbox: who can change it can undo it."""
        ...

    def wrap(self, words: Sequence[str], cwd: str, confinement: Confinement, left: int) -> Wrapped:
        """The words that start `words` confined, in the folder `cwd`.

        Where what the command leaves in the background ends with it, a byte is written to the
        descriptor `left` if there was such.
        """
        ...


class Confined(NamedTuple):
    """How one command is confined."""

    sandbox: Sandbox
    confinement: Confinement


class Found(NamedTuple):
    """What a mode has come to on this machine."""

    sandbox: Sandbox | None
    reason: str = ""
    """Why there is none, or not the first one, of each that was tried."""


class SandboxError(AgentError):
    """A sandbox that cannot be had here; the message is why."""


class Sandboxes:
    """The sandboxes of this machine, each tried once, at the first need."""

    def __init__(self, kinds: Mapping[str, Callable[[], Sandbox]]) -> None:
        """`kinds` make a sandbox, or raise SandboxError; by name."""
        self._kinds = kinds
        self._tried: dict[str, Found] = {}
        self._trying = anyio.Lock()

    async def find(self, mode: Mode) -> Found:
        """The best sandbox that works. Bounded by PROBE_LIMIT_S for each candidate."""
        reasons: list[str] = []
        for name in CANDIDATES[mode]:
            async with self._trying:
                found = self._tried.get(name)
                if found is None:
                    found = self._tried[name] = await self._try(name)
            if found.sandbox:
                return Found(found.sandbox, "; ".join(reasons))
            reasons.append(f"{name}: {found.reason}")
        return Found(None, "; ".join(reasons))

    async def _try(self, name: str) -> Found:
        try:
            with anyio.fail_after(PROBE_LIMIT_S):
                # Finding and loading it reads files.
                sandbox = await anyio.to_thread.run_sync(self._kinds[name], abandon_on_cancel=True)
                await probe(sandbox)
        except TimeoutError:
            return Found(None, f"it was not ready within {PROBE_LIMIT_S:g} s")
        except (AgentError, OSError) as error:
            return Found(None, str(error))
        return Found(sandbox)


# Trying --------------------------------------------------------------------------------------------

_PROBE = """
import socket, sys
def can(what):
    try:
        what()
    except OSError:
        return False
    return True
inside, outside, hidden, port = sys.argv[1:]
checks = {
    "what is allowed cannot be written": not can(lambda: open(inside, "w").close()),
    "/dev/null cannot be written": not can(lambda: open("/dev/null", "w").close()),
    "what is not allowed can be written": can(lambda: open(outside, "w").close()),
    "what is hidden can be read": can(lambda: open(hidden).read(1) == "s" or open("")),
    "the network can be reached": can(lambda: socket.create_connection(("127.0.0.1", int(port)), 2)),
}
found = [why for why, bad in checks.items() if bad]
print(found[0] if found else "holds", end="")
"""


class _Stage(NamedTuple):
    """Where a probe tries what."""

    inside: str
    outside: str
    hidden: str
    temporary: str

    @property
    def new(self) -> str:
        return os.path.join(self.inside, "new")


async def probe(sandbox: Sandbox) -> None:
    """Runs a program in the sandbox that tries its walls. Raises SandboxError saying which does not hold."""
    import socket
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="acp-agent-probe-") as folder, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        stage = await anyio.to_thread.run_sync(_set, folder)
        await _try_out(sandbox, stage, str(listener.getsockname()[1]))
        if not await anyio.Path(stage.new).exists():
            raise SandboxError("what is allowed cannot be written")


def _set(folder: str) -> _Stage:
    names = ("inside", "outside", "hidden", "temporary")
    stage = _Stage(*(os.path.join(os.path.realpath(folder), name) for name in names))
    for each in (stage.inside, stage.outside, stage.temporary):
        os.mkdir(each)
    Path(stage.hidden).write_text("secret", encoding="utf-8")
    return stage


async def _try_out(sandbox: Sandbox, stage: _Stage, port: str) -> None:
    from acp_agent.workspace.processes import CommandSpec, run

    places: dict[str, Access] = {stage.inside: "write", stage.outside: "read", stage.hidden: "hide"}
    tried = (stage.new, os.path.join(stage.outside, "new"), stage.hidden, port)
    words = [sys.executable, "-I", "-S", "-E", "-c", _PROBE, *tried]
    confined = Confined(sandbox, Confinement(places, stage.temporary))
    try:
        done = await run(
            CommandSpec(words, Path(stage.inside), PROBE_LIMIT_S, sandbox=confined), lambda _: None
        )
    except ToolError as error:
        raise SandboxError(str(error)) from error
    if done.code != 0 or done.output != "holds":
        lines = done.output.strip().splitlines()
        raise SandboxError(lines[-1] if lines else f"its probe ended with status {done.code}")
