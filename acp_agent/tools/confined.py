"""What a sandbox means for the tool that runs commands: what the model is told of it, and may ask of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.permission.containment import ANY_HOST, OUTSIDE
from acp_agent.tools.parameters import Param

if TYPE_CHECKING:
    from acp_agent.permission.claims import Claim
    from acp_agent.workspace.sandbox import Confined, Mode

ABOUT = " It can write only in the workspace and {temporary}, and has no network."
ABOUT_OPEN = " It can write only in the workspace and {temporary}."
NEEDS: dict[str, Claim] = {"network": ANY_HOST, "unconfined": OUTSIDE}
"""What a command may say it needs, and the claim that has to be allowed for it."""
SWITCHED_OFF = "Not run: the sandbox was switched off in this moment. Send the command again."
_ABOUT_NEEDS = "If it cannot work so; asks the user"

_NETWORK = re.compile(
    r"network is unreachable|could ?n[o']t resolve|temporary failure in name resolution|ENETUNREACH|EAI_AGAIN"
    r"|name or service not known|getaddrinfo|no address associated|failed to resolve|connection refused",
    re.IGNORECASE,
)
_FILES = re.compile(
    r"read-only file ?system|EROFS|permission denied|EACCES|operation not permitted|EPERM"
    r"|could not write config file .*(?:busy)|device or resource busy|cannot connect to the docker daemon",
    re.IGNORECASE,
)
_TAIL = 8 << 10
"""Characters at the end of the output in which the reason of a failure is looked for."""


def needs(mode: Mode) -> Param:
    """The parameter by which a command says that it cannot work in the sandbox."""
    return Param(
        "needs", about=_ABOUT_NEEDS, optional=True, choices=tuple(NEEDS)[: 1 if mode == "required" else 2]
    )


def about(sandbox: str, *, network: bool) -> str:
    """What the tool's description says of the sandbox in force."""
    temporary = "/tmp" if sandbox == "bwrap" else "$TMPDIR"
    return (ABOUT_OPEN if network else ABOUT).format(temporary=temporary)


def hint(output: str, confined: Confined, mode: Mode) -> str:
    """What to try after a failure that looks like the sandbox's doing; empty for any other."""
    tail = output[-_TAIL:]
    if not confined.confinement.network and _NETWORK.search(tail):
        return "The sandbox has no network; needs: network asks the user for it."
    if _FILES.search(tail):
        way = "ask the user" if mode == "required" else "needs: unconfined asks the user to run it outside"
        return f"The sandbox may be why: it keeps all but the workspace, and guarded files in it; {way}."
    return ""
