"""What a message is made of, whoever wrote it: parts of text, images, resources."""

from __future__ import annotations

import os
from typing import NamedTuple


class Text(NamedTuple):
    text: str


class Image(NamedTuple):
    data: str
    """Base64. Empty when there is nothing that could be shown; `note` says why."""
    mime_type: str
    uri: str | None = None
    note: str | None = None
    mentioned: bool = False
    """The person only named it in the text, and we have added it."""

    def __repr__(self) -> str:
        size = len(self.data) * 3 // 4
        return f"Image({size} bytes, {self.mime_type}, {self.uri}, {self.note}, {self.mentioned})"


class ResourceLink(NamedTuple):
    """Something the person points at without giving its content."""

    uri: str
    name: str
    mime_type: str | None = None
    description: str | None = None
    size: int | None = None
    """Bytes."""
    note: str | None = None
    """What the model has to know of it, such as that it is not there."""


class Resource(NamedTuple):
    """Something the person gives with its text."""

    uri: str
    text: str
    mime_type: str | None = None
    mentioned: bool = False
    """The person only named it in the text, and we have added it."""


class Blob(NamedTuple):
    """Something the person gives as bytes; before a turn begins it is made into one of the others."""

    uri: str
    data: str
    """Base64."""
    mime_type: str | None = None


Part = Text | Image | ResourceLink | Resource | Blob


def path_of(uri: str, *, windows: bool = os.name == "nt") -> str | None:
    """The path on this machine that a `file:` URI names; None for every other URI."""
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme != "file":
        return None
    path = unquote(parts.path, errors="surrogateescape")
    here = host in ("", "localhost")
    if not windows:
        return path if here and path.startswith("/") else None
    if path[:1] == "/" and path[1:2].isalpha() and path[2:3] == ":":
        path = path[1:]
    return (path if here else f"//{host}{path}").replace("/", "\\") or None
