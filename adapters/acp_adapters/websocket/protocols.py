"""uvicorn's protocols on one accepted connection, and how far it has come."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from acp_agent.rpc.framing import MAX_LINE_BYTES

if TYPE_CHECKING:
    from acp_adapters.websocket.channel import WebSocketChannel
    from acp_agent.transport.backlog import Limits
    from acp_agent.transport.network import Ending, Welcome

LAST_WORD_S = 5.0
"""How long a client that has not read for too long may still read why it was cut off."""


class Arrival:
    """A connection on its way to a channel."""

    frames: Frames
    """There once the client has asked for a WebSocket."""

    def __init__(self, welcome: Welcome, limits: Limits) -> None:
        self.welcome = welcome
        self.limits = limits
        self.channel: asyncio.Future[WebSocketChannel] = asyncio.get_running_loop().create_future()

    def lost(self) -> None:
        """The connection is gone."""
        if channel := self._come():
            channel.lost()
        elif not self.channel.done():
            self.channel.set_exception(ConnectionResetError("no WebSocket came of the connection"))

    def relaxed(self) -> None:
        """What was written has gone out."""
        if channel := self._come():
            channel.moved()

    def _come(self) -> WebSocketChannel | None:
        done = self.channel.done() and not self.channel.cancelled() and not self.channel.exception()
        return self.channel.result() if done else None


class Http(H11Protocol):
    """Until there is a WebSocket."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        cast(Arrival, self.app_state["arrival"]).lost()


class Frames(WebSocketsSansIOProtocol):
    """From then on."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._arrival = cast(Arrival, self.app_state["arrival"])
        self._arrival.frames = self

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._arrival.lost()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._arrival.relaxed()

    def refused(self) -> None:
        """An answer has been sent instead; uvicorn does not count that as the end of its handshake."""
        self.handshake_complete = True

    def let_in(self) -> None:
        """Takes messages as large as ours may be."""
        self.conn.max_message_size = MAX_LINE_BYTES

    def waiting(self) -> int:
        """Bytes that have not gone out."""
        return self.transport.get_write_buffer_size()

    def cut_off(self, why: Ending) -> None:
        """Ends a connection whose client does not read, with `why` behind what it has not read."""
        with contextlib.suppress(InvalidState):  # it has been closed already
            self.conn.send_close(why.code, why.text)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
        self.loop.call_later(LAST_WORD_S, self.abort)

    def abort(self) -> None:
        """Ends the connection as it is."""
        if not self.disconnected:
            self.transport.abort()
