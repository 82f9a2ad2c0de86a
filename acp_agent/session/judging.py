"""What the model option `auto` goes by: the last prompt, and the tools of the turn before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.models.messages import AssistantTurn, ModelRequest, Reminder, UserTurn
from acp_agent.models.routing import Asked
from acp_agent.turn.estimate import characters, tokens
from acp_agent.turn.transcript import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.models.messages import Message
    from acp_agent.models.routing import Strain


def asked_last(messages: Sequence[Message], strain: Strain = "none") -> Asked:
    """The last thing that the user said in a conversation, as it is judged."""
    prompts = [
        at
        for at, message in enumerate(messages)
        if isinstance(message, UserTurn) and not all(isinstance(part, Reminder) for part in message.content)
    ]
    if not prompts:
        return Asked("", 0, strain=strain)
    before = messages[prompts[-2] : prompts[-1]] if len(prompts) > 1 else ()
    used = [call.name for message in before if isinstance(message, AssistantTurn) for call in message.calls]
    prompt = messages[prompts[-1]]
    assert isinstance(prompt, UserTurn)
    size = tokens(characters(ModelRequest("", [prompt], ())))
    return Asked(text_of(prompt.content), size, used, strain)
