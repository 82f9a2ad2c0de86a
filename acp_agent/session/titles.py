"""What a session is called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.content import Text
from acp_agent.errors import InvalidParams
from acp_agent.invisible import reveal

if TYPE_CHECKING:
    from acp_agent.content import Part

TITLE_CHARACTERS = 80
GIVEN_CHARACTERS = 200
"""A person may want to say more."""
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Controls, and halves of characters."""


def title_of(content: tuple[Part, ...]) -> str:
    """The first line of what was asked; empty when there is no text."""
    text = "\n".join(part.text for part in content if isinstance(part, Text))
    line = next((line for line in map(printable, text.splitlines()) if line), "")
    return reveal(_cut(line, TITLE_CHARACTERS)).text


def given_title(text: str) -> str:
    """A title as a person gave it, on one line. Raises InvalidParams when nothing is left of it."""
    if title := _cut(printable(text), GIVEN_CHARACTERS):
        return title
    raise InvalidParams("The title is empty; give it at least one character.", data={"param": "title"})


def printable(text: str) -> str:
    """On one line, without what a terminal would take for a command or a database cannot hold."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _cut(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"
