"""What every connection over the network has, whatever carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from acp_agent.rpc.peer import Channel

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable

    from acp_agent.transport.tokens import Token

FIRST_LINES_BYTES = 1 << 20
"""What a client may send in one message before it has been let in."""
HANDSHAKE_LIMIT_S = 10.0
"""For the handshakes below ours, TLS and HTTP."""
FLUSH_LIMIT_S = 1.0
"""How long the last lines may take on the way out."""
ABORT_LIMIT_S = 1.0
"""What a connection that is torn down takes at most to be gone."""


class Ending(NamedTuple):
    """Why we end a connection, as far as its transport can say so: a code of RFC 6455 and a text."""

    code: int
    text: str


OVER = Ending(1000, "")
LEAVING = Ending(1001, "the agent is being stopped")
OUT_OF_ORDER = Ending(1002, "the first message must be initialize")
TOO_SLOW = Ending(1008, "what was sent was not read")
NOT_LET_IN = Ending(1008, "there was no valid initialize in time")


class NetworkChannel(Channel, Protocol):
    """A connection to one client."""

    @property
    def authenticated(self) -> bool:
        """Whether what carries the connection has brought the token."""
        ...

    def let_in(self) -> None:
        """From now on messages may be as large as ever."""
        ...

    def end(self) -> None:
        """Acts as if the other side had ended the stream."""
        ...

    async def close(self, why: Ending, flush_s: float) -> None:
        """Ends the connection, having let out what is queued if that takes no longer than `flush_s`."""
        ...


class Welcome(NamedTuple):
    """What a connection needs to become a channel."""

    tls: ssl.SSLContext | None = None
    token: Token | None = None
    allow_origins: tuple[str, ...] = ()


class Opener(Protocol):
    """Makes a channel out of an accepted connection."""

    def __call__(self, sock: socket.socket, welcome: Welcome, /) -> Awaitable[NetworkChannel]:
        """Owns `sock` from here on. Raises OSError when no channel comes of it. The caller bounds it."""
        ...
