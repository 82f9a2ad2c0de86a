"""How many tokens something takes, where nobody has counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.content import Image
from acp_agent.models.messages import UserTurn

if TYPE_CHECKING:
    from acp_agent.models.messages import ModelRequest

CHARACTERS_PER_TOKEN = 4
"""The usual estimate; what it says of code is rather too little."""
IMAGE_TOKENS = 1600
"""About what services take for an image of the size that we send (a token for 750 pixels)."""


def tokens(characters: int) -> int:
    return characters // CHARACTERS_PER_TOKEN


def characters(request: ModelRequest) -> int:
    """Of everything that is sent, images as what they cost."""
    images = sum(
        isinstance(part, Image) and bool(part.data)
        for message in request.messages
        if isinstance(message, UserTurn)
        for part in message.content
    )
    texts = sum(len(repr(part)) for part in (*request.messages, *request.tools))
    return len(request.system) + texts + images * IMAGE_TOKENS * CHARACTERS_PER_TOKEN
