"""What would happen to a call now: bound and decided on as it would be, but neither asked about nor made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from acp_agent.errors import ToolError
from acp_agent.permission.explaining import Explained

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acp_agent.permission.gate import Gate
    from acp_agent.tools.registry import Toolset

_OF_A_SERVER = "mcp__"


def consider(
    toolset: Toolset, gate: Gate, name: str, arguments: dict[str, object], servers: Iterable[str] = ()
) -> Explained:
    """The decision on a call of the tool `name`. Raises ToolError for what cannot be called so.

    A tool of an MCP server that is not there is told by its name; `servers` are the names of those
    that are known.
    """
    tool = toolset.find(name)
    if tool is None and name.startswith(_OF_A_SERVER):
        from acp_agent.tools.mcp import claim_by_name

        claim = claim_by_name(name, servers)
        if claim:
            return Explained(f"Call {claim.resource}", gate.mode, (claim,), gate.check((claim,), name))
    call = (tool or toolset.get(name)).bind(arguments)
    claims = call.claims()
    return Explained(call.title, gate.mode, claims, gate.check(claims, name))


def arguments_of(toolset: Toolset, name: str, text: str) -> dict[str, object]:
    """What a person wrote behind the name of a tool: JSON, or what its first argument is.

    `rm -rf build` is a command for bash, `src/a.py` a path for read; what else must be given is empty.
    Raises ToolError for a tool that takes no text.
    """
    if text.startswith("{"):
        try:
            return cast("dict[str, object]", json.loads(text))
        except (ValueError, RecursionError):
            pass  # a command may begin so too
    tool = toolset.find(name)
    if tool is None or not text:
        return {}
    schema = tool.spec.parameters
    kinds = cast("dict[str, dict[str, object]]", schema.get("properties", {}))
    needed = cast("list[str]", schema.get("required", [])) or list(kinds)[:1]
    if not needed or any(kinds[each].get("type") != "string" for each in needed):
        raise ToolError(f"What {name} is given has to be written as JSON.")
    return {**dict.fromkeys(needed, ""), needed[0]: text}
