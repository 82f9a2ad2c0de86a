"""What a person names with `@` in the text, read as the tools would read it and added to the prompt.

Nobody is asked: what may not be read without asking is left out, and the model is told why.
"""

from __future__ import annotations

import os
import stat
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from acp_agent.content import Image, Resource, path_of
from acp_agent.errors import ContentError, ToolError
from acp_agent.events import NoticeRaised
from acp_agent.permission.claims import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.content import Part
    from acp_agent.context.images import Fit
    from acp_agent.context.mentions import Reading
    from acp_agent.permission.gate import Gate
    from acp_agent.tools.base import Call
    from acp_agent.workspace.workspace import Workspace

DIFF = "diff"
"""`@diff`: what has changed since the last commit."""
MENTION_BYTES = 32 << 10
"""Of one mention: about 8,000 tokens. The model can read the rest."""
PROMPT_BYTES = 96 << 10
"""Of all mentions of a prompt together: as much as one call of the read tool gives."""
LEAST_BYTES = 1 << 10
"""With less room than this a mention is left out."""
LOOKED_UP = 200
"""Mentions that are looked for among the files; more come from pasted text."""
ADDED = 30
"""Mentions of one prompt that are added."""
LOOK_LIMIT_S = 5.0
"""Until the file system has said what there is."""
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


class Added(NamedTuple):
    parts: tuple[Part, ...]
    notices: tuple[NoticeRaised, ...]


class _Found(NamedTuple):
    """A mention of something that is there."""

    reading: Reading
    path: str
    """Links resolved."""
    folder: bool = False

    @property
    def uri(self) -> str:
        return DIFF if self.path == DIFF else Path(self.path).as_uri()


