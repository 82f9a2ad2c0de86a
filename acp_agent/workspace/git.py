"""Git, asked by the agent itself: in a repository that may be anybody's, so that nothing it names is run.

Put out of action are the file system monitor, hooks, pagers, external programs for differences and
conversion, filters, transports, and repositories that hide in a folder that looks like a bare one.
The person's own settings stay, and with them the folders they have called safe.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import ToolError
from acp_agent.workspace.processes import CommandSpec, stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

LIMIT_S = 10.0
"""For one run."""
ROOM_BYTES = 64 << 20
"""What is kept of one run's output, unless it is asked for less."""
SETTINGS_BYTES = 256 << 10
"""Names of filters in a repository's settings; nobody has more."""
NOTHING_FOUND = "status 1"
"""How `git config` says that there is no such setting."""
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
)
_FILTERS = r"^filter\..*\.(clean|smudge|process|required)$"
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}


class Output(NamedTuple):
    """What a run wrote, and how it ended."""

    data: bytes
    size: int
    """Bytes of all it wrote, of which `data` may be only the beginning."""
    failed: str
    """What git said when it failed, else empty."""

    def require(self, doing: str) -> Output:
        """Itself. Raises ToolError when it failed: "git cannot `doing`: …"."""
        if self.failed:
            raise ToolError(f"git cannot {doing}: {self.failed}")
        return self

    @property
    def complete(self) -> bool:
        return not self.failed and self.size == len(self.data)

    @property
    def names(self) -> list[str]:
        """Its parts, where NUL separates them."""
        return [os.fsdecode(name) for name in self.data.split(b"\0") if name]


class Git(NamedTuple):
    """Git in one folder of a repository."""

    program: str
    cwd: Path
    top: Path
    """Said to git, so that it does not believe a repository that names another place."""
    settings: tuple[str, ...] = ()

    def command(self, *arguments: str) -> list[str]:
        """The words of a hardened run. Without `opened`, only for what runs no filters."""
        options = [word for setting in (*_SETTINGS, *self.settings) for word in ("-c", setting)]
        return [self.program, "--no-pager", f"--work-tree={self.top}", *options, *arguments]

    def spec(self, arguments: Iterable[str], stdin: bytes = b"") -> CommandSpec:
        return CommandSpec(self.command(*arguments), self.cwd, LIMIT_S, environment(), stdin=stdin)

    async def run(self, *arguments: str, stdin: bytes = b"", room: int = ROOM_BYTES) -> Output:
        """What git writes, the first `room` bytes of it."""
        data, errors, size = bytearray(), bytearray(), 0

        def take(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            data.extend(piece[: room - len(data)])

        try:
            ending = await stream(self.spec(arguments, stdin), take, errors.extend)
        except ToolError as error:
            return Output(b"", 0, str(error))
        if ending.timed_out:
            return Output(b"", 0, f"it took longer than {LIMIT_S:g} s")
        said = bytes(errors).decode("utf-8", "replace").strip()[:500]
        return Output(bytes(data), size, "" if ending.code == 0 else said or f"status {ending.code}")


async def opened(program: str, cwd: Path) -> Git:
    """Git in the repository that `cwd` is in, with every filter of its settings put out of action.

    Raises ToolError when they cannot be, or git does not work there.
    """
    bare = Git(program, cwd, top(cwd))
    listed = await bare.run("config", "--null", "--name-only", "--get-regexp", _FILTERS, room=SETTINGS_BYTES)
    if listed.failed and listed.failed != NOTHING_FOUND:
        raise ToolError(f"git cannot be used in {cwd}: {listed.failed}")
    if listed.size > SETTINGS_BYTES or b"=" in listed.data:
        raise ToolError("The repository's filters cannot be switched off.")  # -c ends a name at the first =
    return bare._replace(settings=tuple(map(_without, listed.names)))


def top(folder: Path) -> Path:
    """The nearest folder above, or itself, that has a repository; itself where none has."""
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), folder)


def in_checkout(folder: Path) -> bool:
    return os.path.lexists(top(folder) / ".git")


def environment() -> dict[str, str]:
    """The person's, but for what an outer git may have set for its own repository."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**own, **_ENVIRONMENT}


def literal(paths: Sequence[str]) -> list[str]:
    """Pathspecs that match exactly these."""
    return [f":(literal){path}" for path in paths]


def _without(setting: str) -> str:
    return f"{setting}={'false' if setting.endswith('.required') else ''}"
