"""Finding lines and files under a folder, with ripgrep where there is one and the same without."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import anyio
import anyio.to_thread

from acp_agent.errors import ToolError
from acp_agent.workspace import line_search, listing
from acp_agent.workspace.files import held
from acp_agent.workspace.globs import asks_for_hidden, compile_glob
from acp_agent.workspace.listing import SEARCH_LIMIT_S
from acp_agent.workspace.neighbours import missing
from acp_agent.workspace.processes import CommandSpec, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.workspace.programs import Programs

FILE_LIMIT_BYTES = 10 << 20
"""Larger files are not searched, unless one is named itself."""
NAMED_LIMIT_BYTES = 1 << 30
LINE_CHARACTERS = 4096
MATCHES = 1000
"""A search with more stops there."""
RECORD_BYTES = 32 << 20
"""What is told of one line, with every place in it that matches; more than that nobody can use."""
ERROR_BYTES = 4096
_NEWLINE = re.compile(r"\n|(?<!\\)(?:\\\\)*\\n")

_NEGATED = re.compile(r"\[\^[^\]]*\]")


class Query(NamedTuple):
    pattern: str
    include: str | None = None
    """A glob of the files to search."""
    context: int = 0
    """Lines around each match."""
    hidden: bool = False
    """Whether hidden files count without being named."""


class Line(NamedTuple):
    path: Path
    number: int
    """From 1."""
    text: str
    is_match: bool


class Found(NamedTuple):
    lines: list[Line]
    """In order of path and number."""
    complete: bool
    """False when there was no time for all, or more than MATCHES."""


class Files(NamedTuple):
    paths: list[Path]
    """The one changed last first."""
    total: int
    complete: bool


async def glob(folder: Path, pattern: str, limit: int, programs: Programs, *, hidden: bool = False) -> Files:
    """The files under `folder` that match, `limit` at most; hidden ones if asked for. Raises ToolError."""
    wanted = compile_glob(pattern)
    _require_folder(folder)
    found = await listing.files(folder, programs, hidden=hidden or asks_for_hidden(pattern))
    paths = await anyio.to_thread.run_sync(_newest_first, folder, list(filter(wanted.fullmatch, found.names)))
    return Files(paths[:limit], len(paths), found.complete)


async def grep(start: Path, query: Query, programs: Programs) -> Found:
    """The lines under `start`, a folder or a file, that match. Raises ToolError.

    Hidden, ignored, binary and very large files are left out, unless one is named itself.
    """
    _require(start)
    if _NEWLINE.search(_NEGATED.sub("", query.pattern)):
        raise ToolError("A pattern matches within one line and cannot hold a newline.")
    with held(start) as here:
        search = _Search(start, here, query)
        if programs.rg:
            errors = await search.with_rg(programs.rg)
            if not errors:
                return search.found()
        # Also for what only Python's expressions can say.
        await search.without(programs)
        return search.found()


class _Search:
    """One search: reads what a program finds as it comes, and stops it when that is enough."""

    def __init__(self, start: Path, here: Path, query: Query) -> None:
        """`here` is `start` as a program finds it."""
        self._query = query
        folder = here.is_dir()
        self._folder = start if folder else start.parent
        self._file = None if folder else start
        self._cwd = here if folder else Path("/")
        self._named = None if folder else str(here)
        self._limit = str(NAMED_LIMIT_BYTES if self._file else FILE_LIMIT_BYTES)
        self._include = compile_glob(query.include) if query.include else None
        self._hidden = query.hidden or bool(query.include and asks_for_hidden(query.include))
        self._lines: list[Line] = []
        self._of_file: list[Line] = []
        self._matches = 0
        self._complete = True
        self._scope = anyio.CancelScope()

    def found(self) -> Found:
        lines = self._lines + self._of_file
        return Found(sorted(lines, key=lambda line: (line.path.parts, line.number)), self._complete)

    async def with_rg(self, rg: str) -> str:
        """Why ripgrep could not search; empty when it has."""
        options = [
            "--json",
            "--crlf",
            "--no-mmap",  # so that binary files are told by all of their content
            "--sort=path",
            f"--max-filesize={self._limit}",
            f"--context={self._query.context}",
            *listing.rg_options(self._folder, hidden=self._hidden),
        ]
        include = self._query.include
        if include and "/" not in include and not self._file:
            # --glob would also bring in what is ignored
            options += [f"--type-add=wanted:{include}", "--type=wanted"]
        command = [rg, *options, f"--regexp={self._query.pattern}", "--", self._named or "./"]
        return await self._run(command, self._take_rg)

    async def without(self, programs: Programs) -> None:
        """Raises ToolError for a pattern that is not valid."""
        if self._named:
            names = [self._named]
        else:
            found = await listing.files(self._folder, programs, hidden=self._hidden)
            self._complete = found.complete
            names = sorted(filter(self._is_wanted, found.names), key=lambda name: name.split("/"))
        pattern, context = self._query.pattern, str(self._query.context)
        command = [sys.executable, "-I", "-S", line_search.__file__, pattern, context, self._limit]
        stdin = b"\0".join(map(os.fsencode, names)) or b"\0"
        errors = await self._run(command, self._take_own, stdin)
        if errors:
            raise ToolError(f"{pattern!r} is not a valid regular expression: {errors}.")

    async def _run(self, command: Sequence[str], take: Callable[[bytes], None], stdin: bytes = b"") -> str:
        errors, records = bytearray(), _Records(take)
        spec = CommandSpec(command, self._cwd, SEARCH_LIMIT_S, stdin=stdin)
        with self._scope:
            ending = await stream(spec, records.feed, errors.extend)
            if ending.timed_out or records.skipped:
                self._complete = False
            elif ending.code == 2 and not self._lines:
                return errors[:ERROR_BYTES].decode("utf-8", "replace").strip()
        return ""

    def _take_rg(self, data: bytes) -> None:
        message = cast("dict[str, object]", json.loads(data))
        content = cast("dict[str, object]", message["data"])
        kind = message["type"]
        if kind in ("match", "context"):
            name = _text(content["path"]).removeprefix("./")
            self._add(name, cast(int, content["line_number"]), _text(content["lines"]), kind == "match")
        elif kind == "end":
            if content["binary_offset"] is None:
                self._lines += self._of_file
            self._of_file = []

    def _take_own(self, data: bytes) -> None:
        name, number, text, is_match = cast("tuple[str, int, str, int]", json.loads(data))
        self._add(name, number, text, is_match == 1)

    def _add(self, name: str, number: int, text: str, is_match: bool) -> None:
        if self._scope.cancel_called or not (self._file or self._is_wanted(name)):
            return
        if is_match and self._matches == MATCHES:
            self._complete = False
            self._scope.cancel()
            return
        self._matches += is_match
        line = Line(
            self._file or self._folder / name, number, text.rstrip("\r\n")[:LINE_CHARACTERS], is_match
        )
        self._of_file.append(line)

    def _is_wanted(self, name: str) -> bool:
        return self._include is None or self._include.fullmatch(name) is not None


class _Records:
    """Hands on the lines of a stream of bytes; one over the limit is left out."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._parts: list[bytes] = []
        self._size = 0
        self.skipped = False

    def feed(self, data: bytes) -> None:
        first, newline, rest = data.partition(b"\n")
        self._keep(first)
        if not newline:
            return
        *whole, last = rest.split(b"\n")
        if self._size <= RECORD_BYTES:
            self._take(b"".join(self._parts))
        self._parts, self._size = [], 0
        for line in whole:
            self._take(line)
        self._keep(last)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= RECORD_BYTES:
            self._parts.append(part)
        else:
            self._parts.clear()
            self.skipped = True


def _text(given: object) -> str:
    """A text as ripgrep gives it: bytes where it is not UTF-8."""
    value = cast("dict[str, str]", given)
    if "text" in value:
        return value["text"]
    return base64.b64decode(value["bytes"]).decode("latin-1")


def _newest_first(folder: Path, names: Sequence[str]) -> list[Path]:
    changed: list[tuple[float, Path]] = []
    for name in names:
        path = folder / name
        try:
            changed.append((-path.lstat().st_mtime, path))
        except OSError:
            continue  # gone meanwhile
    return [path for _, path in sorted(changed)]


def _require(path: Path) -> None:
    if not os.path.lexists(path):
        raise missing(path)


def _require_folder(path: Path) -> None:
    _require(path)
    if not path.is_dir():
        raise ToolError(f"{path} is a file. Give the folder to search in.")
