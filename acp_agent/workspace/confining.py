"""How one session confines its commands: what was chosen, what works here, and each command's walls."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, NamedTuple, cast

import anyio
import anyio.to_thread

from acp_agent.errors import ToolError
from acp_agent.permission.containment import BWRAP, LANDLOCK, OUTSIDE, UNCONTAINED, Containment
from acp_agent.permission.floor import REMOVES
from acp_agent.permission.places import is_inside, places_of
from acp_agent.permission.protected import protected
from acp_agent.permission.shielded import guarded_places, hidden_places, leads_astray
from acp_agent.workspace.limits import Limits
from acp_agent.workspace.sandbox import Confined, Confinement, Found

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from anyio.abc import TaskGroup

    from acp_agent.permission.claims import Claim
    from acp_agent.workspace.sandbox import Access, Mode, Sandbox

GUARANTEES = {each.name: each for each in (BWRAP, LANDLOCK)}
NEVER_FAILS_OPEN: frozenset[Mode] = frozenset(("required", "bwrap", "landlock"))
STRICTNESS: dict[Mode, int] = {"off": 0, "auto": 1, "landlock": 2, "bwrap": 2, "required": 3}
"""How far from running without a sandbox."""
WHAT_TO_DO = "Tell the user: `acp-agent doctor` says more, and the option sandbox can be changed"
MOST_PROCESSES = 4096
"""Processes and threads of one command in bwrap unless more is set: what stops a fork bomb."""


class Chosen(NamedTuple):
    """What the settings say."""

    mode: Mode = "off"
    network: bool = False
    """Opened for every command."""
    writable: tuple[str, ...] = ()
    """Folders beside the roots; absolute or from `~/`."""
    limits: Limits = Limits()


class Surroundings(NamedTuple):
    """Where the session is."""

    roots: tuple[Path, ...]
    own: tuple[Path, ...] = ()
    """Folders with the agent's configuration and data."""


