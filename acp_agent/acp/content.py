"""Content blocks of the protocol as parts of a message, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.acp.params import Json, Params, as_object, as_text
from acp_agent.content import Blob, Image, Part, Resource, ResourceLink, Text
from acp_agent.rpc.codec import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT_CHARACTERS = 128 * 1024
"""Longer text is shown in several blocks. JSON takes up to six bytes for a character."""
BLOCK_BYTES = 900 * 1024
"""A block whose JSON is longer is only named: lines of 1 MiB or more are too long for clients."""
NAME_CHARACTERS = 200


def parts_of(params: Params) -> tuple[Part, ...]:
    """What the person sent with `session/prompt`. Quick: it looks into no file and decodes nothing.

    Raises InvalidParams for a kind of block that was not offered in `initialize`.
    """
    return tuple(_part(params, as_object(block)) for block in params.array("prompt"))


def _part(params: Params, block: Json) -> Part:
    kind = as_text(block.get("type"))
    if kind == "text" and isinstance(text := block.get("text"), str):
        return Text(text)
    if kind == "resource_link" and (uri := as_text(block.get("uri"))):
        return _link(uri, block)
    if kind == "resource":
        return _resource(params, as_object(block.get("resource")))
    if kind == "image":
        data, mime_type = as_text(block.get("data")), as_text(block.get("mimeType"))
        if not data or not mime_type:
            raise params.refuse("prompt", "has an image without data or mimeType")
        return Image(data, mime_type, as_text(block.get("uri")))
    if kind == "audio":
        raise params.refuse("prompt", "has audio content, which this agent does not take")
    raise params.refuse("prompt", f"has a content block that is not understood, of type {kind!r}")


def _link(uri: str, block: Json) -> ResourceLink:
    size = block.get("size")
    return ResourceLink(
        uri,
        as_text(block.get("name")) or uri,
        as_text(block.get("mimeType")),
        as_text(block.get("description")),
        size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
    )


def _resource(params: Params, resource: Json) -> Part:
    uri, text, blob = (as_text(resource.get(key)) for key in ("uri", "text", "blob"))
    mime_type = as_text(resource.get("mimeType"))
    if uri and text is not None:
        return Resource(uri, text, mime_type)
    if uri and blob is not None:
        return Blob(uri, blob, mime_type)
    raise params.refuse("prompt", "has a resource without uri, or without text and blob")


def blocks_of(content: tuple[Part, ...]) -> Iterator[Json]:
    """What a person said, as a client is to show it; not what we have added to it.

    What does not fit into a line of the wire is named in place of being shown.
    """
    for part in content:
        match part:
            case Text(text):
                for start in range(0, len(text), TEXT_CHARACTERS):
                    yield _text(text[start : start + TEXT_CHARACTERS])
            case Resource(mentioned=True) | Image(mentioned=True):
                pass
            case ResourceLink(uri, name, mime_type, description, size):
                yield _link_block(uri, name=name, mimeType=mime_type, description=description, size=size)
            case Blob(uri, _, mime_type):
                yield _link_block(uri, name=uri, mimeType=mime_type)
            case Resource(uri, text, mime_type):
                resource = _said(uri=uri, text=text, mimeType=mime_type)
                yield _within_a_line({"type": "resource", "resource": resource}, uri)
            case Image(data, mime_type, uri, note):
                about = f"{mime_type}, {len(data) * 3 // 4} bytes" if data else f"{mime_type}: {note}"
                image = _said(data=data, mimeType=mime_type, uri=uri)
                yield _within_a_line({"type": "image", **image}, about) if data else _text(f"[{about}]")


def _link_block(uri: str, **fields: object) -> Json:
    return _within_a_line({"type": "resource_link", "uri": uri, **_said(**fields)}, uri)


def _within_a_line(block: Json, name: str) -> Json:
    return block if len(encode(block)) <= BLOCK_BYTES else _text(f"[{name[:NAME_CHARACTERS]}]")


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _said(**fields: object) -> Json:
    """Only what there is a value for."""
    return {key: value for key, value in fields.items() if value is not None}
