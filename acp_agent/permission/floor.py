"""The hard floor: what is refused in every mode, whatever rules, grants and answers say."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.permission.data import as_table, flag, load, only, text, words
from acp_agent.permission.patterns import path_pattern
from acp_agent.permission.places import is_inside
from acp_agent.permission.script import STARTS_ITSELF

if TYPE_CHECKING:
    from acp_agent.permission.claims import Claim
    from acp_agent.permission.places import Places

REMOVES = "removes it"
"""How the reason of an edit claim begins when the path, with everything below, will be gone."""
RECURSES = "changes everything below it"
"""The same for a change of owner or mode that goes all the way down."""


class _Arguments(NamedTuple):
    program: str
    words: tuple[str, ...]
    last: bool
    why: str


class _Floor(NamedTuple):
    programs: dict[str, str]
    arguments: tuple[_Arguments, ...]
    removed: tuple[re.Pattern[str], ...]
    changed: tuple[re.Pattern[str], ...]


def forbidden(claim: Claim, places: Places) -> str | None:
    """Why the claim is never allowed; None when the floor has nothing against it."""
    if claim.operation == "execute":
        return _command(claim)
    if claim.operation in ("read", "edit"):
        return _odd_name(claim.resource) or (_edit(claim, places) if claim.operation == "edit" else None)
    return None


_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?::.*)?", re.IGNORECASE)


def _odd_name(path: str) -> str | None:
    """Names that Windows takes for another machine or for a device, wherever the agent runs."""
    name = os.path.basename(path)
    if name.startswith("\\\\") or path.startswith("//"):
        return f"{path} is a name of another machine or of a device"
    if _DEVICE.fullmatch(name) and (os.name == "nt" or not os.path.lexists(path)):
        return f"{name} is the name of a device"
    return None


def _command(claim: Claim) -> str | None:
    if claim.argv is None:
        return STARTS_ITSELF if STARTS_ITSELF in claim.reason else None
    if not claim.argv:
        return None
    floor = _table()
    program = os.path.basename(claim.argv[0]).casefold()
    for pattern, why in floor.programs.items():
        if fnmatchcase(program, pattern):
            return f"`{program}` {why}"
    for rule in floor.arguments:
        given = claim.argv[-1:] if rule.last else claim.argv[1:]
        if program == rule.program and set(rule.words) <= set(given):
            return f"`{claim.resource}` {rule.why}"
    return None


def _edit(claim: Claim, places: Places) -> str | None:
    path, floor = claim.resource, _table()
    if any(pattern.fullmatch(path) for pattern in floor.changed):
        return f"{path} is not changed by an agent"
    if not claim.inside and is_inside(path, _own_folder()):
        return f"{path} belongs to the agent itself"
    if not claim.reason.startswith((REMOVES, RECURSES)):
        return None
    everything = path.endswith("/*")
    folder = (path[:-2] or "/") if everything else path
    if not places.inside(folder) and any(pattern.fullmatch(folder) for pattern in floor.removed):
        return f"{path} is part of the system"
    if claim.reason.startswith(REMOVES) and os.path.basename(folder).casefold() == ".git":
        repository = os.path.dirname(folder)
        if any(is_inside(root, repository) for root in places.roots):
            return f"{path} is the history of the workspace"
    if is_inside(places.home, folder):
        return f"{path} is or holds the home folder"
    if places.holds_a_root(folder) and not (everything and folder in places.roots):
        if claim.reason.startswith(RECURSES) and folder in places.roots:
            return None
        return f"{path} is or holds the workspace"
    return None


@cache
def _own_folder() -> str:
    return os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


@cache
def _table() -> _Floor:
    table = load("floor.json")
    only(table, "floor.json", "programs", "arguments", "removed", "changed")
    programs = as_table(table.get("programs"), "programs")
    return _Floor(
        {name: text(programs, name) for name in programs},
        tuple(_arguments(entry) for entry in cast(list[object], table["arguments"])),
        tuple(path_pattern(pattern) for pattern in words(table, "removed")),
        tuple(path_pattern(pattern) for pattern in words(table, "changed")),
    )


def _arguments(entry: object) -> _Arguments:
    one = as_table(entry, "arguments")
    only(one, "arguments", "program", "words", "last", "why")
    return _Arguments(text(one, "program"), words(one, "words"), flag(one, "last"), text(one, "why"))
