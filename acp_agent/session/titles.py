"""What a session is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.content import Text
from acp_agent.errors import InvalidParams

if TYPE_CHECKING:
    from acp_agent.content import Part

TITLE_CHARACTERS = 80
GIVEN_CHARACTERS = 200
"""A person may want to say more."""


def title_of(content: tuple[Part, ...]) -> str:
    """The beginning of what was asked, on one line; empty when there is no text."""
    return _shortened(" ".join(part.text for part in content if isinstance(part, Text)), TITLE_CHARACTERS)


def given_title(text: str) -> str:
    """A title as a person gave it, on one line. Raises InvalidParams when nothing is left of it."""
    if title := _shortened(text, GIVEN_CHARACTERS):
        return title
    raise InvalidParams("The title is empty; give it at least one character.", data={"param": "title"})


def _shortened(text: str, limit: int) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 20]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
