"""What a client is told in place of what it has not said that it can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.events import (
    CompactionEnded,
    CompactionStarted,
    NoticeRaised,
    TextDelta,
    ThoughtDelta,
    Waiting,
)

if TYPE_CHECKING:
    from acp_agent.acp.initialize import Client
    from acp_agent.events import Event

SUMMARY = "**Summary of the conversation so far**"


def understood(event: Event, client: Client) -> Event | None:
    """`event` in a form that the client takes; None when it need not be told."""
    match event:
        case NoticeRaised() | Waiting() if not client.shows_notices:
            if isinstance(event, NoticeRaised) and event.severity == "info" and not event.always:
                return None
            return ThoughtDelta("notice", f"{_line(event)}\n")  # what a person must know is not dropped
        case CompactionStarted() | CompactionEnded() if not client.shows_compaction:
            if isinstance(event, CompactionStarted) or not event.summary:
                return None  # of a failure the answer to who asked tells
            return TextDelta(event.compaction_id, f"{SUMMARY}\n\n{event.summary}\n\n")
        case _:
            return event


def _line(event: NoticeRaised | Waiting) -> str:
    return f"{event.what}, {event.seconds} s" if isinstance(event, Waiting) else event.title
