"""Summing up a conversation, so that the model can go on with less in its window.

One request without tools writes the summary; with it, and the last things the user said, the
history begins anew (turn.history). When it fails or is cancelled nothing has changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_agent.content import Text
from acp_agent.errors import AgentError, ModelError
from acp_agent.events import CompactionEnded, CompactionStarted, UsageChanged
from acp_agent.turn import estimate
from acp_agent.turn.aside import ask
from acp_agent.turn.transcript import transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.events import CompactionStatus
    from acp_agent.models.messages import Message, ModelRequest
    from acp_agent.turn.aside import Aside

LIMIT_S = 600.0
"""For the whole summary; the provider's own limits mostly end it sooner."""
TASK = "Write the summary of this conversation now."
FAILURES = {
    "length": "The summary was cut off at the limit of the model's answer. Raise max_tokens in the settings.",
    "refusal": "The model refused to write the summary. Choose another one with /model and try again.",
}


class Compacted(NamedTuple):
    """Tokens that a request takes without its answer, estimated."""

    before: int
    after: int


async def compact(
    aside: Aside, request: Callable[[], ModelRequest], compaction_id: str, focus: str = ""
) -> Compacted:
    """Has the conversation summed up; `focus` is what the person wants kept above all.

    `request` is what would be sent to the model at that moment. Emits one CompactionEnded, whatever
    happens. Raises AgentError when there is no summary.
    """
    await aside.may_ask()  # here, where a person may take their time
    feed, before = aside.feed, request()
    status: CompactionStatus = "cancelled"
    summary = error = ""
    feed.emit(CompactionStarted(compaction_id))
    try:
        summary = await _summary(aside, before.messages, focus)
        status = "completed"
    except AgentError as failure:
        status, error = "failed", str(failure)
        raise
    finally:
        feed.emit(CompactionEnded(compaction_id, status, summary, error))
    taken = Compacted(*(estimate.tokens(estimate.characters(each)) for each in (before, request())))
    feed.emit(UsageChanged(taken.after, aside.model.window, aside.cost()))
    return taken


async def _summary(aside: Aside, messages: Sequence[Message], focus: str) -> str:
    instructions = Path(__file__).with_name("compaction.md").read_text(encoding="utf-8")
    wish = f"Keep above all, as the user asks: {focus}\n\n" if focus else ""
    content = (Text(transcript(messages, aside.model.window)), Text(wish + TASK))
    try:
        with anyio.fail_after(LIMIT_S):
            said = await ask(aside, instructions, content)
    except TimeoutError:
        raise ModelError(f"The summary was not finished within {LIMIT_S:g} s. Try again.") from None
    if failure := FAILURES.get(said.reason):
        raise ModelError(failure)
    if not said.text.strip():
        raise ModelError("The model wrote no summary. Try again, or choose another model with /model.")
    return said.text.strip()
