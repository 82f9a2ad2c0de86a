"""What a command has changed, under its tool call: differences to review, and one line for the model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio

from acp_agent.events import Location, NoticeRaised, ShownDiff, ShownText, ToolCallUpdated
from acp_agent.tools.shortening import one_line
from acp_agent.workspace.text import decode, is_binary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from acp_agent.events import Event, Shown, ShownCommand
    from acp_agent.permission.claims import Claim
    from acp_agent.tools.base import Progress, ToolResult
    from acp_agent.workspace.changes import Changes, Found
    from acp_agent.workspace.images import Image
    from acp_agent.workspace.known import Change
    from acp_agent.workspace.roots import Roots
    from acp_agent.workspace.text import Text

DIFFS = 20
"""Shown of one command; further files are named."""
DIFF_BYTES = 200 << 10
"""Old and new texts of all of them together: they are journalled."""
NAMED = 50
"""Files that are named to the person."""
TOLD = 8
"""Files that are named to the model."""
NAME_CHARACTERS = 200
REPLACED = "\ufffd"
CANCEL_LIMIT_S = 0.3
"""For looking at what a cancelled command has done: a cancelled turn ends within a second."""
KINDS = {"created": "new", "changed": "changed", "deleted": "deleted"}
SECRET = "usually holds a secret, so it is not shown"
NOT_KEPT = "its old text was not kept"


class Command(Protocol):
    """A call that runs a command."""

    def claims(self) -> tuple[Claim, ...]: ...

    def so_far(self) -> ShownCommand:
        """The command and what it has written until now."""
        ...


class Keeper(Protocol):
    """workspace.snapshots.Snapshots, as far as commands go."""

    async def ahead(self, paths: Iterable[str]) -> Mapping[str, Image]: ...

    async def changed(self, before: Mapping[str, Image], changes: Sequence[Change]) -> None: ...


class _Review(NamedTuple):
    shown: tuple[Shown, ...]
    locations: tuple[Location, ...]
    told: str
    """For the model; empty when there is nothing that it does not know."""


class Reviewing:
    """Of one session; its commands run one after the other."""

    def __init__(
        self,
        changes: Changes,
        roots: Roots,
        emit: Callable[[Event], None],
        keeper: Keeper | None = None,
    ) -> None:
        """`keeper` keeps what was there before, so that it can be put back."""
        self._changes = changes
        self._keeper = keeper
        self._roots = roots
        self._emit = emit
        self._explained = ""

    async def around(
        self, command: Command, run: Callable[[Progress], Awaitable[ToolResult]], progress: Progress
    ) -> ToolResult:
        """Runs the command; its result also tells what it has changed.

        What one that is cancelled has changed is shown all the same.
        """
        claims = command.claims()
        before = await self._ahead(claims)
        await self._changes.begin()
        try:
            with self._changes.following():
                result = await run(progress)
        except BaseException:
            with anyio.move_on_after(CANCEL_LIMIT_S, shield=True):
                review = self._review(claims, await self._ended(before))
                if review.shown:
                    content = (command.so_far(), *review.shown)
                    self._emit(ToolCallUpdated(progress.call_id, content=content, locations=review.locations))
            raise
        review = self._review(claims, await self._ended(before))
        if not review.shown:
            return result
        output = f"{result.output}\n{review.told}" if review.told else result.output
        shown = (*(result.shown or ()), *review.shown)
        return result._replace(output=output, shown=shown, locations=review.locations or None)

    async def _ahead(self, claims: Sequence[Claim]) -> Mapping[str, Image]:
        """What is there of the files that the command says it will change."""
        if self._keeper is None:
            return {}
        return await self._keeper.ahead(
            claim.resource for claim in claims if claim.operation == "edit" and claim.inside
        )

    async def _ended(self, before: Mapping[str, Image]) -> Found:
        found = await self._changes.end()
        if self._keeper:
            await self._keeper.changed(before, found.changes)
        return found

    def _review(self, claims: Sequence[Claim], found: Found) -> _Review:
        claimed = {claim.resource for claim in claims if claim.operation == "edit"}
        self._warn(claimed, found)
        if found.trouble:
            return _Review(self._explain(found.trouble), (), "")
        shown, named = _shown(found.changes)
        if text := _named(named, found.more):
            shown.append(ShownText(text))
        there = [each for each in found.changes if each.kind != "deleted" and _speakable(each.path)]
        locations = tuple(Location(change.path, _line(change)) for change in there[:DIFFS])
        paths = [change.path for change in found.changes]
        known = not found.more and claimed.issuperset(paths)
        return _Review(tuple(shown), locations, "" if known else self._told(paths, found.more))

    def _explain(self, why: str) -> tuple[Shown, ...]:
        """Once for each reason."""
        if why == self._explained:
            return ()
        self._explained = why
        return (ShownText(f"What this command has changed is not known: {why}."),)

    def _told(self, paths: Sequence[str], more: int) -> str:
        if not paths and not more:
            return ""
        names = [_name(self._roots.shorten(Path(path))) for path in paths[:TOLD]]
        beyond = len(paths) - len(names) + more
        listed = ", ".join(names) + f" (+{beyond} more)" * bool(beyond)
        return f"Files changed: {listed.strip()}"

    def _warn(self, claimed: Iterable[str], found: Found) -> None:
        """Tells the person of changed files that somebody runs or obeys, unless they were asked for."""
        from acp_agent.permission.protected import protected

        table = protected(os.path.realpath(os.path.expanduser("~")))
        asked = frozenset(claimed)
        warnings: dict[str, str] = {}
        for change in found.changes:
            kind = None if change.path in asked else table.guarded_as(change.path)
            if kind and change.kind != "deleted":
                warnings[change.path] = kind
        for path in found.internals:
            if path not in asked and (why := _why_dangerous(path)):
                warnings[path] = why
        if warnings:
            lines = [f"{_name(path)} ({why})" for path, why in warnings.items()]
            title = "A command has changed what other programs run or obey"
            self._emit(NoticeRaised("warning", title, "\n".join(lines[:NAMED])))


def _why_dangerous(path: str) -> str:
    """Of a hook, or of settings that make git run something; empty for harmless settings."""
    if os.path.basename(os.path.dirname(path)) == "hooks":
        return "a git hook"
    from acp_agent.permission.repository import danger

    return danger(os.path.dirname(os.path.dirname(path)))


def _shown(changes: Iterable[Change]) -> tuple[list[Shown], list[str]]:
    """The differences that are shown, and what is said of the other files."""
    from acp_agent.permission.protected import protected

    table = protected(os.path.realpath(os.path.expanduser("~")))
    shown: list[Shown] = []
    named: list[str] = []
    room = DIFF_BYTES
    for change in changes:
        size = len(change.old or b"") + len(change.new or b"")
        if table.is_secret(change.path):
            why = SECRET
        elif len(shown) == DIFFS or not _speakable(change.path):
            why = ""
        elif (diff := _diff(change)) is None:
            why = _why_not(change)
        elif size > room:
            why = "too large to show"
        else:
            room -= size
            shown.append(diff)
            continue
        named.append(f"`{_name(change.path)}` {KINDS[change.kind]}{f', {why}' if why else ''}")
    return shown, named


def _diff(change: Change) -> ShownDiff | None:
    """None when the texts are not known, or are none."""
    old, new = _text(change.old), _text(change.new)
    if change.kind == "deleted":
        return ShownDiff(change.path, old.plain, "", old.form, deleted=True) if old else None
    if new is None or (old is None and change.kind != "created"):
        return None
    return ShownDiff(change.path, old.plain if old else None, new.plain, old.form if old else "", new.form)


def _text(data: bytes | None) -> Text | None:
    return None if data is None or is_binary(data) else decode(data)


def _why_not(change: Change) -> str:
    if change.new is not None and is_binary(change.new):
        return f"binary, {change.size} bytes"
    if change.kind != "deleted" and change.new is None:
        return f"{change.size} bytes"
    return NOT_KEPT


def _named(named: Sequence[str], more: int) -> str:
    lines = list(named[:NAMED])
    if beyond := len(named) - len(lines) + more:
        lines.append(f"… and {beyond} more {'file' if beyond == 1 else 'files'}")
    return "\n".join(["Also touched:", "", *(f"- {line}" for line in lines)]) if lines else ""


def _name(path: str) -> str:
    """As it is shown: a name may hold anything."""
    return one_line("".join(char if char.isprintable() else REPLACED for char in path), NAME_CHARACTERS)


def _speakable(path: str) -> bool:
    """Whether a path can be said at all: names are bytes."""
    return path.encode(errors="replace") == path.encode(errors="surrogateescape")


def _line(change: Change) -> int | None:
    """Where the first change is."""
    if change.old is None or change.new is None:
        return None
    old, new = change.old.split(b"\n"), change.new.split(b"\n")
    same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
    return (min(len(old), len(new)) if same is None else same + 1) or 1
