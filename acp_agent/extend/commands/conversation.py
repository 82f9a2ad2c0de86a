"""/compact, /clear, /retry, /resume and /btw: what the model knows of the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.content import Image, Resource
from acp_agent.events import TurnEnded
from acp_agent.extend.commands.desk import Again
from acp_agent.extend.commands.markdown import code, number, plain
from acp_agent.turn.parking import left_parked
from acp_agent.turn.transcript import text_of

if TYPE_CHECKING:
    from acp_agent.content import Part
    from acp_agent.extend.commands.desk import Answer, Desk, PastTurn, Words

QUOTED_CHARACTERS = 80


async def compact(desk: Desk, words: Words) -> Answer:
    if not desk.request().messages:
        return "There is nothing to sum up yet."
    before, after = await desk.compact(text_of(words.content))
    return (
        f"The conversation is summed up: ≈{number(before)} → ≈{number(after)} tokens. The model goes on from "
        "the summary; the whole conversation stays in the session."
    )


async def clear(desk: Desk, words: Words) -> Answer:
    del words
    await desk.rewind(0)
    return "The conversation begins anew: the model knows nothing of what was said. Files are as they are."


async def retry(desk: Desk, words: Words) -> Answer:
    del words
    turns = [turn for turn in await desk.past() if not turn.local and turn.prompt]
    if not turns:
        return "There is no prompt to run again."
    last = turns[-1]
    await desk.rewind(last.before)
    typed = tuple(part for part in last.prompt if not _added(part))
    said = " ".join(text_of(typed).split())
    quoted = said if len(said) <= QUOTED_CHARACTERS else said[:QUOTED_CHARACTERS] + "…"
    return Again(typed, f"Running again: “{plain(quoted)}”. Files are as they are now.\n\n")


async def resume(desk: Desk, words: Words) -> Answer:
    del words
    turns = [turn for turn in await desk.past() if not turn.local]
    if not turns or _is_done(turns[-1]):
        return "The last turn came to its end; there is nothing to go on with."
    return Again((), f"Going on with {code(desk.model.name)}.\n\n")


def _is_done(turn: PastTurn) -> bool:
    ends = [event for event in turn.events if isinstance(event, TurnEnded)]
    return bool(ends) and ends[-1].stop_reason == "end_turn" and not left_parked(turn.events)


def _added(part: Part) -> bool:
    """What was only named in the text is looked up again."""
    return isinstance(part, Resource | Image) and part.mentioned


async def btw(desk: Desk, words: Words) -> Answer:
    if not words.content:
        return "What do you want to know? `/btw QUESTION`"
    await desk.ask(words.content)
    return ""
