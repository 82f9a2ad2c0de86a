"""Content blocks of the protocol as parts of a message, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.acp.params import Json, Params, as_object, as_text
from acp_agent.content import Image, Part, Resource, ResourceLink, Text

if TYPE_CHECKING:
    from collections.abc import Iterator


def parts_of(params: Params) -> tuple[Part, ...]:
    """What the person sent with `session/prompt`.

    Raises InvalidParams for a kind of block that was not offered in `initialize`.
    """
    return tuple(_part(params, as_object(block)) for block in params.array("prompt"))


def _part(params: Params, block: Json) -> Part:
    kind = as_text(block.get("type"))
    if kind == "text" and isinstance(text := block.get("text"), str):
        return Text(text)
    if kind == "resource_link" and (uri := as_text(block.get("uri"))):
        return ResourceLink(
            uri,
            as_text(block.get("name")) or uri,
            as_text(block.get("mimeType")),
            as_text(block.get("description")),
        )
    if kind == "resource":
        return _resource(params, as_object(block.get("resource")))
    if kind in ("image", "audio"):
        raise params.refuse("prompt", f"has {kind} content, which this agent does not take")
    raise params.refuse("prompt", f"has a content block that is not understood, of type {kind!r}")


def _resource(params: Params, resource: Json) -> Part:
    uri, text = as_text(resource.get("uri")), as_text(resource.get("text"))
    mime_type = as_text(resource.get("mimeType"))
    if uri and text is not None:
        return Resource(uri, text, mime_type)
    if uri and isinstance(resource.get("blob"), str):
        return ResourceLink(uri, uri, mime_type, "its content is binary and cannot be shown to the model")
    raise params.refuse("prompt", "has a resource without uri, or without text and blob")


def blocks_of(content: tuple[Part, ...]) -> Iterator[Json]:
    """What a person said, as a client is to show it."""
    for part in content:
        match part:
            case Text(text):
                yield {"type": "text", "text": text}
            case ResourceLink(uri, name):
                yield {"type": "resource_link", "uri": uri, "name": name}
            case Resource(uri, text):
                yield {"type": "resource", "resource": {"uri": uri, "text": text}}
            case Image(data, mime_type):
                yield {"type": "image", "data": data, "mimeType": mime_type}
