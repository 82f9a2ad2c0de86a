"""An editor object over a pipe in memory, and the client at its other end."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio

from acp_agent.acp.editor import Editor
from acp_agent.acp.initialize import Client
from acp_agent.errors import MethodNotFound
from acp_agent.rpc.peer import CancelMethod, Peer
from tests.support.memory import MemoryChannel

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from acp_agent.acp.params import Json
    from acp_agent.rpc.codec import Notification, Request
    from acp_agent.rpc.peer import Work

    Handler = Callable[[Json], Awaitable[object]]

CANCEL = CancelMethod("$/cancel_request", "requestId")
EVERYTHING = Client(runs_terminals=True, shows_forms=True, opens_urls=True)


class Other:
    """The client: answers with its handlers and writes down all it hears."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.heard: list[tuple[str, object]] = []
        self.news = anyio.Event()
        self.stubborn = False
        """Whether it answers also what has been cancelled."""

    def request(self, request: Request) -> Work:
        self._hear(request.method, request.params)
        handler = self.handlers.get(request.method)
        if handler is None:
            raise MethodNotFound(request.method)
        assert isinstance(request.params, dict)
        return partial(handler, request.params)

    def notification(self, notification: Notification) -> None:
        self._hear(notification.method, notification.params)

    def cancels_itself(self, request: Request) -> bool:
        self._hear(CANCEL.method, request.id)
        return self.stubborn

    async def ended(self) -> None:
        return

    def methods(self) -> list[str]:
        return [method for method, _ in self.heard]

    def params(self, method: str) -> object:
        """Of the first message of that method."""
        return next(params for name, params in self.heard if name == method)

    async def hears(self, method: str) -> None:
        """Waits until it has heard that method."""
        while method not in self.methods():
            await self.news.wait()

    def _hear(self, method: str, params: object) -> None:
        self.heard.append((method, params))
        self.news.set()
        self.news = anyio.Event()


@asynccontextmanager
async def paired(client: Client = EVERYTHING) -> AsyncGenerator[tuple[Editor, Peer, Other]]:
    near, far = MemoryChannel(), MemoryChannel()
    near.other, far.other = far, near
    other = Other()
    peer = Peer(near, Other(), CANCEL)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.serve)
            tasks.start_soon(Peer(far, other, CANCEL).serve)
            yield Editor(peer, client, "s-1"), peer, other
            near.end()
            far.end()
