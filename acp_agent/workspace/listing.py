"""Which files of a folder matter: what git does not ignore, without links and hidden ones.

Three ways to the same answer: ripgrep, git, and walking the folders where there is neither.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, NamedTuple

import anyio.from_thread
import anyio.to_thread

from acp_agent.workspace.files import held
from acp_agent.workspace.git import Git, in_checkout, top
from acp_agent.workspace.processes import CommandSpec, stream

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.workspace.programs import Programs

SEARCH_LIMIT_S = 20.0
"""A search that takes longer gives what it has."""
SKIPPED = (".git", "node_modules", "target", "__pycache__", ".venv")
"""Folders that are left out where no git says what to ignore."""
LS_FILES = ("ls-files", "-z", "--exclude-standard")


class Listing(NamedTuple):
    names: list[str]
    """Relative to the folder, with `/`; in no order."""
    complete: bool


async def files(folder: Path, programs: Programs, *, hidden: bool) -> Listing:
    """The regular files under a real folder, within SEARCH_LIMIT_S. Raises ToolError."""
    with held(folder) as here:
        if programs.rg:
            command = [programs.rg, "--files", "--null", *rg_options(folder, hidden=hidden), "--", "./"]
            return await _names(CommandSpec(command, here, SEARCH_LIMIT_S))
        if programs.git and in_checkout(folder):
            listing = await _git_files(Git(programs.git, here, top(folder)))
            if listing:
                names = [name for name in listing.names if hidden or not _is_hidden(name)]
                return await anyio.to_thread.run_sync(_regular, here, Listing(names, listing.complete))
        return await anyio.to_thread.run_sync(_walk, here, hidden)


def rg_options(folder: Path, *, hidden: bool) -> list[str]:
    """What makes ripgrep look at the same files as the others."""
    options = ["--no-config", "--no-messages"]
    if hidden:
        options += ["--hidden", "--glob=!.git"]
    if not in_checkout(folder):
        options += [f"--glob=!{name}" for name in SKIPPED]
    return options


async def _git_files(git: Git) -> Listing | None:
    """What is not ignored; None when git does not answer for this folder."""
    listing = await _names(git.spec([*LS_FILES, "--cached", "--others"]))
    ignored = await _names(git.spec([*LS_FILES, "--cached", "--ignored"]))
    if not listing.names:
        return None  # a folder that is ignored itself, or no repository after all
    return Listing(list({*listing.names} - {*ignored.names}), listing.complete and ignored.complete)


async def _names(spec: CommandSpec) -> Listing:
    """File names separated by NUL, as a program writes them."""
    data = bytearray()
    ending = await stream(spec._replace(timeout_s=SEARCH_LIMIT_S), data.extend, _nothing)
    names = [os.fsdecode(name).removeprefix("./") for name in bytes(data).split(b"\0") if name]
    return Listing(names, not ending.timed_out)


def _nothing(_: bytes) -> None:
    pass


def _regular(folder: Path, listing: Listing) -> Listing:
    """Without links and what is gone; folders in the list, repositories of their own, become their files."""
    names: list[str] = []
    for name in listing.names:
        path = folder / name
        if path.is_symlink():
            continue
        if path.is_dir():
            names += (f"{name.rstrip('/')}/{inner}" for inner in _walk(path, hidden=False).names)
        elif path.is_file():
            names.append(name)
    return Listing(names, listing.complete)


def _walk(folder: Path, hidden: bool) -> Listing:
    deadline = time.monotonic() + SEARCH_LIMIT_S
    names: list[str] = []
    waiting = [""]
    while waiting:
        anyio.from_thread.check_cancelled()
        if time.monotonic() > deadline:
            return Listing(names, complete=False)
        start = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(folder / start) as entries:
            for entry in entries:
                if entry.name.startswith(".") and not hidden:
                    continue
                if entry.is_file(follow_symlinks=False):
                    names.append(start + entry.name)
                elif entry.is_dir(follow_symlinks=False) and entry.name not in SKIPPED:
                    waiting.append(f"{start}{entry.name}/")
    return Listing(names, complete=True)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
