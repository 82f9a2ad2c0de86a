"""What the model has been told and has said: the events of a session, folded into messages.

Listens to the same stream as everybody else, so what a cancelled turn leaves behind is just
what its events say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acp_agent.content import Text
from acp_agent.events import (
    CompactionEnded,
    Reminded,
    TextDelta,
    ThoughtDelta,
    ThoughtKept,
    ToolCallFinished,
    ToolCallStarted,
    ToolCallUpdated,
    TurnEnded,
    TurnStarted,
    UserMessage,
)
from acp_agent.models.messages import AssistantTurn, Kept, Message, Reminder, ToolCall, ToolOutput, UserTurn
from acp_agent.turn.transcript import text_of, without_middle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.events import Event

UNFINISHED = "The call did not finish."
SUMMED_UP = (
    "What was said before has been summed up to save room. Go on from this summary; read files again "
    "before you change them.\n\n"
)
KEPT_MESSAGES = 3
KEPT_CHARACTERS = 8000
"""So much of what the user said last stays word for word when the rest is summed up."""


@dataclass(slots=True)
class _Call:
    name: str
    arguments: str | None = None
    """None as long as the model has not said all of them."""
    finished: ToolCallFinished | None = None


@dataclass(slots=True)
class _Answer:
    """One message of the model, while and after it comes in."""

    id: str
    text: list[str] = field(default_factory=list[str])
    thought: list[str] = field(default_factory=list[str])
    calls: dict[str, _Call] = field(default_factory=dict[str, _Call])
    kept: list[Kept] = field(default_factory=list[Kept])

    def messages(self) -> list[Message]:
        """The message and the outputs of its calls, in the order the model asked for them."""
        calls = tuple(
            ToolCall(call_id, call.name, call.arguments)
            for call_id, call in self.calls.items()
            if call.arguments is not None  # a call that was never complete was none
        )
        if not self.text and not calls:
            return []  # providers refuse an empty message
        ends = [(call.id, self.calls[call.id].finished) for call in calls]
        outputs = [
            ToolOutput(call_id, end.output if end else UNFINISHED, end.failed if end else True)
            for call_id, end in ends
        ]
        return [AssistantTurn("".join(self.text), "".join(self.thought), calls, tuple(self.kept)), *outputs]


class History:
    """A listener; `messages` is the conversation so far, without what our own commands said."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._entries: list[UserTurn | _Answer] = []
        self._calls: dict[str, _Call] = {}
        self._told: dict[str, str] = {}
        self._said: list[str] = []
        """The last words of the user."""
        self._local = False
        self.restart(events)

    def restart(self, events: Iterable[Event]) -> None:
        """As if only `events` had happened."""
        for collection in (self._entries, self._calls, self._told, self._said):
            collection.clear()
        self._local = False
        for event in events:
            self(event)

    def __call__(self, event: Event) -> None:
        match event:
            case TurnStarted(_, local):
                self._local = local
            case TurnEnded():
                self._local = False
            case CompactionEnded(_, "completed", summary):
                self._compact(summary)
            case _ if not self._local:
                self._add(event)
            case _:
                pass

    def _add(self, event: Event) -> None:
        match event:
            case UserMessage(_, content):
                self._entries.append(UserTurn(content))
                self._said = [*self._said, text_of(content)][-KEPT_MESSAGES:]
            case Reminded(topic, text):
                self._told[topic] = text
                self._remind(Reminder(text))
            case TextDelta(message_id, text):
                self._answer(message_id).text.append(text)
            case ThoughtDelta(message_id, text):
                self._answer(message_id).thought.append(text)
            case ThoughtKept(message_id, model, data, calls) if data:
                self._answer(message_id).kept.append(Kept(model, data, calls))
            case ToolCallStarted(call_id, message_id, name) if name:
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

    def _compact(self, summary: str) -> None:
        for collection in (self._entries, self._calls, self._told):
            collection.clear()
        self._entries.append(UserTurn((Text(f"{SUMMED_UP}{summary}{_last_words(self._said)}"),)))

    def _answer(self, message_id: str) -> _Answer:
        last = self._entries[-1] if self._entries else None
        if isinstance(last, _Answer) and last.id == message_id:
            return last
        answer = _Answer(message_id)
        self._entries.append(answer)
        return answer


def _last_words(said: Sequence[str]) -> str:
    """The newest of what the user said, word for word as far as there is room; the last of it always."""
    kept: list[str] = []
    room = KEPT_CHARACTERS
    for text in reversed(said):
        if kept and len(text) > room:
            break
        kept.append(without_middle(text, room))
        room -= len(text)
    return "".join(f"\n\nThe user said, word for word:\n{text}" for text in reversed(kept))
