"""What a tool call is about to do, stated before anything runs.

A tool turns its arguments into claims; the gate decides on claims and on nothing else, and an
approval holds for exactly these claims and for that one call.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

Operation = Literal["read", "edit", "execute", "network", "mcp", "memory", "skill", "agent", "meta"]


class Claim(NamedTuple):
    """One effect: an operation on a resource as it really is.

    read, edit: `resource` is the real absolute path, links and `..` resolved.
    execute: `resource` is the command as it will run; `argv` its words after quote removal,
    None when the command was not understood.
    edit, network: `argv` is the command that does it, when it is what the command is for; None for
    the shell's own redirects and for tools.
    mcp: `server/tool`. A reason says that it is no longer what was allowed; then it is always asked about.
    network: `resource` is the host. meta: the name of what happens (a plan, a question).
    """

    operation: Operation
    resource: str
    argv: tuple[str, ...] | None = None
    inside: bool = True
    """For paths: within the session's roots. For commands: works within them as far as known."""
    reason: str = ""
    """Why it is claimed, where that is not obvious ("redirect target", "not understood: $(…)")."""


def digest(claims: Iterable[Claim]) -> str:
    """Identifies a set of claims; an approval carries it."""
    return hashlib.sha256(repr(tuple(claims)).encode("utf-8", "surrogatepass")).hexdigest()
