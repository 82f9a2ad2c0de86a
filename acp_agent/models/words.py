"""What a person gave beside text, in words: for a model that is told of it and for one that cannot see it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.content import Blob, Image, Resource, ResourceLink, Text, path_of
from acp_agent.models.messages import Reminder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from acp_agent.content import Part

BLIND = "which you cannot see; say so if it matters"
NOTHING = "(nothing)"
"""In place of a text that is blank, for which services refuse a whole conversation."""

_LINES = re.compile(r"#L(\d+)(?:(?::\d+)?[:-]L?(\d+))?")
"""How editors write a selection behind a path."""


def in_words(part: Part | Reminder) -> str:
    """`part` as a text."""
    match part:
        case Text(text):
            return text
        case Reminder():
            return part.written
        case Resource(uri, text):
            return f'<resource uri="{uri}">\n{text}\n</resource>'
        case ResourceLink():
            return _link(part)
        case Blob(uri, _, mime_type):
            return _link(ResourceLink(uri, uri, mime_type, note="its content is binary"))
        case Image():
            where = place_of(part)
            return f"(The user gave an image{f', {where},' if where else ''} {part.note or BLIND}.)"


def told(parts: Iterable[Part | Reminder], *, sees: bool) -> Iterator[str | Image]:
    """What a message says: texts, and in their places the images of it for a model that sees."""
    for part in parts:
        if not sees or not isinstance(part, Image) or not part.data:
            said = in_words(part)
            yield said if said.strip() else NOTHING
            continue
        if where := place_of(part):
            yield f"Image {where}:"
        yield part


def place_of(image: Image) -> str:
    """Where an image comes from, if that is known."""
    return (path_of(image.uri) or image.uri) if image.uri else ""


def _link(link: ResourceLink) -> str:
    """A line with all that is known. What it points at is for the model to read, if it needs it."""
    path = path_of(link.uri)
    shown = _selected(path, link.uri) if path else link.uri
    is_named = link.name == link.uri or (path or link.uri).endswith(link.name)
    known = [
        "" if is_named else link.name,
        link.mime_type or "",
        f"{link.size} bytes" if link.size is not None else "",
        link.note or ("" if path else "it cannot be opened from here"),
        link.description or "",
    ]
    about = "; ".join(filter(None, known))
    return f"The user points at {shown}" + (f" ({about})" if about else "")


def _selected(path: str, uri: str) -> str:
    lines = _LINES.search(uri)
    if not lines:
        return path
    return f"{path} lines {lines[1]}-{lines[2]}" if lines[2] else f"{path} line {lines[1]}"
