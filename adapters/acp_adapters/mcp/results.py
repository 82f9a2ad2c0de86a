"""What the library says of tools and results, in our words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import mcp_types as types

from acp_agent.content import Image
from acp_agent.extend.servers import Outcome, ServerTool

if TYPE_CHECKING:
    from collections.abc import Iterable


def server_tool(tool: types.Tool) -> ServerTool:
    return ServerTool(tool.name, tool.description or tool.title or "", tool.input_schema)


def outcome(result: types.CallToolResult) -> Outcome:
    """Texts joined; structured content only in their place, as servers send it in both forms."""
    texts = [text for block in result.content if (text := _text(block))]
    if not texts and result.structured_content is not None:
        texts = [json.dumps(result.structured_content, ensure_ascii=False, indent=1)]
    return Outcome("\n".join(texts), tuple(_images(result.content)), bool(result.is_error))


def _images(blocks: Iterable[types.ContentBlock]) -> Iterable[Image]:
    for block in blocks:
        if isinstance(block, types.ImageContent):
            yield Image(block.data, block.mime_type)


def _text(block: types.ContentBlock) -> str:
    """A block as text; empty for an image, which is handed on."""
    match block:
        case types.TextContent():
            return block.text
        case types.ImageContent():
            return ""
        case types.AudioContent():
            return f"[Sound, {block.mime_type}, which cannot be passed on.]"
        case types.ResourceLink():
            about = "".join(f" ({part})" for part in (block.mime_type, block.description) if part)
            return f"{block.title or block.name}: {block.uri}{about}"
        case types.EmbeddedResource():
            if isinstance(block.resource, types.TextResourceContents):
                return f"{block.resource.uri}\n{block.resource.text}"
            return (
                f"[{block.resource.uri}, {block.resource.mime_type or 'no text'}, which cannot be passed on.]"
            )
