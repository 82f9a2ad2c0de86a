"""The secrets of one session, for whoever must not show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.extend.servers import RemoteServer, StdioServer
from acp_agent.models.passing import in_headers, own_keys
from acp_agent.redaction.redactor import Redactor
from acp_agent.workspace.environment import secret_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from acp_agent.extend.servers import ServerSpec
    from acp_agent.models.routes import Route


def redactor(
    models: Sequence[Route],
    servers: Sequence[ServerSpec],
    env: Mapping[str, str],
    stored: Iterable[str] = (),
) -> Redactor:
    """Knows the agent's own keys, those in `stored`, and what is secret in its environment and in
    what servers are given."""
    values = list(secret_values(env))
    for spec in servers:
        if isinstance(spec, StdioServer):
            values += secret_values(spec.env)
        elif isinstance(spec, RemoteServer):
            values += in_headers(spec.headers)
    return Redactor(sorted(own_keys(models, stored)), values)
