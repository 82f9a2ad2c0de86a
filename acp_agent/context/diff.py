"""What has changed in the checkout since the last commit, for `@diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import ToolError
from acp_agent.workspace import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = 300
"""Changed files that are looked at; more are no longer read by anybody."""
LISTED_BYTES = 256 << 10
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What a repository without a commit is compared with."""
DOING = "tell what has changed"
_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--ignore-submodules=all")
_NAMES = (*_DIFF, "--name-only", "-z", "--relative")


class Changes(NamedTuple):
    text: str
    left_out: tuple[str, ...]
    """Files that may not be read without asking."""
    size: int
    """Bytes of the whole difference, of which `text` may be only the beginning."""


async def changes(program: str, cwd: Path, may_read: Callable[[str], bool], room: int) -> Changes:
    """The difference of the working tree below `cwd` from the last commit, at most `room` bytes of it.

    `may_read` is asked about each file. Raises ToolError when git cannot tell.
    """
    repository = await git.opened(program, cwd)
    base, listed = "HEAD", await repository.run(*_NAMES, "HEAD", room=LISTED_BYTES)
    if listed.failed:
        base, listed = EMPTY_TREE, await repository.run(*_NAMES, EMPTY_TREE, room=LISTED_BYTES)
    names = listed.require(DOING).names
    if len(names) > FILES or listed.size > LISTED_BYTES:
        raise ToolError(f"More than {FILES} files have changed. Use `git diff --stat`, then look at some.")
    allowed = [name for name in names if may_read(name)]
    left_out = tuple(name for name in names if name not in allowed)
    if not allowed:
        return Changes("", left_out, 0)
    found = await repository.run(*_DIFF, "--relative", base, "--", *git.literal(allowed), room=room)
    found.require(DOING)
    text = found.data.decode("utf-8", "replace")
    return Changes(text[: text.rfind("\n") + 1] if found.size > room else text, left_out, found.size)
