"""What a message is made of, whoever wrote it: parts of text, images, resources."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    text: str


class Image(NamedTuple):
    data: str
    """Base64."""
    mime_type: str
    uri: str | None = None


class ResourceLink(NamedTuple):
    """Something the person points at without giving its content."""

    uri: str
    name: str
    mime_type: str | None = None
    description: str | None = None


class Resource(NamedTuple):
    """Something the person gives with its text."""

    uri: str
    text: str
    mime_type: str | None = None


Part = Text | Image | ResourceLink | Resource
