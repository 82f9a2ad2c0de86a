"""What has changed in the checkout since the last commit, for `@diff`.

The repository may be anybody's, so git is kept from running what its settings name: external
programs for differences and conversion, filters, hooks, a file system monitor, transports.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import ToolError
from acp_agent.workspace.processes import CommandSpec, stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIFF_LIMIT_S = 10.0
"""For each of git's runs."""
FILES = 300
"""Changed files that are looked at; more are no longer read by anybody."""
LISTED_BYTES = 256 << 10
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What a repository without a commit is compared with."""
_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--ignore-submodules=all")
_SETTINGS = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.quotePath=false")
_FILTERS = r"^filter\..*\.(clean|process|required)$"
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}


class Changes(NamedTuple):
    text: str
    left_out: tuple[str, ...]
    """Files that may not be read without asking."""
    size: int
    """Bytes of the whole difference, of which `text` may be only the beginning."""


async def changes(git: str, cwd: Path, may_read: Callable[[str], bool], room: int) -> Changes:
    """The difference of the working tree below `cwd` from the last commit, at most `room` bytes of it.

    `may_read` is asked about each file. Raises ToolError when git cannot tell.
    """
    repository = await _open(git, cwd)
    base, listed = "HEAD", await repository.names("HEAD")
    if listed.failed:
        base, listed = EMPTY_TREE, await repository.names(EMPTY_TREE)
    listed.require()
    names = [os.fsdecode(name) for name in listed.data.split(b"\0") if name]
    if len(names) > FILES or listed.size > LISTED_BYTES:
        raise ToolError(f"More than {FILES} files have changed. Use `git diff --stat`, then look at some.")
    allowed = [name for name in names if may_read(name)]
    left_out = tuple(name for name in names if name not in allowed)
    if not allowed:
        return Changes("", left_out, 0)
    literal = [f":(literal){name}" for name in allowed]
    found = await repository.run(room, *_DIFF, "--relative", base, "--", *literal)
    found.require()
    text = found.data.decode("utf-8", "replace")
    return Changes(text[: text.rfind("\n") + 1] if found.size > room else text, left_out, found.size)


class _Output(NamedTuple):
    data: bytes
    size: int
    failed: str
    """What git said when it failed, else empty."""

    def require(self) -> None:
        if self.failed:
            raise ToolError(f"git cannot tell what has changed: {self.failed}")


class _Repository(NamedTuple):
    git: str
    cwd: Path
    top: Path
    settings: tuple[str, ...]

    async def names(self, base: str) -> _Output:
        return await self.run(LISTED_BYTES, *_DIFF, "--name-only", "-z", "--relative", base)

    async def run(self, room: int, *arguments: str) -> _Output:
        """What git writes, the first `room` bytes of it."""
        data, errors, size = bytearray(), bytearray(), 0

        def take(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            data.extend(piece[: room - len(data)])

        options = [word for setting in (*_SETTINGS, *self.settings) for word in ("-c", setting)]
        command = [self.git, "--no-pager", f"--work-tree={self.top}", *options, *arguments]
        ending = await stream(
            CommandSpec(command, self.cwd, DIFF_LIMIT_S, _environment()), take, errors.extend
        )
        if ending.timed_out:
            return _Output(b"", 0, f"it took longer than {DIFF_LIMIT_S:g} s")
        said = bytes(errors).decode("utf-8", "replace").strip()[:500]
        return _Output(bytes(data), size, "" if ending.code == 0 else said or f"status {ending.code}")


async def _open(git: str, cwd: Path) -> _Repository:
    """The repository that `cwd` is in, with every filter of its settings put out of action."""
    bare = _Repository(git, cwd, _top(cwd), ())
    listed = await bare.run(LISTED_BYTES, "config", "--null", "--name-only", "--get-regexp", _FILTERS)
    if listed.size > LISTED_BYTES or b"=" in listed.data:
        raise ToolError("The repository's filters cannot be switched off.")  # -c ends a name at the first =
    names = [os.fsdecode(name) for name in listed.data.split(b"\0") if name]
    return bare._replace(settings=tuple(_without(name) for name in names))


def _top(cwd: Path) -> Path:
    """Said to git, so that it does not believe a repository that names another place."""
    return next((folder for folder in (cwd, *cwd.parents) if os.path.lexists(folder / ".git")), cwd)


def _without(setting: str) -> str:
    return f"{setting}={'false' if setting.endswith('.required') else ''}"


def _environment() -> dict[str, str]:
    """The user's, but for what an outer git may have set for its own repository."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**own, **_ENVIRONMENT}
