"""How many tokens something takes, where nobody has counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acp_agent.models.messages import ModelRequest

CHARACTERS_PER_TOKEN = 4
"""The usual estimate; what it says of code is rather too little."""


def tokens(characters: int) -> int:
    return characters // CHARACTERS_PER_TOKEN


def characters(request: ModelRequest) -> int:
    """Of everything that is sent."""
    return len(request.system) + sum(len(repr(part)) for part in (*request.messages, *request.tools))
