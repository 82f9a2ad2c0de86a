"""What a process that was killed has left open."""

from __future__ import annotations

from acp_agent.events import (
    CompactionEnded,
    CompactionStarted,
    Event,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnStarted,
)
from acp_agent.session.restore import CUT_SHORT, last_id, loose_ends
from acp_agent.turn.history import History

CALL = ToolCallStarted("call-3", "m-2", "bash", "Run", "execute")


def test_every_beginning_gets_an_end() -> None:
    events: list[Event] = [TurnStarted("turn-1"), CALL, CompactionStarted("compaction-4")]
    assert loose_ends(events) == [
        ToolCallFinished("call-3", failed=True, output=CUT_SHORT),
        CompactionEnded("compaction-4", "cancelled"),
        TurnEnded("turn-1", "cancelled"),
    ]
    assert loose_ends([*events, *loose_ends(events)]) == []
    assert last_id(events) == 4


def test_a_command_that_was_cut_off_is_not_told_to_the_model() -> None:
    history = History([TurnStarted("turn-1", local=True)])
    for event in loose_ends([TurnStarted("turn-1", local=True)]):
        history(event)
    assert history.messages() == []
