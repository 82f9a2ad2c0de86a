"""The MCP servers of a session: those the editor gives and those of the settings."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from acp_agent.assembly.adapters import adapter
from acp_agent.config import paths
from acp_agent.config.variables import expand
from acp_agent.errors import ConfigError, ServerError
from acp_agent.extend.servers import Host, RemoteServer, StdioServer, Times, UnusableServer, label

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from acp_agent.assembly.building import Ground
    from acp_agent.config.schema import McpServerEntry, Settings
    from acp_agent.extend.servers import Connect, Connection, ServerSpec, Watch
    from acp_agent.extend.tool_servers import ToolServers
    from acp_agent.redaction.redactor import Redactor
    from acp_agent.tools.registry import ToolSource
    from acp_agent.workspace.environment import Passing

PINS_FILE = "tools.json"
"""What the tools of servers were like that were called in a project."""
LAPSED = "the project's settings, or a program they name, are no longer what you trusted; /trust shows them"


class Connected(NamedTuple):
    """What servers add to a session."""

    servers: ToolServers | None = None
    sources: Sequence[ToolSource] = ()
    services: Sequence[AbstractAsyncContextManager[object]] = ()


def configured_servers(settings: Settings, env: Mapping[str, str]) -> tuple[ServerSpec, ...]:
    """Those of the settings that are not switched off."""
    return tuple(
        _spec(name, entry, env) for name, entry in settings.mcp_servers.items() if entry.enabled is not False
    )


def _spec(name: str, entry: McpServerEntry, env: Mapping[str, str]) -> ServerSpec:
    try:
        if entry.command:
            args = tuple(expand(each, env) for each in entry.args)
            return StdioServer(name, entry.command, args, _expanded(entry.env, env))
        return RemoteServer(name, entry.type, expand(entry.url or "", env), _expanded(entry.headers, env))
    except ConfigError as error:
        return UnusableServer(name, f"{error}; {(error.data or {}).get('hint', '')}")


def _expanded(values: Mapping[str, str], env: Mapping[str, str]) -> Mapping[str, str]:
    return {key: expand(value, env) for key, value in values.items()}


def connected_servers(
    ground: Ground, passing: Passing, redactor: Redactor, report: Callable[[str], None]
) -> Connected:
    """Nothing, and nothing is imported, when there are none."""
    if not ground.servers:
        return Connected()
    from acp_agent.extend.pins import Pins
    from acp_agent.extend.tool_servers import ToolServers
    from acp_agent.tools.mcp import ServerTools
    from acp_agent.workspace.environment import ordinary

    timeouts = ground.settings.timeouts
    host = Host(
        ground.roots,
        Times(timeouts.mcp_start_secs, timeouts.mcp_call_secs),
        env=ordinary(ground.env, passing),
    )
    servers = ToolServers(ground.servers, _vouched(adapter("tools.mcp"), ground), host, report)
    pins = Pins(paths.project_dir(ground.env, ground.cwd) / PINS_FILE)
    return Connected(servers, (ServerTools(servers, report, pins, redactor),), (servers,))


def _vouched(connect: Connect, ground: Ground) -> Connect:
    """Connects to servers of the project only while it asks for what the user has trusted."""
    trust = ground.trust
    if trust is None or not trust.servers:
        return connect
    configured = configured_servers(ground.settings, ground.env)
    theirs = [spec._replace(name=label(spec.name)) for spec in configured if spec.name in trust.servers]

    @asynccontextmanager
    async def connected(spec: ServerSpec, host: Host, watch: Watch) -> AsyncGenerator[Connection]:
        if spec in theirs:
            now = await anyio.to_thread.run_sync(ground.project.look)
            if now is None or not now.holds or now.demands.digest != trust.demands.digest:
                raise ServerError(LAPSED)
        async with connect(spec, host, watch) as connection:
            yield connection

    return connected
