"""A conversation as the loop knows it. Providers translate it to their wire format at the call."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acp_agent.content import Part


class ToolCall(NamedTuple):
    id: str
    name: str
    arguments: str
    """JSON as the model wrote it; may be broken."""


class Reminder(NamedTuple):
    """Something that the agent, not the person, tells the model in the midst of the conversation."""

    text: str

    @property
    def written(self) -> str:
        """As a part of the user's message, which is the only place that services have for it."""
        return f"<reminder>\n{self.text}\n</reminder>"


class UserTurn(NamedTuple):
    content: tuple[Part | Reminder, ...]


class Kept(NamedTuple):
    """What a service wants to get back of its model's thoughts, unchanged: a signature, a cipher.

    It is of use to the model that gave it and to no other.
    """

    model: str
    """`alias/model` of who gave it."""
    data: dict[str, object]
    """In the service's own form."""
    calls: int = 0
    """How many calls of the answer came before it."""


class AssistantTurn(NamedTuple):
    text: str
    thought: str
    calls: tuple[ToolCall, ...]
    kept: tuple[Kept, ...] = ()
    """In the order in which it came."""

    def kept_of(self, model: str, calls: int) -> list[dict[str, object]]:
        """What `model` wants back that came after so many of the calls."""
        return [each.data for each in self.kept if each.model == model and each.calls == calls]


class ToolOutput(NamedTuple):
    call_id: str
    output: str
    failed: bool


Message = UserTurn | AssistantTurn | ToolOutput


class ToolSpec(NamedTuple):
    """A tool as the model is told of it; `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: dict[str, object]


class ModelRequest(NamedTuple):
    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    trace: Mapping[str, str] = MappingProxyType({})
    """W3C trace context of the prompt, as headers."""
    conversation: str = ""
    """Names the conversation, for services that find what they have cached of it by that."""
