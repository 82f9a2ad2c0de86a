"""/export: the conversation as a Markdown file, or its journal."""

from __future__ import annotations

import json
import os
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio.to_thread

from acp_agent.console import fenced, overwrite, plain
from acp_agent.errors import ToolError
from acp_agent.events import (
    CompactionEnded,
    ShownCommand,
    ShownDiff,
    ShownText,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolCallUpdated,
    TurnEnded,
    UserMessage,
)
from acp_agent.extend.commands.markdown import code
from acp_agent.turn.transcript import text_of, without_middle
from acp_agent.workspace import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from acp_agent.events import Event, Shown
    from acp_agent.extend.commands.desk import Answer, Desk, PastTurn, Words

MARK = "<!-- acp-agent session {} -->"
"""The first line of an export: it may be overwritten by a later one of the same session."""
SHOWN_CHARACTERS = 4000
"""Of what one call has shown."""
DIFF_LINES = 2000
"""Longer texts are not compared."""


async def export(desk: Desk, words: Words) -> Answer:
    parts = words.text.split()
    as_json = "--json" in parts
    given = words.text.replace("--json", "", 1).strip().strip("\"'") if as_json else words.text.strip("\"'")
    path = _destination(desk, given, ".jsonl" if as_json else ".md")
    turns = await desk.past()
    if as_json:
        text = (await anyio.to_thread.run_sync(desk.journal.read_bytes)).decode("utf-8", "replace")
    else:
        text = markdown(desk.session_id, turns)
    # What was kept before secrets were taken out of it has them still.
    data = desk.workspace.redactor(text).encode("utf-8", "replace")
    await anyio.to_thread.run_sync(_write, path, data, desk.session_id)
    return f"Written: {code(str(path))} ({len(data) / 1024:.0f} KiB)."


def _destination(desk: Desk, given: str, suffix: str) -> Path:
    """Where to write. Raises ToolError for a place that is neither in the session's folders nor at home."""
    name = f"acp-agent-{desk.session_id}{suffix}"
    roots = desk.workspace.roots
    place = roots.resolve(given or name)
    if place.path.is_dir():
        place = roots.resolve(str(place.path / name))
    home = Path(os.path.realpath(os.path.expanduser("~")))
    if not place.inside and not place.path.is_relative_to(home):
        raise ToolError(f"{place.path} is neither in the session's folders nor in your home folder.")
    return place.path


def _write(path: Path, data: bytes, session_id: str) -> None:
    if os.path.lexists(path) and not _is_export(path, session_id):
        raise ToolError(f"{path} exists and is no export of this session. Choose another name.")
    files.write_bytes(path, data)


def _is_export(path: Path, session_id: str) -> bool:
    first = files.read_bytes(path).partition(b"\n")[0]
    if first == MARK.format(session_id).encode():
        return True
    try:
        header: object = json.loads(first)
    except (ValueError, RecursionError):
        return False
    if not isinstance(header, dict):
        return False
    return cast("dict[str, object]", header).get("session_id") == session_id


# The text ------------------------------------------------------------------------------


def markdown(session_id: str, turns: Sequence[PastTurn]) -> str:
    """What was said and done, without what our own commands answered."""
    pieces = [MARK.format(session_id), f"# Session {session_id}"]
    for turn in turns:
        pieces += _compactions(turn.events) if turn.local else _told(turn.events)
    return "\n\n".join(pieces) + "\n"


def _compactions(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        if isinstance(event, CompactionEnded) and event.status == "completed":
            yield f"## Summary for the model\n\n{event.summary}"


def _told(events: Iterable[Event]) -> Iterator[str]:
    calls = _Calls()
    text: list[str] = []
    message_id = ""
    for event in events:
        if text and not (isinstance(event, TextDelta) and event.message_id == message_id):
            yield "".join(text).strip()
            text.clear()
        match event:
            case UserMessage(_, content):
                yield f"## You\n\n{text_of(content)}"
                yield "## Agent"
            case TextDelta(message_id, piece):
                text.append(piece)
            case CompactionEnded():
                yield from _compactions((event,))
            case TurnEnded(_, reason, error) if reason != "end_turn":
                yield f"*The turn ended early: {error or reason}*"
            case _:
                if told := calls.take(event):
                    yield told
    if text:
        yield "".join(text).strip()


class _Calls:
    """Puts together what is known of each call."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}
        self._shown: dict[str, tuple[Shown, ...]] = {}

    def take(self, event: Event) -> str | None:
        """A call in Markdown, once it has ended."""
        match event:
            case ToolCallStarted():
                self._titles[event.call_id] = event.title
            case ToolCallUpdated():
                self._titles[event.call_id] = event.title or self._titles.get(event.call_id, "")
                if event.content is not None:
                    self._shown[event.call_id] = event.content
            case ToolCallFinished():
                shown = self._shown.pop(event.call_id, ()) if event.content is None else event.content
                title = " ".join(self._titles.pop(event.call_id, "A call").split())
                failed = f" (failed: {' '.join(event.output.split())[:200]})" if event.failed else ""
                return "\n\n".join([f"**{title}**{failed}", *map(_shown, shown)])
            case _:
                pass
        return None


def _shown(shown: Shown) -> str:
    if isinstance(shown, ShownText):
        return without_middle(shown.text, SHOWN_CHARACTERS)
    if isinstance(shown, ShownCommand):
        output = plain(overwrite(shown.output))
        return fenced(without_middle(f"$ {shown.command}\n{output}\n{shown.state}", SHOWN_CHARACTERS))
    return fenced(without_middle(_difference(shown), SHOWN_CHARACTERS), "diff")


def _difference(shown: ShownDiff) -> str:
    before, after = (shown.old_text or "").split("\n"), shown.new_text.split("\n")
    if max(len(before), len(after)) > DIFF_LINES:
        return f"{shown.path}: {len(before)} lines before, {len(after)} after"
    old_name = shown.path if shown.old_text is not None else "/dev/null"
    return "\n".join(unified_diff(before, after, old_name, shown.path, lineterm="", n=2))
