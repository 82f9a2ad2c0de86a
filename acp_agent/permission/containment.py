"""What a sandbox guarantees about commands, and what therefore need not be asked about them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.claims import Claim
from acp_agent.permission.places import is_inside
from acp_agent.permission.protected import protected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.permission.modes import Mode
    from acp_agent.permission.places import Places

OUTSIDE = Claim("execute", "outside of the sandbox", None, False, "runs outside of the sandbox")
"""A call that claims this is not contained. Like all that is not understood it can only be allowed once."""
ANY_HOST = Claim("network", "any host", None, False, "the command says that it needs the network")


class Containment(NamedTuple):
    """What holds for a command whatever it does. Nothing, unless a sandbox sees to it."""

    name: str = ""
    """The sandbox; empty when there is none."""
    writes: bool = False
    """Nothing is written but in the roots and in `private`."""
    network: bool = False
    """There is no network, unless the call claims it."""
    guarded: bool = False
    """Guarded files in the roots stay as they are, secrets outside of them cannot be read."""
    private: tuple[str, ...] = ()
    """Folders that are the command's own, whatever the machine has there."""
    refusal: str = ""
    """Why no command may run at all: a sandbox was asked for, and there is none."""

    @property
    def whole(self) -> bool:
        return self.writes and self.network and self.guarded

    def owns(self, path: str) -> bool:
        """Whether the path is in one of these folders, and nothing that the machine has there."""
        for folder in self.private:
            if is_inside(path, folder) and path != folder:
                name = path[len(folder) + 1 :].partition("/")[0]
                return not os.path.lexists(os.path.join(folder, name))
        return False


UNCONTAINED = Containment()

BWRAP = Containment("bwrap", writes=True, network=True, guarded=True, private=("/tmp", "/var/tmp"))
LANDLOCK = Containment("landlock", writes=True, network=True)
"""Rights can only be given there, not taken back: what is guarded within a root cannot be kept."""

_RELAXED_IN: frozenset[Mode] = frozenset(("standard", "accept"))
_ABOUT_THE_PROGRAM = re.compile(
    r"`.*` is named by its path|`.*` would be .*, in the workspace|`.*` is in the workspace|there is no /.*"
    r"|others than the system can change .*|sets .*|.* has submodules, .*"
    r"|the repository's own configuration has .*|the repository has a .* hook|.* looks like a bare repository"
    r"|.* is no repository, .*|in a group|in a subshell",
    re.DOTALL,
)
"""Reasons to ask that say which program runs, or where, rather than that its words are not known."""


def left(claims: Sequence[Claim], containment: Containment, places: Places) -> Containment:
    """What holds of it for a call with these claims.

    One that opens the sandbox, for a host, a guarded file or a folder outside, opens it for all that
    the call runs: then nothing in it goes without asking.
    """
    if containment.whole and all(_within(claim, containment, places) for claim in claims):
        return containment
    return Containment(refusal=containment.refusal)


def _within(claim: Claim, containment: Containment, places: Places) -> bool:
    if claim == OUTSIDE or claim.operation not in ("execute", "edit", "read"):
        return False
    if claim.operation == "execute":
        return True
    known = protected(places.home)
    if known.is_secret(claim.resource):
        return False
    if claim.operation == "read":
        return True
    return known.guarded_as(claim.resource) is None and (claim.inside or containment.owns(claim.resource))


def relaxed(claim: Claim, mode: Mode, containment: Containment) -> str:
    """Why the claim of a contained command need not be asked about; empty when it must be."""
    if mode not in _RELAXED_IN:
        return ""
    if claim.operation == "execute":
        known = claim.argv is not None and (not claim.reason or _ABOUT_THE_PROGRAM.fullmatch(claim.reason))
        return f"{containment.name} confines it to the workspace" if known and claim.inside else ""
    if claim.operation == "edit" and claim.inside:
        return f"{containment.name} confines the command to the workspace"
    if claim.operation in ("read", "edit") and containment.owns(claim.resource):
        return f"{containment.name} gives the command a folder of its own there"
    return ""