class Confining:
    """Use as an async context manager beside a session; one that is not confines all the same."""

    def __init__(
        self, chosen: Chosen, around: Surroundings, find: Callable[[Mode], Awaitable[Found]]
    ) -> None:
        self._chosen = chosen
        self._mode: Mode = chosen.mode
        self._places = places_of(around.roots)
        self._own = tuple(map(str, around.own))
        self._find = find
        self._found: dict[Mode, Found] = {"off": Found(None)}
        self._temporary: str | None = None
        self._tasks: TaskGroup | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called when it has turned out what a mode comes to."""

    async def __aenter__(self) -> Confining:
        self._tasks = await anyio.create_task_group().__aenter__()
        self._look()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._tasks is not None
        tasks, self._tasks = self._tasks, None
        tasks.cancel_scope.cancel()
        try:
            return await tasks.__aexit__(kind, error, trace)
        finally:
            if self._temporary:
                from shutil import rmtree

                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(rmtree, self._temporary, True)

    # What holds --------------------------------------------------------------------------

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self._look()

    def limits_of(self, confined: Confined | None) -> Limits:
        """The limits of a command: what is set holds for all, the rest only in a sandbox."""
        given = self._chosen.limits
        if confined is None:
            return given
        counted = confined.sandbox.name == "bwrap"  # without a namespace it is the user's whole count
        usual = MOST_PROCESSES if counted else None
        return given._replace(processes=given.processes or usual, core_files=False)

    @property
    def found(self) -> Found | None:
        """What the mode comes to; None until that is known."""
        return self._found.get(self._mode)

    @property
    def name(self) -> str:
        """The sandbox in force; empty when there is none."""
        return self.found.sandbox.name if self.found and self.found.sandbox else ""

    @property
    def unconfined(self) -> bool:
        """Whether commands run without a sandbox, for all that is known."""
        found = self.found
        return found is not None and found.sandbox is None and not self.refusal

    @property
    def refusal(self) -> str:
        """Why no command may run; empty when commands may."""
        found = self.found
        if self._mode not in NEVER_FAILS_OPEN or found is None or found.sandbox:
            return ""
        why = f"commands must run in a sandbox (sandbox is {self._mode}) and none works here: {found.reason}"
        return f"{why}. {WHAT_TO_DO}"

    def containment(self) -> Containment:
        """What is guaranteed about commands that run now."""
        guaranteed = GUARANTEES.get(self.name, UNCONTAINED)
        private = tuple(folder for folder in guaranteed.private if folder not in self._places.roots)
        network = guaranteed.network and not self._chosen.network
        return guaranteed._replace(network=network, private=private, refusal=self.refusal)

    async def ready(self) -> None:
        """Waits, within the bounds of the search, until it is known what the mode comes to."""
        mode = self._mode
        if mode not in self._found:
            found = self._trusted(await self._find(mode))
            if mode not in self._found:  # nobody else has looked meanwhile
                self._found[mode] = found
                self.on_change()

    # tools.registry.ToolSource: it brings no tools, but a turn begins when it is known what holds.

    def tools(self) -> tuple[()]:
        return ()

    async def settle(self) -> None:
        await self.ready()

    def _look(self) -> None:
        if self._tasks and self._mode not in self._found:
            self._tasks.start_soon(self.ready)

    def _trusted(self, found: Found) -> Found:
        """A sandbox that lies in the workspace is the workspace's, not ours."""
        if found.sandbox and found.sandbox.name == "bwrap" and self._places.inside(found.sandbox.program):
            return Found(None, f"bwrap: {found.sandbox.program} is in the workspace")
        return found

    # One command -------------------------------------------------------------------------

    async def confined(self, claims: Sequence[Claim]) -> Confined | None:
        """How a command with these claims runs, all of which were allowed; None for one that is not confined.

        Raises ToolError when it may not run at all.
        """
        await self.ready()
        found = self.found
        if self.refusal:
            raise ToolError(f"Not run: {self.refusal}.")
        if found is None or found.sandbox is None or OUTSIDE in claims:
            return None
        confinement = await anyio.to_thread.run_sync(self._confinement, found.sandbox, tuple(claims))
        return Confined(found.sandbox, confinement)

    def _confinement(self, sandbox: Sandbox, claims: tuple[Claim, ...]) -> Confinement:
        home = self._places.home
        writable = [*self._writable(), *filter(None, map(self._folder_of, claims))]
        places = hidden_places(home, self._own)
        for folder in writable:
            places = guarded_places(folder, home) | places  # what is hidden is more than guarded
        for claim in claims:
            _open(claim, places)
        for path in _ours(sandbox):
            if any(is_inside(path, folder) for folder in writable):
                places[path] = "read"
        places |= dict.fromkeys(writable, "write")
        network = self._chosen.network or any(claim.operation == "network" for claim in claims)
        return Confinement(places, self._private(), network)

    def _writable(self) -> list[str]:
        declared = (os.path.realpath(os.path.expanduser(path)) for path in self._chosen.writable)
        return [path for path in (*self._places.roots, *declared) if os.path.isdir(path) and path != os.sep]

    def _folder_of(self, claim: Claim) -> str:
        """The folder that an edit outside of the roots has to be able to write; empty when there is none."""
        path = claim.resource
        if claim.operation != "edit" or self._places.inside(path) or self.containment().owns(path):
            return ""
        if path in protected(self._places.home).harmless:
            return ""
        folder = path if not claim.reason.startswith(REMOVES) else os.path.dirname(path)
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        return "" if folder == os.sep else folder

    def _private(self) -> str:
        if self._temporary is None or not os.path.isdir(self._temporary):
            from tempfile import mkdtemp

            self._temporary = os.path.realpath(mkdtemp(prefix="acp-agent-"))
        return self._temporary

    # Afterwards --------------------------------------------------------------------------

    async def mend(self, confined: Confined, claims: Sequence[Claim]) -> str:
        """Takes back what a command has done to lead git to other settings; what to say of it."""
        return await anyio.to_thread.run_sync(self._mend, confined.confinement.places, tuple(claims))

    def _mend(self, before: Mapping[str, Access], claims: tuple[Claim, ...]) -> str:
        claimed = {claim.resource for claim in claims if claim.operation == "edit"}
        removed: list[str] = []
        for root in self._places.roots:
            for path in guarded_places(root, self._places.home):
                # With it git takes its settings, and the programs these name, from elsewhere. While
                # it was not there nothing could be mounted over it.
                if path in before or path in claimed or not leads_astray(path):
                    continue
                with contextlib.suppress(OSError):
                    os.unlink(path)
                    removed.append(self._places.shown(path))
        return f"Removed {', '.join(removed)}, which leads git to other settings." if removed else ""


def unconfined() -> Confining:
    """For sessions that know no sandbox."""

    async def nothing(_: Mode) -> Found:
        return Found(None)

    return Confining(Chosen(), Surroundings(()), nothing)


def _open(claim: Claim, places: dict[str, Access]) -> None:
    """Opens what the claim is about, where it is hidden or kept as it is."""
    if claim.operation not in ("read", "edit"):
        return
    path, wanted = claim.resource, cast("Access", "read" if claim.operation == "read" else "write")
    for place, access in tuple(places.items()):
        if access == "write" or not is_inside(path, place):
            continue
        if access == "hide" and path != place:
            places[path] = wanted
        elif access == "hide" or wanted == "write":
            del places[place]  # and nothing put in its place: a file may be replaced by another one


def _ours(sandbox: Sandbox) -> tuple[str, ...]:
    """What is run with every command: who changes it is not confined by the next one."""
    adapter = sys.modules[type(sandbox).__module__].__file__ or ""
    folders = (os.path.dirname(__file__), os.path.dirname(adapter), sys.prefix)
    return tuple(os.path.realpath(folder) for folder in folders)
