"""A repository at one moment: which of its files were as git has them, so that git still knows their text."""

from __future__ import annotations

import os
import re
import zlib
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from acp_agent.workspace import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

CHUNK_FILES = 500
TEXTS_BYTES = 16 << 20
"""Old texts that are taken from git at once."""
_IGNORED = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
# Of each file: how it is known, and once more if it is not as git has it. A filter does not run.
_LISTED = ("ls-files", "-z", "-v", "--stage", "--cached", "--modified", "--others", "--exclude-standard")
_CLEAN = b"H 100"
_EXECUTABLE = b"100755"
_NOT_TRACKED = b"? "
_CONVERTING = ("filter", "ident", "working-tree-encoding", "eol")
_CONVERSION = r"^core\.(autocrlf|eol|attributesfile)$"
_CRLF = re.compile(rb"core\.autocrlf\n(?!false|no|off|0|input)|core\.eol\ncrlf", re.IGNORECASE)
_OBJECT = re.compile(rb"([0-9a-f]+) (?:blob (\d+)|\w+)\n")


class Objects:
    """The names of git's objects by path. Compressed: a large repository has many."""

    def __init__(self, records: Sequence[bytes]) -> None:
        """Of `ls-files --stage -v -z`, in its order."""
        self._firsts: list[bytes] = []
        self._chunks: list[bytes] = []
        self._open = (-1, b"")
        """The chunk that was looked into last: paths come in order."""
        for at in range(0, len(records), CHUNK_FILES):
            chunk = records[at : at + CHUNK_FILES]
            self._firsts.append(chunk[0].partition(b"\t")[2])
            self._chunks.append(zlib.compress(b"\0".join((b"", *chunk, b"")), 1))

    def of(self, path: str) -> str:
        """The object of a file that was clean; empty for any other."""
        record = self._record(path)
        return record[2].decode("ascii") if record else ""

    def executable(self, path: str) -> bool:
        """Whether a file that was clean could be run."""
        record = self._record(path)
        return bool(record and record[1] == _EXECUTABLE)

    def _record(self, path: str) -> list[bytes] | None:
        name = os.fsencode(path)
        at = bisect_right(self._firsts, name) - 1
        if at < 0:
            return None
        if self._open[0] != at:
            self._open = (at, zlib.decompress(self._chunks[at]))
        chunk = self._open[1]
        found = chunk.find(b"\t" + name + b"\0")
        if found < 0:
            return None
        return chunk[chunk.rfind(b"\0", 0, found) + 1 : found].split(b" ")