class Mentioned:
    """Adds to prompts what they mention."""

    def __init__(self, workspace: Workspace, gate: Gate, git: str | None, fit: Fit) -> None:
        self._workspace = workspace
        self._gate = gate
        self._git = git
        self._fit = fit

    async def added(self, texts: Sequence[str], given: Iterable[str]) -> Added:
        """The parts for what `texts` mention, but for what stands in `given`, URIs whose content is there."""
        if not any("@" in text for text in texts):
            return Added((), ())
        from acp_agent.context.mentions import mentions

        wanted = list(islice(chain.from_iterable(map(mentions, texts)), LOOKED_UP))
        if not wanted:
            return Added((), ())
        found = await self._look(wanted, given)
        parts: list[Part] = []
        notices: list[NoticeRaised] = []
        room = PROMPT_BYTES
        for each in found[:ADDED]:
            try:
                if room < LEAST_BYTES:
                    raise ContentError("the mentions before it have filled the room for them")
                part = await self._one(each, min(room, MENTION_BYTES))
            except (ContentError, ToolError) as error:
                written, why = each.reading.written, str(error).rstrip(".")
                notices.append(NoticeRaised("info", f"{written} was not added to the prompt: {why}"))
                part = Resource(each.uri, f"(not included: {why})", mentioned=True)
            room -= len(part.text.encode("utf-8", "replace")) if isinstance(part, Resource) else 0
            parts.append(part)
        if len(found) > ADDED:
            notices.append(NoticeRaised("info", f"Only the first {ADDED} mentions were added to the prompt"))
        return Added(tuple(parts), tuple(notices))

    async def _look(self, wanted: Sequence[tuple[Reading, ...]], given: Iterable[str]) -> list[_Found]:
        """What of it is there, each once, and not what the client has sent by itself."""
        sent = [path for path in map(path_of, given) if path]
        try:
            with anyio.fail_after(LOOK_LIMIT_S):
                return await anyio.to_thread.run_sync(self._find, wanted, sent, abandon_on_cancel=True)
        except TimeoutError:
            return []

    def _find(self, wanted: Sequence[tuple[Reading, ...]], sent: Sequence[str]) -> list[_Found]:
        known = {os.path.realpath(path) for path in sent if "\0" not in path}
        found: dict[object, _Found] = {}
        for readings in wanted:
            each = next(filter(None, map(self._meant, readings)), None)
            if each and each.path not in known:
                found.setdefault((each.path, each.reading.first, each.reading.last), each)
        return list(found.values())

    def _meant(self, reading: Reading) -> _Found | None:
        if reading.path == DIFF:
            return _Found(reading, DIFF) if self._git and _in_checkout(self._workspace.roots.cwd) else None
        paths = [os.path.expanduser(reading.path) if reading.path.startswith("~/") else reading.path]
        if reading.path.startswith("/"):
            paths.append(reading.path.lstrip("/"))  # some write the project's folder as /
        for path in paths:
            try:
                full = os.path.realpath(os.path.join(self._workspace.roots.cwd, path), strict=True)
                folder = stat.S_ISDIR(os.stat(full).st_mode)
            except (OSError, ValueError):
                continue
            if not (folder and reading.first) and not (path.endswith("/") and not folder):
                return _Found(reading, full, folder)
        return None

    async def _one(self, found: _Found, room: int) -> Part:
        if found.path == DIFF:
            return Resource(found.uri, await self._diff(room), "text/x-diff", mentioned=True)
        if found.path.lower().endswith(PICTURES) and not found.folder:
            return await self._picture(found)
        call = self._reading(found, room)
        self._require_allowed(call.claims())
        return Resource(found.uri, (await call.run(_NOBODY)).output, mentioned=True)

    def _reading(self, found: _Found, room: int) -> Call:
        from acp_agent.tools.listing import ListCall
        from acp_agent.tools.read import LINES, ReadCall
        from acp_agent.tools.target import Target

        target = Target(self._workspace.roots, found.path)
        if found.folder:
            return ListCall(target)
        _, _, first, last = found.reading
        limit = last - first + 1 if first and last else LINES
        return ReadCall(self._workspace, target, first or 1, limit, room)

    def _require_allowed(self, claims: Sequence[Claim]) -> None:
        decision = self._gate.check(claims)
        if decision.verdict == "ask":
            raise ContentError(f"{decision.reason}; the read tool asks")
        if decision.verdict == "deny":
            raise ContentError(decision.reason)

    async def _picture(self, found: _Found) -> Part:
        from base64 import b64encode

        from acp_agent.context.images import fitted
        from acp_agent.tools.target import Target
        from acp_agent.workspace import files

        target = Target(self._workspace.roots, found.path)
        self._require_allowed(target.claims("read"))
        data = await anyio.to_thread.run_sync(files.read_bytes, target.place.path)
        encoded = b64encode(data).decode("ascii")
        return await fitted(Image(encoded, "", found.uri, mentioned=True), self._fit)

    async def _diff(self, room: int) -> str:
        from acp_agent.context.diff import changes

        assert self._git, "without git no diff is found"
        self._require_allowed((Claim("execute", "git diff HEAD", ("git", "diff", "HEAD")),))
        found = await changes(self._git, self._workspace.roots.cwd, self._may_read, room)
        lines = [found.text or "(no changes since the last commit)"]
        if len(found.text) < found.size:
            lines.append(
                f"(cut at {room >> 10} of {found.size >> 10} KiB; `git diff HEAD -- PATH` gives the rest)"
            )
        if found.left_out:
            lines.append(f"(left out, they may not be read without asking: {', '.join(found.left_out[:20])})")
        return "\n".join(lines)

    def _may_read(self, name: str) -> bool:
        from acp_agent.tools.target import Target

        target = Target(self._workspace.roots, os.path.join(self._workspace.roots.cwd, name))
        return self._gate.check(target.claims("read")).verdict == "allow"


def _in_checkout(folder: Path) -> bool:
    from acp_agent.workspace.git import in_checkout

    return in_checkout(folder)


class _Nobody:
    """A tools.base.Progress that nobody looks at."""

    call_id = ""

    def show(self, shown: object) -> None: ...

    def output(self, text: str) -> None: ...

    def plan(self, entries: object) -> None: ...


_NOBODY = _Nobody()
