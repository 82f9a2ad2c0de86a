"""/undo: the last turns taken back, with what their edits have done to files.

A file is touched only if it still is, byte for byte, what the turns have left; everything else is
named and left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.errors import AgentError
from acp_agent.events import ShownDiff, ToolCallFinished, ToolCallStarted, ToolCallUpdated
from acp_agent.extend.commands.markdown import bullets, code, plain
from acp_agent.workspace.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.events import Event, Shown
    from acp_agent.extend.commands.desk import Answer, Desk, PastTurn, Words
    from acp_agent.workspace.documents import Document
    from acp_agent.workspace.roots import Place
    from acp_agent.workspace.workspace import Workspace

Fate = Literal["put back", "removed", "as it was", "left alone"]
LISTED = 20
"""Files and commands that are named of each kind."""
COMMANDS_STAY = "What else these calls have changed stays as it is:"


async def undo(desk: Desk, words: Words) -> Answer:
    count = int(words.text) if words.text.isdecimal() else 0
    if words.text and not count:
        return f"{code(words.text)} is no number of turns. `/undo` takes back the last one, `/undo 2` two."
    turns = [turn for turn in await desk.past() if not turn.local][-(count or 1) :]
    if not turns:
        return "There is nothing to take back."
    found = changes_of(event for turn in turns for event in turn.events)
    files = [await _restored(desk.workspace, change) for change in found.files.values()]
    await desk.rewind(turns[0].before)
    return "\n\n".join(_summed_up(turns, files, found.beyond))


def _summed_up(turns: Sequence[PastTurn], files: Sequence[str], beyond: Sequence[str]) -> list[str]:
    parts = ["One turn taken back." if len(turns) == 1 else f"{len(turns)} turns taken back."]
    if files:
        parts.append(bullets(files[:LISTED]) + _more(len(files)))
    if beyond:
        parts.append(f"{COMMANDS_STAY}\n\n{bullets(beyond[:LISTED])}{_more(len(beyond))}")
    return parts


def _more(count: int) -> str:
    return f"\n- … and {count - LISTED} more" if count > LISTED else ""


# What the turns have done ---------------------------------------------------------------


@dataclass(slots=True)
class Step:
    """One edit of a file."""

    old: Text | None
    new: Text | None
    sure: bool
    """False when the call was broken off: it may have been done or not."""


@dataclass(slots=True)
class FileChange:
    path: str
    steps: list[Step] = field(default_factory=list[Step])
    unknown: str = ""
    """Why one of the edits is not known, if one is not."""


@dataclass(slots=True)
class Changes:
    files: dict[str, FileChange] = field(default_factory=dict[str, FileChange])
    beyond: list[str] = field(default_factory=list[str])
    """Titles of calls that have done what is not known."""


@dataclass(slots=True)
class _Call:
    kind: str
    title: str
    content: tuple[Shown, ...] = ()
    ran: bool = False


HARMLESS = frozenset({"read", "search", "think", "fetch"})
ASKS_ONLY = frozenset({"question"})
"""Tools of kind "other" that change nothing."""


def changes_of(events: Iterable[Event]) -> Changes:
    """What tool calls have changed."""
    calls: dict[str, _Call] = {}
    found = Changes()
    for event in events:
        match event:
            case ToolCallStarted():
                kind = "think" if event.name in ASKS_ONLY else event.kind
                calls[event.call_id] = _Call(kind, event.title)
            case ToolCallUpdated() if call := calls.get(event.call_id):
                call.title = event.title or call.title
                call.ran = call.ran or event.status == "in_progress"
                call.content = call.content if event.content is None else event.content
            case ToolCallFinished() if call := calls.pop(event.call_id, None):
                call.content = call.content if event.content is None else event.content
                if call.ran:
                    _note(found, call, event)
            case _:
                pass
    return found


def _note(found: Changes, call: _Call, end: ToolCallFinished) -> None:
    diffs = [shown for shown in call.content if isinstance(shown, ShownDiff)]
    for diff in diffs:
        change = found.files.setdefault(diff.path, FileChange(diff.path))
        if diff.redacted:
            change.unknown = "a secret in it was not kept"
        old = None if diff.old_text is None else Text.formed(diff.old_text, diff.old_form)
        new = None if diff.deleted else Text.formed(diff.new_text, diff.new_form)
        change.steps.append(Step(old, new, not end.failed))
    if call.kind in HARMLESS:
        return
    path = (end.record or {}).get("path")
    if call.kind != "edit":
        found.beyond.append(call.title)
    elif not diffs and not end.failed and call.content and isinstance(path, str):
        found.files.setdefault(path, FileChange(path)).unknown = "a change of it was too large to be kept"


# Putting back ------------------------------------------------------------------------------


async def _restored(workspace: Workspace, change: FileChange) -> str:
    """Puts one file back if that may be, and says what has come of it."""
    try:
        fate, why = await _restore(workspace, change)
    except AgentError as error:
        fate, why = "left alone", str(error)
    shown = code(workspace.roots.shorten(Path(change.path)))
    return f"{shown}: {fate}{f', {plain(why)}' if why else ''}"


async def _restore(workspace: Workspace, change: FileChange) -> tuple[Fate, str]:
    place = workspace.roots.resolve(change.path)
    if not place.inside or str(place.path) != change.path:
        return "left alone", "it is not in the session's folders"
    if change.unknown:
        return "left alone", change.unknown
    now = await _now(workspace, place)
    source = now.source if now else None
    before, left, whole = _ends(change.steps, source)
    if source == before:
        return "as it was", ""
    if source != left or not whole:
        return "left alone", "it has changed since" if now else "it is gone"
    if now and before is None:
        await workspace.documents.remove(place, now)
        return "removed", ""
    assert before, "else it would be as it was"
    if now:
        workspace.documents.mark_seen(now)
    written = await workspace.documents.write(place, before, now)
    return "put back", "" if written.document.source == before else "and changed by the editor on saving it"


async def _now(workspace: Workspace, place: Place) -> Document | None:
    return await workspace.documents.read(place) if await workspace.documents.exists(place) else None


class _Ends(NamedTuple):
    """What a file was before the steps, and what they have left; None where there is none."""

    before: Text | None
    left: Text | None
    whole: bool
    """False when somebody else has changed it in between, so that it cannot be put back."""


def _ends(steps: Sequence[Step], now: Text | None) -> _Ends:
    done = _done(steps, now)
    if not done:
        return _Ends(now, now, whole=True)
    whole = all(one.new == other.old for one, other in pairwise(done))
    return _Ends(done[0].old, done[-1].new, whole)


def _done(steps: Sequence[Step], now: Text | None) -> list[Step]:
    """The steps that have been taken: of one that was broken off, what came after it tells."""
    after, done = now, list[Step]()
    for step in reversed(steps):
        if step.sure or step.new == after:
            done.insert(0, step)
            after = step.old
    return done
