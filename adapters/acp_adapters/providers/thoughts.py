"""What thinking asks of a request to one of Anthropic's models, wherever it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_adapters.providers.values import as_number, as_object
from acp_agent.models.messages import AssistantTurn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acp_adapters.providers.values import Json
    from acp_agent.models.messages import Message
    from acp_agent.models.routes import Route

MAX_TOKENS = 16_384
"""Of an answer, when the settings name no limit: the service wants one."""
THINKING_TOKENS = 64_000
"""The same when the model itself says how much it thinks: its thoughts count as part of the answer."""


def thinking_of(extra: Mapping[str, object]) -> Json:
    """What a request says of thinking beside how much."""
    return as_object(extra.get("thinking"))


def longest_answer(route: Route, thinking: Mapping[str, object]) -> int:
    """In tokens, thoughts included: there must be room for an answer after them."""
    usual = THINKING_TOKENS if thinking.get("type") == "adaptive" else MAX_TOKENS
    budget = as_number(thinking.get("budget_tokens"))
    wanted = route.max_tokens or usual
    wanted = wanted if wanted > budget else budget + wanted
    return min(wanted, route.max_output) if route.max_output else wanted


def open_call_lacks(messages: Sequence[Message], model: str) -> bool:
    """Whether the calls that are being worked through were made without a thought that `model` has kept.

    The service refuses to think on from there: the answer that holds them has to begin with a thought.
    """
    last = next((each for each in reversed(messages) if isinstance(each, AssistantTurn)), None)
    return bool(last and last.calls and not last.kept_of(model, 0))
