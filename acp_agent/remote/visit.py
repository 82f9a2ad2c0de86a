"""A connection until its client is let in, or turned away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from acp_agent.acp.handshake import Handshake
from acp_agent.acp.initialize import TOKEN
from acp_agent.transport.network import NOT_LET_IN, OUT_OF_ORDER, OVER

if TYPE_CHECKING:
    import socket

    from acp_agent.acp.initialize import Client
    from acp_agent.acp.params import Json
    from acp_agent.transport.listening import Door
    from acp_agent.transport.network import Ending, NetworkChannel, Opener

INITIALIZE_LIMIT_S = 30.0
"""From being accepted to a valid `initialize`."""
MOST_REFUSALS = 5
"""So many wrong tokens, and the connection is closed."""
REFUSAL_DELAY_S = 0.25
"""Before the first refusal, and so much more before each further one."""


class Visit:
    """One connection."""

    def __init__(self, door: Door) -> None:
        self.channel: NetworkChannel | None = None
        self.lines: list[bytes] = []
        """What the client has sent behind its `initialize`."""
        self.ending: Ending = OVER
        self._door = door
        self._handshake = Handshake(remote=True, admit=self._admits)

    @property
    def trusted(self) -> bool:
        """Whether it is known that the client acts for the owner of this process."""
        return self._door.private or self._door.welcome.token is not None

    async def arrive(self, opener: Opener, sock: socket.socket) -> Client | None:
        """The client, once it has been let in; None when it has not, `ending` says why. Bounded.

        Raises OSError when there comes no channel of the connection.
        """
        with anyio.move_on_after(INITIALIZE_LIMIT_S) as limit:
            self.channel = await opener(sock, self._door.welcome)
            await self._shake_hands(self.channel)
        if limit.cancelled_caught:
            self.ending = NOT_LET_IN
        if self.channel and self._handshake.client:
            self.channel.let_in()
        return self._handshake.client

    def end(self) -> None:
        """Acts as if the client had left."""
        if self.channel:
            self.channel.end()

    async def _shake_hands(self, channel: NetworkChannel) -> None:
        handshake = self._handshake
        while lines := await channel.receive():
            while lines:
                refusals = handshake.refusals
                answer = handshake.take(lines.pop(0))
                if handshake.refusals > refusals:
                    await anyio.sleep(REFUSAL_DELAY_S * handshake.refusals)
                if handshake.out_of_order and self._door.carrier == "websocket":
                    self.ending = OUT_OF_ORDER
                    return
                if answer:
                    channel.send(answer)
                if handshake.client:
                    self.lines = lines
                    return
                if handshake.refusals >= MOST_REFUSALS:
                    self.ending = NOT_LET_IN
                    return

    def _admits(self, meta: Json) -> bool:
        token = self._door.welcome.token
        if token is None or (self.channel and self.channel.authenticated):
            return True
        return token.matches(meta.get(TOKEN))
