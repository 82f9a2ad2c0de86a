"""`ACP_AGENT_COMMAND_PERMISSIONS`: commands to allow and to deny, as JSON in the environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.config.paths import config_file
from acp_agent.config.problems import Problem, kind_of, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "ACP_AGENT_COMMAND_PERMISSIONS"
_FORM = 'write {"allow": ["npm *"], "deny": ["npm publish*"], "allowRedirects": false} (docs/permissions.md)'


class CommandLists(NamedTuple):
    """Patterns of commands; see permission.lists."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    redirects: bool = False

    def __bool__(self) -> bool:
        return bool(self.allow or self.deny)


def command_lists(env: Mapping[str, str]) -> CommandLists:
    """What the variable says; false when it says nothing, or something that `problem` complains of."""
    return _read(env.get(VARIABLE, ""))[0]


def problem(env: Mapping[str, str]) -> Problem | None:
    """What is wrong with the variable. No session starts before it is mended."""
    why = _read(env.get(VARIABLE, ""))[1]
    return Problem(config_file(env), "permission", f"{VARIABLE}: {why}", _FORM) if why else None


def _read(text: str) -> tuple[CommandLists, str]:
    if not text.strip():
        return CommandLists(), ""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return CommandLists(), "is not JSON"
    if not isinstance(value, dict):
        return CommandLists(), f"must be an object, not {kind_of(value)}"
    data = cast("dict[str, object]", value)
    if unknown := [key for key in data if key not in ("allow", "deny", "allowRedirects")]:
        return CommandLists(), f"unknown key {quoted(unknown[0])}"
    for key in ("allow", "deny"):
        patterns = data.get(key, [])
        if not isinstance(patterns, list) or not all(
            isinstance(each, str) and each.strip() for each in cast("list[object]", patterns)
        ):
            return CommandLists(), f"{key} must be a list of patterns, each a text"
    allow, deny = (tuple(cast("list[str]", data.get(key, []))) for key in ("allow", "deny"))
    return CommandLists(allow, deny, data.get("allowRedirects") is True), ""
