"""One client's connection: which methods there are, and the sessions it has opened.

Each group of methods is a file of its own that contributes to one table; a method is a
function from parameters to the rest of the work (see rpc.peer.Work).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import anyio

from acp_agent.acp import authentication, options, prompts, sessions
from acp_agent.acp.editor import Editor
from acp_agent.acp.initialize import answer
from acp_agent.acp.params import Params
from acp_agent.errors import MethodNotFound, NotFound
from acp_agent.rpc.peer import CancelMethod, Peer, Work

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from acp_agent.acp.initialize import Client
    from acp_agent.acp.ports import Agent, Prompt, Session
    from acp_agent.rpc.codec import Notification, Request
    from acp_agent.rpc.peer import Channel

log = logging.getLogger(__name__)

CANCEL = CancelMethod("$/cancel_request", "requestId")

Method = Callable[[Params], Work]


class Connection:
    """rpc.peer.Router for one client that has been through the handshake."""

    def __init__(self, agent: Agent, client: Client, channel: Channel) -> None:
        self.agent = agent
        self.client = client
        self.sessions: dict[str, Session] = {}
        self.prompts: dict[object, Prompt] = {}
        """The prompts that have not been answered, by the id of their request."""
        self._peer = Peer(channel, self, CANCEL)
        self._tasks: TaskGroup | None = None
        self._methods: dict[str, Method] = {
            "initialize": lambda _: partial(_ready, answer()),
            **authentication.methods(self),
            **sessions.methods(self),
            **options.methods(self),
        }

    async def serve(self, first: list[bytes]) -> None:
        """Serves the client until it ends the stream; `first` are lines it has sent already."""
        async with anyio.create_task_group() as self._tasks:
            await self._peer.serve(first)
            await self.ended()  # also what was opened at the very end
            self._tasks.cancel_scope.cancel()

    def request(self, request: Request) -> Work:
        if request.method == "session/prompt":
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
        async with anyio.create_task_group() as closing:
            for session in self.sessions.values():
                closing.start_soon(session.close)

    def editor(self, session_id: str) -> Editor:
        """The client as the session sees it."""
        return Editor(self._peer, self.client, session_id)

    def adopt(self, session: Session) -> None:
        """Runs a new session's prompts for as long as the connection lasts."""
        assert self._tasks is not None, "sessions come only while serving"
        self.sessions[session.id] = session
        self._tasks.start_soon(session.run, name=f"session {session.id}")

    def session(self, params: Params) -> Session:
        """The session that `params` name; raises NotFound."""
        session_id = params.text("sessionId")
        found = self.sessions.get(session_id)
        if found is None:
            raise NotFound(f"There is no open session {session_id!r}.", data={"sessionId": session_id})
        return found


async def _ready(value: object) -> object:
    return value