class Checkout(NamedTuple):
    """What lies below one folder of a repository."""

    folder: str
    git: git.Git
    objects: Objects
    """Of the files that were clean."""
    changed: frozenset[str]
    """Absolute paths of the files that git knows, but not as they were."""
    others: tuple[str, ...]
    """Of those that it does not know, and does not ignore."""
    converts: bool
    """Whether a file may look different on disk than in git."""

    def inside(self, path: str) -> str:
        """The path as git is told of it."""
        return path[len(self.folder) + 1 :]

    async def texts(self, paths: Sequence[str]) -> dict[str, bytes]:
        """What was in those of `paths` that were clean, by path; as far as git can say for certain."""
        named = {path: self.objects.of(self.inside(path)) for path in paths}
        named = {path: name for path, name in named.items() if name}
        if not named:
            return {}
        found: dict[str, bytes] = {}
        converted: set[str] = set()

        async def read() -> None:
            wanted = "".join(f"{name}\n" for name in dict.fromkeys(named.values()))
            output = await self.git.run("cat-file", "--batch", stdin=wanted.encode(), room=TEXTS_BYTES)
            found.update(_objects(output.data))

        async def ask() -> None:
            converted.update(await self._converted(list(named)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            if self.converts:
                tasks.start_soon(ask)
        return {path: found[name] for path, name in named.items() if name in found and path not in converted}

    async def _converted(self, paths: Sequence[str]) -> set[str]:
        """Those that are not on disk as they are in git."""
        inside = {self.inside(path): path for path in paths}
        stdin = b"\0".join((*map(os.fsencode, inside), b""))
        output = await self.git.run("check-attr", "-z", "--stdin", *_CONVERTING, stdin=stdin)
        names = [os.fsdecode(name) for name in output.data.split(b"\0")]
        if output.failed:
            return set(paths)
        return {
            inside[path]
            for path, attribute, value in zip(names[::3], names[1::3], names[2::3], strict=False)
            if value != "unspecified" and (attribute, value) != ("eol", "lf") and value != "unset"
        }

    async def ignored(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths`, none of them tracked, that git ignores."""
        stdin = b"\0".join((*(os.fsencode(self.inside(path)) for path in paths), b""))
        # Without the index, which takes a while to read in a large repository.
        output = await self.git.run("check-ignore", "-z", "--no-index", "--stdin", stdin=stdin)
        return {f"{self.folder}/{name.rstrip('/')}" for name in output.names}


async def ignored_folders(repository: git.Git, folder: str) -> set[str] | None:
    """The folders that git ignores; None when it ignores `folder` itself or cannot tell."""
    output = await repository.run(*_IGNORED)
    if not output.complete:
        return None
    found = {f"{folder}/{name[:-1]}" for name in output.names if name.endswith("/")}
    return None if f"{folder}/." in found else found


async def look(repository: git.Git, folder: str) -> Checkout | None:
    """How things are now; None when git cannot tell."""
    settings = listed = git.Output(b"", 0, "not asked")

    async def ask() -> None:
        nonlocal settings
        settings = await repository.run("config", "--null", "--get-regexp", _CONVERSION)

    async def look() -> None:
        nonlocal listed
        listed = await repository.run(*_LISTED)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(look)
    if not listed.complete:
        return None
    return await anyio.to_thread.run_sync(_checkout, repository, folder, listed.data, settings.data)


def _checkout(repository: git.Git, folder: str, listed: bytes, settings: bytes) -> Checkout:
    records = listed.split(b"\0")
    changed: set[bytes] = set()
    others: list[bytes] = []
    for record in records:
        if record[:2] == _NOT_TRACKED:
            others.append(record[2:])
        elif record[:5] != _CLEAN and record:
            changed.add(record.partition(b"\t")[2])
    # A file that has changed is told of twice, the first time as if it had not.
    clean = [record for record in records if record[:5] == _CLEAN]
    if changed:
        clean = [record for record in clean if record.partition(b"\t")[2] not in changed]
    if _CRLF.search(settings):  # then no text of git's is what was on disk
        clean = []
    converts = bool(settings.strip(b"\0")) or any(b".gitattributes" in record for record in records)

    def absolute(names: Iterable[bytes]) -> Iterable[str]:
        return (f"{folder}/{os.fsdecode(name)}" for name in names)

    return Checkout(
        folder,
        repository,
        Objects(clean),
        frozenset(absolute(changed)),
        tuple(absolute(others)),
        converts or _has_attributes(repository.top),
    )


def _has_attributes(top: Path) -> bool:
    """Whether something outside `folder` says how files are converted; also when that is not certain."""
    own = os.path.expanduser(os.path.join(os.environ.get("XDG_CONFIG_HOME") or "~/.config", "git/attributes"))
    if os.path.exists(own) or not os.path.isdir(top / ".git"):
        return True
    return os.path.exists(top / ".git" / "info" / "attributes") or os.path.exists(top / ".gitattributes")


def _objects(data: bytes) -> dict[str, bytes]:
    """What `cat-file --batch` writes, by object; without what is cut off."""
    found: dict[str, bytes] = {}
    at = 0
    while match := _OBJECT.match(data, at):
        at = match.end()
        if match[2] is not None:
            end = at + int(match[2])
            if end < len(data):
                found[match[1].decode("ascii")] = data[at:end]
            at = end + 1
    return found
