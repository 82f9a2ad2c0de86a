"""What a command sees of the agent's environment: no secrets, nothing that makes it wait for a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.workspace.guard import MARKER_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_PREFIX = "ACP_AGENT_"
HARMLESS = frozenset({"SSH_AUTH_SOCK", "GH_TOKEN", "GITHUB_TOKEN"})
"""Secrets by name that ordinary work needs: without them git can neither fetch nor push."""
QUIET = {
    "TERM": "dumb",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}
ORDINARY = re.compile(
    r"HOME|LOGNAME|USER|SHELL|PATH|TMPDIR|TZ|LANG|LANGUAGE|LC_\w+|XDG_\w+|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH"
    r"|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS|(?i:https?_proxy|all_proxy|no_proxy)"
)
"""What any program may need to find its files and the network."""
_SECRET = re.compile(
    r"(?:^|_)(?:KEYS?|SECRETS?|TOKENS?|PASSWORDS?|PASSWD|PASSPHRASE|PASS|PWD|CREDS?|CREDENTIALS?|AUTH)(?:_|$)"
    r"|(?:APIKEY|SECRET|TOKEN|PASSWORD)$"
)
_KEPT = frozenset({"PWD"})


def is_secret(name: str) -> bool:
    """Whether a variable of this name is likely to hold a secret."""
    return name not in HARMLESS and name not in _KEPT and _SECRET.search(name.upper()) is not None


def scrubbed(environment: Mapping[str, str], marker: str) -> dict[str, str]:
    """`environment` for a command that carries `marker`: without secrets and the agent's own settings."""
    kept = {
        name: value
        for name, value in environment.items()
        if not is_secret(name) and not name.startswith(OWN_PREFIX)
    }
    # An agent that runs in a command of another keeps the other's marker.
    outer = environment.get(MARKER_VARIABLE, "")
    return {**kept, **QUIET, MARKER_VARIABLE: f"{outer} {marker}".strip()}


def ordinary(environment: Mapping[str, str], marker: str) -> dict[str, str]:
    """The little of `environment` that a program of somebody else's gets, carrying `marker`."""
    kept = {name: value for name, value in environment.items() if ORDINARY.fullmatch(name)}
    return {**kept, MARKER_VARIABLE: f"{environment.get(MARKER_VARIABLE, '')} {marker}".strip()}
