"""A prompt's content blocks as parts of a message."""

from __future__ import annotations

from acp_agent.acp.params import Json, Params, as_object, as_text
from acp_agent.content import Part, Resource, ResourceLink, Text


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
        resource = as_object(block.get("resource"))
        uri, text = as_text(resource.get("uri")), as_text(resource.get("text"))
        if uri is None or text is None:
            raise params.refuse("prompt", "has a resource without uri or text; binary ones are not taken")
        return Resource(uri, text, as_text(resource.get("mimeType")))
    if kind in ("image", "audio"):
        raise params.refuse("prompt", f"has {kind} content, which this agent does not take")
    raise params.refuse("prompt", f"has a content block that is not understood, of type {kind!r}")
