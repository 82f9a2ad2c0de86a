"""The turns of a conversation: what was asked, and what each has done to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.events import TurnStarted, UserMessage
from acp_agent.extend.commands.desk import PastTurn
from acp_agent.turn.transcript import text_of
from acp_agent.workspace.snapshots import outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from acp_agent.events import Event
    from acp_agent.session.journal import Record
    from acp_agent.workspace.snapshots import Outcome, Snapshots


class TurnDone(NamedTuple):
    """A turn that can be taken back."""

    turn_id: str
    prompt: str
    files: Mapping[str, Outcome]
    """What it has done to files, by path, as far as it is known."""


async def done(records: Iterable[Record], snapshots: Snapshots) -> Sequence[TurnDone]:
    """The turns that the model has had. Raises ToolError when the snapshots cannot be read."""
    steps = await snapshots.by_turn()
    return [
        TurnDone(turn.turn_id, text_of(turn.prompt), outcome(steps.get(turn.turn_id, ())))
        for turn in turns_of(records)
        if not turn.local
    ]


def turns_of(records: Iterable[Record], without: str = "") -> list[PastTurn]:
    """The turns that `records` tell of, but for the one with the id `without`."""
    found: list[PastTurn] = []
    begun: Record | None = None
    events: list[Event] = []

    def end() -> None:
        if begun and isinstance(begun.event, TurnStarted) and begun.event.turn_id != without:
            said = (event.content for event in events if isinstance(event, UserMessage))
            begin = begun.event
            found.append(PastTurn(begin.turn_id, begun.parent, begin.local, next(said, ()), tuple(events)))

    for record in records:
        if isinstance(record.event, TurnStarted):
            end()
            begun = record
            events.clear()
        events.append(record.event)
    end()
    return found
