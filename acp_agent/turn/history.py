"""What the model has been told and has said: the events of a session, folded into messages.

Listens to the same stream as everybody else, so what a cancelled turn leaves behind is just
what its events say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acp_agent.events import (
    Reminded,
    TextDelta,
    ThoughtDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolCallUpdated,
    UserMessage,
)
from acp_agent.models.messages import AssistantTurn, Message, Reminder, ToolCall, ToolOutput, UserTurn

if TYPE_CHECKING:
    from acp_agent.events import Event

UNFINISHED = "The call did not finish."


@dataclass(slots=True)
class _Call:
    name: str
    arguments: str = ""
    finished: ToolCallFinished | None = None


@dataclass(slots=True)
class _Answer:
    """One message of the model, while and after it comes in."""

    id: str
    text: list[str] = field(default_factory=list[str])
    thought: list[str] = field(default_factory=list[str])
    calls: dict[str, _Call] = field(default_factory=dict[str, _Call])

    def messages(self) -> list[Message]:
        """The message and the outputs of its calls, in the order the model asked for them."""
        if not self.text and not self.calls:
            return []  # providers refuse an empty message
        calls = tuple(ToolCall(call_id, call.name, call.arguments) for call_id, call in self.calls.items())
        outputs = [
            ToolOutput(call_id, end.output if end else UNFINISHED, end.failed if end else True)
            for call_id, call in self.calls.items()
            for end in [call.finished]
        ]
        return [AssistantTurn("".join(self.text), "".join(self.thought), calls), *outputs]


class History:
    """A listener; `messages` is the conversation so far."""

    def __init__(self) -> None:
        self._entries: list[UserTurn | _Answer] = []
        self._calls: dict[str, _Call] = {}
        self._told: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case UserMessage(_, content):
                self._entries.append(UserTurn(content))
            case Reminded(topic, text):
                self._told[topic] = text
                self._remind(Reminder(text))
            case TextDelta(message_id, text):
                self._answer(message_id).text.append(text)
            case ThoughtDelta(message_id, text):
                self._answer(message_id).thought.append(text)
            case ToolCallStarted(call_id, message_id, name):
                self._calls[call_id] = self._answer(message_id).calls[call_id] = _Call(name)
            case ToolCallUpdated(call_id, arguments) if arguments is not None and call_id in self._calls:
                self._calls[call_id].arguments = arguments
            case ToolCallFinished(call_id) if call_id in self._calls:
                self._calls[call_id].finished = event
            case _:
                pass

    def messages(self) -> list[Message]:
        """Every tool call is followed by its output, finished or not."""
        found: list[Message] = []
        for entry in self._entries:
            if isinstance(entry, _Answer):
                found += entry.messages()
            else:
                found.append(entry)
        return found

    def told(self, topic: str) -> str:
        """What the model was told last of a topic; empty when nothing was."""
        return self._told.get(topic, "")

    def _remind(self, reminder: Reminder) -> None:
        """With the user's message where that is what comes last: some services want roles to alternate."""
        last = self._entries[-1] if self._entries else None
        if isinstance(last, UserTurn):
            self._entries[-1] = UserTurn((*last.content, reminder))
        else:
            self._entries.append(UserTurn((reminder,)))

    def _answer(self, message_id: str) -> _Answer:
        last = self._entries[-1] if self._entries else None
        if isinstance(last, _Answer) and last.id == message_id:
            return last
        answer = _Answer(message_id)
        self._entries.append(answer)
        return answer
