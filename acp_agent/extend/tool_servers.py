"""The servers of one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from acp_agent.errors import NotFound
from acp_agent.extend.server import Server
from acp_agent.extend.servers import UnusableServer, label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from acp_agent.extend.servers import Connect, Host, ServerSpec, ServerStatus

FIRST_WAIT_S = 5.0
"""So long after the session was opened its first prompt waits for servers that have not answered yet."""
CLOSE_LIMIT_S = 0.6
"""For taking leave politely; what a server has started is ended in any case."""


class ToolServers:
    """Use as an async context manager: within it the servers are connected, in the background."""

    def __init__(
        self, specs: Iterable[ServerSpec], connect: Connect, host: Host, report: Callable[[str], None]
    ) -> None:
        """Only the first server of a name is connected. `report` takes what a person should know."""
        self._servers = tuple(Server(spec, connect, host, report) for spec in _distinct(specs))
        self._tasks = anyio.create_task_group()
        self._patience_ends = 0.0

    async def __aenter__(self) -> ToolServers:
        await self._tasks.__aenter__()
        self._patience_ends = anyio.current_time() + FIRST_WAIT_S
        for server in self._servers:
            self._tasks.start_soon(server.run, name=f"MCP server {server.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        for server in self._servers:
            server.close()
        self._tasks.cancel_scope.shield = True
        self._tasks.cancel_scope.deadline = anyio.current_time() + CLOSE_LIMIT_S
        return await self._tasks.__aexit__(kind, error, trace)

    @property
    def servers(self) -> Sequence[Server]:
        return self._servers

    def status(self) -> Sequence[ServerStatus]:
        """How each is, in the order they were given."""
        return [server.status() for server in self._servers]

    def retry(self, name: str) -> None:
        """Tries to connect one that is not connected. Raises NotFound."""
        for server in self._servers:
            if server.name == name:
                return server.retry()
        known = ", ".join(server.name for server in self._servers)
        raise NotFound(f"There is no MCP server {name!r}. There are: {known}.")

    async def settle(self) -> None:
        """Waits, early in the session, for servers that have not answered; tries failed ones again."""
        with anyio.CancelScope(deadline=self._patience_ends):
            for server in self._servers:
                await server.answered()
        for server in self._servers:
            server.nudge()


def _distinct(specs: Iterable[ServerSpec]) -> Iterable[ServerSpec]:
    """The specs with names as they are used, each name at most once as a server that can be reached."""
    taken: set[str] = set()
    for spec in specs:
        name = label(spec.name)
        if name in taken:
            yield UnusableServer(name, "there is another server of this name; give it a name of its own")
        else:
            taken.add(name)
            yield spec._replace(name=name)
