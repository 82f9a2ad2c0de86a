"""One client's connection: which methods there are, and the sessions it has open.

Each group of methods is a file of its own that contributes to one table; a method is a
function from parameters to the rest of the work (see rpc.peer.Work).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_agent.acp import (
    administration,
    authentication,
    options,
    prompts,
    providers,
    rewinding,
    saved,
    sessions,
)
from acp_agent.acp.editor import Editor
from acp_agent.acp.initialize import answer
from acp_agent.acp.params import Params
from acp_agent.errors import MethodNotFound, NotFound
from acp_agent.rpc.peer import CancelMethod, Peer, Work

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.acp.initialize import Client
    from acp_agent.acp.params import Json
    from acp_agent.acp.ports import Agent, Prompt, Session
    from acp_agent.rpc.codec import Notification, Request
    from acp_agent.rpc.peer import Channel

log = logging.getLogger(__name__)

CANCEL = CancelMethod("$/cancel_request", "requestId")

PROMPT = "session/prompt"

Method = Callable[[Params], Work]


class Joined(NamedTuple):
    """A session as this client has it open."""

    session: Session
    editor: Editor


class Connection:
    """rpc.peer.Router for one client that has been through the handshake."""

    def __init__(
        self, agent: Agent, client: Client, channel: Channel, *, keep: bool = False, administers: bool = False
    ) -> None:
        """With `keep`, what it leaves running goes on for a while when the connection is lost.

        One that `administers` may see and end the sessions of others.
        """
        self.agent = agent
        self.client = client
        self.joined: dict[str, Joined] = {}
        self.prompts: dict[object, Prompt] = {}
        """The prompts that have not been answered, by the id of their request."""
        self._peer = Peer(channel, self, CANCEL)
        self._keep = keep
        self._showing = anyio.Lock()
        self.knows_access = False
        """Whether the client has asked for `auth/status`; others do not know its notification."""
        self._methods: dict[str, Method] = {
            "initialize": lambda _: partial(_ready, answer(client)),
            **authentication.methods(self),
            **providers.methods(self),
            **sessions.methods(self),
            **saved.methods(self),
            **options.methods(self),
            **rewinding.methods(self),
            **(administration.methods(self) if administers else {}),
        }

    @property
    def methods(self) -> frozenset[str]:
        """The requests that are answered, but for extensions."""
        return frozenset({PROMPT, *self._methods}) - self.extensions

    @property
    def extensions(self) -> frozenset[str]:
        """The requests of ours that are answered."""
        return frozenset(name for name in self._methods if name.startswith("_"))

    async def serve(self, first: list[bytes]) -> None:
        """Serves the client until it ends the stream; `first` are lines it has sent already."""
        try:
            await self._peer.serve(first)
        finally:  # also for what was opened at the very end, and when the line broke in another way
            with anyio.CancelScope(shield=True):
                await self.ended()

    def request(self, request: Request) -> Work:
        if request.method == PROMPT:
            return prompts.begin(self, request)
        method = self._methods.get(request.method)
        if method is None:
            raise MethodNotFound(f"There is no method {request.method}.", data={"method": request.method})
        return method(Params(request.method, request.params if request.params is not None else {}))

    def notification(self, notification: Notification) -> None:
        if notification.method == "session/cancel":
            prompts.cancel(self, notification.params)

    def cancels_itself(self, request: Request) -> bool:
        prompt = self.prompts.get(request.id)
        if prompt is None:
            return False
        prompt.cancel()
        return True

    async def ended(self) -> None:
        async with anyio.create_task_group() as leaving:
            while self.joined:
                _, (session, editor) = self.joined.popitem()
                leaving.start_soon(partial(self.agent.leave, session.id, editor, keep=self._keep))

    @asynccontextmanager
    async def showing(self, session: Session) -> AsyncGenerator[Editor]:
        """While the client is shown what was before: it is told nothing else of the session.

        Yields what `join` takes. With an error it leaves again, without which nobody ever would.
        """
        editor = Editor(self._peer, self.client, session.id)
        session.expect(editor)
        shown = False
        try:
            async with self._showing:  # one after the other: the client could not tell them apart
                before = self.joined.get(session.id)
                if before:
                    before.editor.hold()
                try:
                    yield editor
                    shown = True
                finally:
                    if before and not shown:
                        before.editor.release()
        finally:
            if not shown:
                with anyio.CancelScope(shield=True):
                    await self.agent.leave(session.id, editor, keep=self._keep)

    def join(self, session: Session, editor: Editor | None = None) -> None:
        """The client knows the session from now on: it is told what happens and may use it."""
        editor = editor or Editor(self._peer, self.client, session.id)
        before, self.joined[session.id] = self.joined.get(session.id), Joined(session, editor)
        if before:
            before.session.detach(before.editor)
        session.attach(editor)

    def find(self, session_id: object) -> Joined | None:
        """The session with that id, if this client has it open."""
        joined = self.joined.get(session_id) if isinstance(session_id, str) else None
        if joined and joined.session.closed:
            del self.joined[joined.session.id]
            return None
        return joined

    def session(self, params: Params) -> Joined:
        """The session that `params` name; raises NotFound."""
        session_id = params.text("sessionId")
        if joined := self.find(session_id):
            return joined
        raise NotFound(
            f"Session {session_id!r} is not open here; session/load or session/resume opens a saved one.",
            data={"sessionId": session_id},
        )

    def show(self, session_id: str, update: Json) -> None:
        """Sends an update of a session that the client has not joined yet."""
        self._peer.notify("session/update", {"sessionId": session_id, "update": update})

    def notify(self, method: str, params: Json) -> None:
        """Tells the client something that is about no session."""
        self._peer.notify(method, params)

    async def drain(self) -> None:
        """Waits while the client is too far behind."""
        await self._peer.drain()


async def _ready(value: object) -> object:
    return value
