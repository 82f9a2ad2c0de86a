"""What is known of a session's files before a command runs: which there are, and what was in them.

In a repository git tells the text of what was clean; all else is kept, as far as the budget goes.
What is ignored, and the inside of `.git`, is not looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import anyio.to_thread

from acp_agent.errors import ToolError
from acp_agent.workspace import checkout as repositories
from acp_agent.workspace import git
from acp_agent.workspace.kept import Content, Kept, keep
from acp_agent.workspace.tree import REPOSITORY, Tree, walk

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from acp_agent.workspace.checkout import Checkout
    from acp_agent.workspace.touched import Touched, Watch

REPOSITORIES = 16
"""Repositories within the folders that git is asked about; further ones count as plain folders."""
SURVEY_LIMIT_S = 10.0
"""Walking through all folders may take so long."""
EXAMINED = 500
"""Of the files that a command has touched, those that are looked at; the rest is counted."""
REFRESHED = 100
"""Files touched between two commands that are read again."""
READ_BYTES = 16 << 20
"""Of the new texts of one command."""
SHA1_LETTERS = 40
SKIPPED = frozenset({"node_modules", "target", "__pycache__", ".venv"})
"""Folders that are left out where no git says what to ignore."""

Kind = Literal["created", "changed", "deleted"]


class Change(NamedTuple):
    """What has become of a file; `old` and `new` are None when there is none, or when it is not known."""

    path: str
    kind: Kind
    old: bytes | None
    new: bytes | None
    size: int
    """Bytes now."""
    executable: bool = False
    """Whether git says that it could be run before."""


class Compared(NamedTuple):
    changes: tuple[Change, ...]
    """In order of path."""
    more: int
    """Further files that were touched, and not looked at."""


@dataclass(slots=True)
class Known:
    """Use `survey` to get one. Nothing may be asked of it while something else is."""

    watch: Watch
    program: str | None
    """Git, if there is one."""
    without: frozenset[str]
    """Folders that are nobody's business."""
    tree: Tree = field(default_factory=Tree)
    checkouts: list[Checkout] = field(default_factory=list["Checkout"])
    kept: Kept = field(default_factory=Kept)
    stale: set[str] = field(default_factory=set[str])
    """Files that have changed since git was asked."""

    lost: int = 0
    """Of those, the ones that were too many to be read again."""

    # At first ----------------------------------------------------------------------------

    async def add(self, folder: str) -> None:
        """Looks at everything below `folder`. Raises OSError when that is too much."""
        deadline = time.monotonic() + SURVEY_LIMIT_S
        waiting = [folder]
        while waiting:
            each = waiting.pop()
            plain = len(self.checkouts) >= REPOSITORIES
            waiting += await self._add(each, plain, deadline)

    async def _add(self, folder: str, plain: bool, deadline: float) -> list[str]:
        def watched(path: str) -> bool:
            if time.monotonic() > deadline:
                raise OSError(f"looking at them takes longer than {SURVEY_LIMIT_S:g} s")
            return self.watch.watch(path)

        repository, ignored = (None, None) if plain else await self._repository(folder)
        names = SKIPPED if ignored is None else frozenset[str]()
        leave_out = (ignored or set[str]()) | self.without
        nested = await anyio.to_thread.run_sync(walk, folder, self.tree, watched, leave_out, names)
        checkout = None
        if repository and ignored is not None and (checkout := await repositories.look(repository, folder)):
            self.checkouts.append(checkout)
        every = (path for each in self.tree.below(folder) for path in self.tree.files(each))
        wanted = [*checkout.changed, *checkout.others] if checkout else list(every)
        await anyio.to_thread.run_sync(keep, self.kept, wanted)
        return nested

    async def _repository(self, folder: str) -> tuple[git.Git | None, set[str] | None]:
        """Git there, if it may be used, and the folders that it ignores."""
        place = Path(folder)
        if not self.program or not git.in_checkout(place):
            return None, None
        repository, ignored = None, None

        async def open_it(program: str) -> None:
            nonlocal repository
            with contextlib.suppress(ToolError):
                repository = await git.opened(program, place)

        async def ask(bare: git.Git) -> None:
            nonlocal ignored
            ignored = await repositories.ignored_folders(bare, folder)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(open_it, self.program)
            tasks.start_soon(ask, git.Git(self.program, place, git.top(place)))
        return repository, ignored

    # Between commands -----------------------------------------------------------------------

    async def refresh(self, touched: Touched) -> None:
        """Learns of what has happened, so that it is not taken for a command's."""
        paths = list(await self._candidates(touched))
        await anyio.to_thread.run_sync(self._learn, paths)

    def _learn(self, paths: Sequence[str]) -> None:
        for path in paths[:REFRESHED]:
            self._note(path, Content(Path(path)))
        self._lose(paths[REFRESHED:])

    def _note(self, path: str, now: Content) -> None:
        self.tree.note(path, there=now.there)
        self.kept.drop(path)
        self.stale.add(path)
        if now.data is not None:
            self.kept.put(path, now.data)

    def _lose(self, paths: Sequence[str]) -> None:
        self.lost += len(paths)
        for path in paths:
            self.tree.note(path, there=os.path.lexists(path))
            self.kept.drop(path)
            self.stale.add(path)

    async def _candidates(self, touched: Touched) -> dict[str, bool]:
        """The files that may have changed, and whether they were there; the folders are up to date then."""
        paths = dict(touched.files)
        gone = [each for folder in touched.gone for each in self.tree.below(folder)]
        fresh = Tree()
        for folder in await self._not_ignored(touched.appeared):
            await anyio.to_thread.run_sync(self._walk_new, folder, fresh)
        for path in (*(file for folder in gone for file in self.tree.files(folder)), *fresh.all()):
            paths[path] = None
        folders = frozenset(gone)
        found = {path: path in self.tree and path not in folders for path in sorted(paths)}
        for folder in gone:
            self.tree.forget(folder)
            if folder not in fresh:
                self.watch.forget(folder)
        self.tree.add(fresh)
        return found

    def _walk_new(self, folder: str, fresh: Tree) -> None:
        if folder in fresh or os.path.islink(folder) or not os.path.isdir(folder):
            return
        waiting = [folder]  # a repository in it counts as a plain folder until all is looked at anew
        while waiting:
            waiting += walk(waiting.pop(), fresh, self.watch.watch, self.without, SKIPPED)

    async def _not_ignored(self, paths: Iterable[str]) -> list[str]:
        """Those of `paths`, unknown to git, that are not ignored."""
        names = SKIPPED | {REPOSITORY}
        wanted = [path for path in paths if path not in self.without and path.rpartition("/")[2] not in names]
        ignored: set[str] = set()
        for checkout in self.checkouts:
            if own := [path for path in wanted if self._checkout(path) is checkout]:
                ignored |= await checkout.ignored(own)
        return [path for path in wanted if path not in ignored]

    def _checkout(self, path: str) -> Checkout | None:
        """The innermost repository that the path is in."""
        found = (each for each in self.checkouts if path.startswith(each.folder + "/"))
        return max(found, key=lambda each: len(each.folder), default=None)

    # After a command -------------------------------------------------------------------------

    async def compare(self, touched: Touched) -> Compared:
        """What has become of the files that were touched. Afterwards that is what is known."""
        before = await self._candidates(touched)
        now, rest = await anyio.to_thread.run_sync(self._look, before)
        old: dict[str, bytes] = {}
        ignored: set[str] = set()

        async def remember() -> None:
            old.update(await self._texts([path for path in now if before[path]]))

        async def sift() -> None:
            unknown = [path for path in now if not self._tracked(path)]
            ignored.update(unknown)
            ignored.difference_update(await self._not_ignored(unknown))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(remember)
            tasks.start_soon(sift)
        changes = [
            _change(path, before[path], now[path], old.get(path)) for path in now if path not in ignored
        ]
        changes = [each and each._replace(executable=self._executable(each.path)) for each in changes]
        await anyio.to_thread.run_sync(self._learn_after, now, rest, ignored)
        return Compared(tuple(filter(None, changes)), len(rest))

    def _tracked(self, path: str) -> bool:
        checkout = self._checkout(path)
        return bool(checkout and (path in checkout.changed or checkout.objects.of(checkout.inside(path))))

    def _executable(self, path: str) -> bool:
        checkout = None if path in self.stale else self._checkout(path)
        return bool(checkout and checkout.objects.executable(checkout.inside(path)))

    def _look(self, before: Mapping[str, bool]) -> tuple[dict[str, Content], list[str]]:
        """What is there now of files that may not be as they were, and those that are not looked at."""
        found: dict[str, Content] = {}
        rest: list[str] = []
        looked = size = 0
        for path, was in before.items():
            if not was and not os.path.lexists(path):
                continue  # it came and went
            if looked == EXAMINED:
                rest.append(path)
                continue
            looked += 1
            now = Content(Path(path))
            if now.data is not None and self._is(path, now.data):
                continue
            size += len(now.data or b"")
            if size > READ_BYTES:
                now.data = None
            if now.there or was:
                found[path] = now
        return found, rest

    def _is(self, path: str, data: bytes) -> bool:
        """Whether it is certain that `data` is what was there."""
        checkout = None if path in self.stale else self._checkout(path)
        name = checkout.objects.of(checkout.inside(path)) if checkout else ""
        return _named(data, name) if name else self.kept.get(path) == data

    async def _texts(self, paths: Sequence[str]) -> dict[str, bytes]:
        """What was in files, as far as it is known."""
        found = {path: text for path in paths if (text := self.kept.get(path)) is not None}
        for checkout in self.checkouts:
            own = [path for path in paths if path not in self.stale and self._checkout(path) is checkout]
            if own := [path for path in own if path not in found]:
                found |= await checkout.texts(own)
        return found

    def _learn_after(self, now: Mapping[str, Content], lost: Sequence[str], ignored: Container[str]) -> None:
        for path, content in now.items():
            if path in ignored:
                self.tree.note(path, there=content.there)
            else:
                self._note(path, content)
        self._lose(lost)


def _change(path: str, before: bool, now: Content, old: bytes | None) -> Change | None:
    if not now.there:
        return Change(path, "deleted", old, None, 0)
    if not before:
        return Change(path, "created", None, now.data, now.size)
    return None if old is not None and old == now.data else Change(path, "changed", old, now.data, now.size)


def _named(data: bytes, name: str) -> bool:
    """Whether git's object of that name holds `data`."""
    digest = hashlib.sha1 if len(name) == SHA1_LETTERS else hashlib.sha256
    return digest(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest() == name
