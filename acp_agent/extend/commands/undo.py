"""/undo, /rewind and /redo: back to before a turn, in the conversation, in files or in both, and forth."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.events import PutBack, Rewound, ShownDiff, ToolCallFinished, ToolCallStarted, ToolCallUpdated
from acp_agent.extend.commands.markdown import bullets, code, plain
from acp_agent.turn.transcript import text_of
from acp_agent.workspace.restoring import NOT_KEPT, restore
from acp_agent.workspace.snapshots import outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.events import Event
    from acp_agent.extend.commands.desk import Answer, Desk, PastTurn, Words
    from acp_agent.workspace.snapshots import Step

What = Literal["files", "conversation", "both"]
WHAT: dict[str, What] = {"files": "files", "conversation": "conversation", "both": "both"}
LAST = "last"
LISTED = 20
"""Files, commands and turns that are named of each kind."""
QUOTED_CHARACTERS = 60
NOTHING = "There is nothing to take back."
COMMANDS_STAY = "What else these calls have changed stays as it is:"
HOW = "`/rewind N` goes back to before turn N; with `files` or `conversation` after it only one of them does."
DAMAGED = "A part of the snapshots is damaged: some files may not be known any more."
HARMLESS = frozenset({"read", "search", "think", "fetch", "edit"})
"""Kinds of calls that change nothing, or whose changes are known."""
ASKS_ONLY = frozenset({"question"})
"""Tools of kind "other" that change nothing."""


async def undo(desk: Desk, words: Words) -> Answer:
    count = int(words.text) if words.text.isdecimal() else 0
    if words.text and not count:
        return f"{code(words.text)} is no number of turns. `/undo` takes back the last one, `/undo 2` two."
    turns = [turn for turn in await desk.past() if not turn.local][-(count or 1) :]
    return await _go_back(desk, turns, "both") if turns else NOTHING


async def rewind(desk: Desk, words: Words) -> Answer:
    turns = [turn for turn in await desk.past() if not turn.local]
    given = words.text.split()
    if not given:
        return await _listed(desk, turns)
    chosen: list[What] = [WHAT[word] for word in given if word in WHAT] or [WHAT["both"]]
    named = [word for word in given if word not in WHAT] or [LAST]
    at = _place(named[0], turns) if len(named) == 1 else None
    if at is None:
        return f"There is no turn {code(' '.join(named))} to go back to. `/rewind` lists them."
    return await _go_back(desk, turns[at:], chosen[0])


async def redo(desk: Desk, words: Words) -> Answer:
    del words
    last = undone(await desk.past())
    if last is None:
        return "There is nothing to take forth again."
    files = await restore(desk.workspace, desk.snapshots, last.turn_id)
    await desk.rewind(last.tip, files, last.turn_id)
    parts = ["The conversation goes on from where it was." if last.tip is not None else "Taken forth again."]
    return "\n\n".join([*parts, *_of_files(desk, files)])


def undone(past: Sequence[PastTurn]) -> Rewound | None:
    """What was gone back last, and neither taken forth again nor followed by a turn."""
    taken_back: set[str] = set()
    for turn in reversed(past):
        if not turn.local:
            return None
        for event in turn.events:
            if isinstance(event, Rewound):
                if event.takes_back:
                    taken_back.add(event.takes_back)
                elif event.turn_id not in taken_back:
                    return event
    return None


def _place(name: str, turns: Sequence[PastTurn]) -> int | None:
    """Which of the turns has that number, counted from 1, or id."""
    if name == LAST and turns:
        return len(turns) - 1
    if name.isdecimal():
        return int(name) - 1 if 0 < int(name) <= len(turns) else None
    return next((at for at, turn in enumerate(turns) if turn.turn_id == name), None)


async def _go_back(desk: Desk, turns: Sequence[PastTurn], what: What) -> str:
    """To before the first of `turns`, which are the last ones there are."""
    done = _done(chain.from_iterable(turn.events for turn in turns))
    files: list[PutBack] = []
    if what != "conversation":
        files = await restore(desk.workspace, desk.snapshots, turns[0].turn_id)
        kept = await desk.snapshots.since(turns[0].turn_id)
        files += [PutBack(path, "left alone", NOT_KEPT) for path in done.edited if path not in kept]
    await desk.rewind(None if what == "files" else turns[0].before, files)
    number = "One turn" if len(turns) == 1 else f"{len(turns)} turns"
    said = {
        "both": f"{number} taken back.",
        "files": f"Files are as they were {number.lower()} ago; the conversation stays.",
        "conversation": f"{number} taken back. Files are as they are.",
    }
    parts = [said[what], *_of_files(desk, files)]
    if what != "conversation" and done.beyond:
        parts.append(f"{COMMANDS_STAY}\n\n{bullets(done.beyond[:LISTED])}{_more(len(done.beyond))}")
    return "\n\n".join([*parts, "`/redo` takes this back."])


def _of_files(desk: Desk, files: Sequence[PutBack]) -> list[str]:
    shown = [
        f"{_shown(desk, file.path)}: {FATES[file.fate]}{f', {plain(file.why)}' if file.why else ''}"
        for file in files[:LISTED]
    ]
    parts = [bullets(shown) + _more(len(files))] if shown else []
    return [*parts, DAMAGED] if desk.snapshots.damaged else parts


FATES = {
    "put back": "put back",
    "merged": "put back, beside what has been changed since",
    "removed": "removed",
    "left alone": "left alone",
}


async def _listed(desk: Desk, turns: Sequence[PastTurn]) -> str:
    """The last turns, and what each has done to files."""
    if not turns:
        return NOTHING
    steps = await desk.snapshots.by_turn()
    first = max(0, len(turns) - LISTED)
    lines = [
        f"{number}. {_quoted(turn)}{_summary(desk, steps.get(turn.turn_id, ()))}"
        for number, turn in enumerate(turns[first:], start=first + 1)
    ]
    return "\n\n".join(["\n".join(lines), HOW])


def _summary(desk: Desk, steps: Sequence[Step]) -> str:
    changes = outcome(steps)
    named = [f"{kind} {_shown(desk, path)}" for path, kind in changes.items()][:LISTED]
    more = f" and {len(changes) - LISTED} more" if len(changes) > LISTED else ""
    return f": {', '.join(named)}{more}" if named else ""


def _quoted(turn: PastTurn) -> str:
    said = " ".join(text_of(turn.prompt).split())
    return f"“{plain(said if len(said) <= QUOTED_CHARACTERS else said[:QUOTED_CHARACTERS] + '…')}”"


def _shown(desk: Desk, path: str) -> str:
    return code(desk.workspace.roots.shorten(Path(path)))


def _more(count: int) -> str:
    return f"\n- … and {count - LISTED} more" if count > LISTED else ""


class _Done(NamedTuple):
    """What the calls of turns have done, by what was said of them."""

    edited: dict[str, None]
    beyond: list[str]
    """Titles of calls that may have done what is not known."""


def _done(events: Iterable[Event]) -> _Done:
    calls: dict[str, ToolCallStarted] = {}
    running: set[str] = set()
    found = _Done({}, [])
    for event in events:
        match event:
            case ToolCallStarted():
                calls[event.call_id] = event
            case ToolCallUpdated() if event.call_id in calls:
                if event.title:
                    calls[event.call_id] = calls[event.call_id]._replace(title=event.title)
                if event.status == "in_progress":
                    running.add(event.call_id)
            case ToolCallFinished() if event.call_id in running:
                call = calls[event.call_id]
                if call.kind == "edit" and not event.failed:
                    diffs = (shown.path for shown in event.content or () if isinstance(shown, ShownDiff))
                    path = (event.record or {}).get("path")  # too much to be shown
                    found.edited.update(dict.fromkeys((*diffs, path) if isinstance(path, str) else diffs))
                elif call.kind not in HARMLESS and call.name not in ASKS_ONLY:
                    found.beyond.append(call.title)
            case _:
                pass
    return found
