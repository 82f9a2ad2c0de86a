"""A conversation as text, for a request that is about it and not a part of it.

Services refuse tool calls in the history of a request that offers no tools, so such a request
has the conversation as one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.models.messages import AssistantTurn, ToolOutput, UserTurn
from acp_agent.models.words import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.content import Part
    from acp_agent.models.messages import Message, Reminder

OUTPUT_CHARACTERS = (4000, 400, 80)
"""Of one tool output or argument; the smaller ones when the whole would else be too long."""
BEGINNING_SHARE = 4
"""When even that is too long, one part in so many is kept of the beginning, the rest of the end."""
CHARACTERS_PER_TOKEN = 2
"""Less than the usual estimate: a transcript must fit, whatever it is made of."""


def transcript(messages: Sequence[Message], window: int) -> str:
    """The conversation in at most about half a window of so many tokens, what is newest in full."""
    limit = window * CHARACTERS_PER_TOKEN // 2
    text = ""
    for length in OUTPUT_CHARACTERS:
        text = "\n\n".join(_told(message, length) for message in messages)
        if len(text) <= limit:
            break
    fenced = without_middle(text, limit).replace("</conversation>", "</ conversation>")
    return f"<conversation>\n{fenced}\n</conversation>"


def text_of(content: Sequence[Part | Reminder]) -> str:
    """What a person said, in words."""
    return "\n\n".join(map(in_words, content))


def without_middle(text: str, limit: int) -> str:
    """At most about `limit` characters of `text`, more of its end than of its beginning."""
    if len(text) <= limit:
        return text
    head = limit // BEGINNING_SHARE
    tail = limit - head
    return f"{text[:head]}\n[… {len(text) - limit} characters left out …]\n{text[len(text) - tail :]}"


def _told(message: Message, length: int) -> str:
    match message:
        case UserTurn(content):
            return f"USER:\n{text_of(content)}"
        case AssistantTurn(text, _, calls):
            said = [text] if text else []
            said += [f"[calls {call.name} with {without_middle(call.arguments, length)}]" for call in calls]
            return "ASSISTANT:\n" + "\n".join(said)
        case ToolOutput(_, output, failed):
            return f"RESULT{' (failed)' if failed else ''}:\n{without_middle(output, length)}"
