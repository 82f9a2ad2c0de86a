"""Taking up a session where its journal ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.events import (
    CompactionEnded,
    CompactionStarted,
    TextDelta,
    ThoughtDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnStarted,
    UserMessage,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acp_agent.events import Event

CUT_SHORT = "Interrupted: the agent was ended before this finished. What it did until then may be incomplete."


def loose_ends(events: Iterable[Event]) -> list[Event]:
    """What has to be added so that every call and every turn of a killed process has an end."""
    calls: dict[str, None] = {}
    compactions: dict[str, None] = {}
    turn: str | None = None
    for event in events:
        match event:
            case ToolCallStarted(call_id):
                calls[call_id] = None
            case ToolCallFinished(call_id):
                calls.pop(call_id, None)
            case CompactionStarted(compaction_id):
                compactions[compaction_id] = None
            case CompactionEnded(compaction_id):
                compactions.pop(compaction_id, None)
            case TurnStarted(turn_id):
                turn = turn_id
            case TurnEnded():
                turn = None
            case _:
                pass
    ends: list[Event] = [ToolCallFinished(call_id, failed=True, output=CUT_SHORT) for call_id in calls]
    ends += [CompactionEnded(compaction_id, "cancelled") for compaction_id in compactions]
    return [*ends, TurnEnded(turn, "cancelled")] if turn else ends


def last_id(events: Iterable[Event]) -> int:
    """The highest number in the ids of `events`, of which new ones must be higher."""
    return max((_number(id_of) for event in events for id_of in _ids(event)), default=0)


def _ids(event: Event) -> tuple[str, ...]:
    match event:
        case TurnStarted(turn_id):
            return (turn_id,)
        case UserMessage(message_id) | TextDelta(message_id) | ThoughtDelta(message_id):
            return (message_id,)
        case ToolCallStarted(call_id, message_id):
            return (call_id, message_id)
        case CompactionStarted(compaction_id):
            return (compaction_id,)
        case _:
            return ()


def _number(id_: str) -> int:
    digits = id_.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
