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


class UserTurn(NamedTuple):
    content: tuple[Part, ...]


class AssistantTurn(NamedTuple):
    text: str
    thought: str
    calls: tuple[ToolCall, ...]


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
