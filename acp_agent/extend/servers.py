"""Servers that bring tools (MCP): what is known of one, and what whoever talks to it has to do."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from acp_agent.content import Image

State = Literal["connecting", "ready", "stopped", "failed"]
"""stopped: it has ended, and is started again when one of its tools is called."""
LONGEST_NAME = 64
_NO_NAME = re.compile(r"[^\w.-]")


class StdioServer(NamedTuple):
    """A program that is spoken to over its pipes."""

    name: str
    command: str
    """An absolute path, or a name on the search path."""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = MappingProxyType({})
    """What it gets beside the harmless part of the agent's own environment."""

    def __repr__(self) -> str:
        return f"StdioServer({self.name!r}, {self.command!r})"  # arguments and variables may be secrets


class RemoteServer(NamedTuple):
    """A server at an address; `http` is MCP's streamable HTTP, `sse` what came before it."""

    name: str
    kind: Literal["http", "sse"]
    url: str
    headers: Mapping[str, str] = MappingProxyType({})

    def __repr__(self) -> str:
        return f"RemoteServer({self.name!r}, {self.kind!r})"


class UnusableServer(NamedTuple):
    """One that was asked for in a way that cannot be followed; it is listed with the reason."""

    name: str
    reason: str


ServerSpec = StdioServer | RemoteServer | UnusableServer


def label(name: str) -> str:
    """The name of a server as permissions and the model know it: no slash, no blank, no wildcard."""
    return _NO_NAME.sub("_", name)[:LONGEST_NAME] or "_"


class ServerTool(NamedTuple):
    """A tool as its server describes it. Nothing of it is to be trusted."""

    name: str
    description: str
    schema: dict[str, object]


class Outcome(NamedTuple):
    """What a call of a tool came to, unbounded."""

    text: str
    images: tuple[Image, ...] = ()
    failed: bool = False


class ServerStatus(NamedTuple):
    """How a server is, for a person."""

    name: str
    state: State
    reason: str
    """Why it is stopped or failed."""
    tools: tuple[str, ...]
    since: float
    """When it came into this state, in seconds since the epoch."""


class Times(NamedTuple):
    """Longest waits, in seconds."""

    start_s: float = 30.0
    """Until a server is connected and has named its tools."""
    call_s: float = 60.0
    """For an answer, or a sign of progress."""


class Elicitation(NamedTuple):
    """A question of a server to the person."""

    server: str
    message: str
    schema: dict[str, object]
    """JSON Schema of the answer: an object of plain values."""


class Reply(NamedTuple):
    action: Literal["accept", "decline", "cancel"]
    content: dict[str, object] | None = None


class Host(NamedTuple):
    """What a server may know of the session, and ask of it."""

    roots: tuple[Path, ...]
    """The folder it works in first."""
    times: Times = Times()
    ask: Callable[[Elicitation], Awaitable[Reply]] | None = None
    """Puts questions to the person; None, and servers are told that there is nobody to ask."""
    env: Mapping[str, str] | None = None
    """The ordinary part of the environment, for programs; None, and it is what anybody's is."""


class Watch(Protocol):
    """Whoever has to know what becomes of a connection. Both may be called at any time in the loop."""

    def lost(self, reason: str) -> None:
        """The connection is of no use any more."""
        ...

    def tools_changed(self) -> None: ...


class Connection(Protocol):
    """A server that is connected."""

    async def tools(self) -> Sequence[ServerTool]:
        """Raises ServerError."""
        ...

    async def call(
        self, tool: str, arguments: dict[str, object], on_progress: Callable[[str], None]
    ) -> Outcome:
        """Raises ServerError when it cannot be done or takes too long, ServerGone when it will never answer.

        Cancelling it tells the server.
        """
        ...


class Connect(Protocol):
    """Connects to a server and, on leaving, ends it with everything it has started."""

    def __call__(
        self, spec: ServerSpec, host: Host, watch: Watch, /
    ) -> AbstractAsyncContextManager[Connection]:
        """Entering raises ServerError."""
        ...
