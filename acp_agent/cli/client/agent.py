"""The agent at the other end: asks it, and serves what it asks of an editor."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio

from acp_agent import __version__
from acp_agent.acp.params import Json, Params, as_list, as_object, as_text
from acp_agent.cli.client import files
from acp_agent.cli.client.settings import Settings
from acp_agent.errors import (
    AgentError,
    ConnectionClosed,
    InvalidParams,
    MethodNotFound,
    PeerError,
    PeerTimeout,
)
from acp_agent.rpc.peer import CancelMethod, Peer

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.rpc.codec import Notification, Request
    from acp_agent.rpc.peer import Channel, Work

PROTOCOL_VERSION = 1
INITIALIZE_LIMIT_S = 30.0
"""Others' agents may be started through a package runner that first has to fetch them."""
REQUEST_LIMIT_S = 30.0
CANCEL_LIMIT_S = 10.0
"""How long an agent may take to end a turn that has been cancelled."""
MOST_EARLY_UPDATES = 1000
CANCELLED: Json = {"outcome": {"outcome": "cancelled"}}
CAPABILITIES: Json = {
    "fs": {"readTextFile": True, "writeTextFile": True},
    "terminal": False,
    "session": {"notices": {}},
}


class Trouble(AgentError):
    """Something went wrong between us and the agent; `hint` says what to do, if we know."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Viewer(Protocol):
    """Shows what the agent tells."""

    def show(self, update: Json) -> None:
        """Shows one `session/update`."""
        ...


class Asker(Protocol):
    """Answers for the person."""

    async def ask(self, tool_call: Json, options: list[Json]) -> tuple[str | None, str]:
        """The id of the chosen option, None when there is no choice, and words that go with it."""
        ...


class Introduction(NamedTuple):
    """What the agent says of itself."""

    name: str
    version: str


class Agent:
    """One connection with one session. Its methods raise Trouble and nothing else."""

    def __init__(self, channel: Channel, cwd: Path, viewer: Viewer, asker: Asker) -> None:
        self.gone = anyio.Event()
        """Set once the agent has ended the stream."""
        self.settings = Settings()
        self._cwd = cwd
        self._viewer = viewer
        self._asker = asker
        self._session_id = ""
        self._early: list[Json] = []
        """Updates that came before we knew our session's id: right behind it, or ahead of it."""
        self._running: anyio.CancelScope | None = None
        self._cancelled = False
        self._questions: set[anyio.CancelScope] = set()
        self._peer = Peer(channel, self, CancelMethod("$/cancel_request", "requestId"))

    async def serve(self) -> None:
        """Handles messages until the stream ends."""
        await self._peer.serve()

    async def introduce(self) -> Introduction:
        """`initialize`."""
        params: Json = {
            "protocolVersion": PROTOCOL_VERSION,
            "clientCapabilities": CAPABILITIES,
            "clientInfo": {"name": "acp-agent-chat", "title": "acp-agent chat", "version": __version__},
        }
        answer = await self._request("initialize", params, INITIALIZE_LIMIT_S)
        version = answer.get("protocolVersion")
        if version != PROTOCOL_VERSION:
            raise Trouble(f"The agent speaks version {version} of the protocol, and chat only version 1.")
        info = as_object(answer.get("agentInfo"))
        return Introduction(as_text(info.get("name")) or "agent", as_text(info.get("version")) or "")

    async def open_session(self, resumed: str = "") -> None:
        """`session/new` in the working folder, or `session/resume` of the session with that id."""
        params: Json = {"cwd": str(self._cwd), "mcpServers": []}
        if resumed:
            params["sessionId"] = resumed
        method = "session/resume" if resumed else "session/new"
        answer = await self.ask(method, params)
        session_id = resumed or as_text(answer.get("sessionId"))
        if not session_id:
            raise Trouble("The agent opened a session without a sessionId.")
        self._session_id = session_id
        self.settings.opened(answer)
        for params in self._early:
            self._updated(params)
        self._early.clear()

    async def prompt(self, text: str) -> str:
        """One turn; returns its stop reason. A cancelled one ends within CANCEL_LIMIT_S."""
        params: Json = {"sessionId": self._session_id, "prompt": [{"type": "text", "text": text}]}
        self._cancelled = False
        with anyio.CancelScope() as turn:
            self._running = turn
            try:
                answer = await self._request("session/prompt", params, None)
            finally:
                self._running = None
            return as_text(answer.get("stopReason")) or "end_turn"
        raise Trouble(f"The agent has not ended the turn within {CANCEL_LIMIT_S:g} s of being asked to.")

    @property
    def busy(self) -> bool:
        """Whether a turn runs."""
        return self._running is not None

    @property
    def cancelled(self) -> bool:
        """Whether the turn that runs, or ran last, has been cancelled."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancels the turn that runs, with all the questions it asks."""
        if self._running is None:
            return
        self._cancelled = True
        self._peer.notify("session/cancel", {"sessionId": self._session_id})
        self._running.deadline = min(self._running.deadline, anyio.current_time() + CANCEL_LIMIT_S)
        for question in self._questions:
            question.cancel()

    async def set_mode(self, wanted: str) -> None:
        mode = self.settings.find("mode", wanted)
        if self.settings.has_modes:
            await self._request(
                "session/set_mode", {"sessionId": self._session_id, "modeId": mode}, REQUEST_LIMIT_S
            )
            self.settings.mode = mode
        else:
            await self._set_option("mode", mode)

    async def set_model(self, wanted: str) -> None:
        await self._set_option("model", self.settings.find("model", wanted))

    async def _set_option(self, category: str, value: str) -> None:
        params: Json = {
            "sessionId": self._session_id,
            "configId": self.settings.option_id(category),
            "value": value,
        }
        answer = await self._request("session/set_config_option", params, REQUEST_LIMIT_S)
        self.settings.options = [as_object(option) for option in as_list(answer.get("configOptions"))]

    async def ask(self, method: str, params: Json) -> Json:
        """Any request that is answered soon."""
        return await self._request(method, params, REQUEST_LIMIT_S)

    async def _request(self, method: str, params: Json, limit_s: float | None) -> Json:
        try:
            return as_object(await self._peer.request(method, params, limit_s))
        except ConnectionClosed:
            raise Trouble("The agent has ended.") from None
        except PeerTimeout:
            raise Trouble(f"The agent did not answer {method} within {limit_s:g} s.") from None
        except PeerError as error:
            raise _explained(method, error) from None

    # rpc.peer.Router -------------------------------------------------------------------

    def request(self, request: Request) -> Work:
        match request.method:
            case "session/request_permission":
                params = Params(request.method, request.params)
                options = [as_object(option) for option in params.array("options")]
                return partial(self._permission, as_object(params.values.get("toolCall")), options)
            case "fs/read_text_file":
                return partial(files.read, self._cwd, Params(request.method, request.params))
            case "fs/write_text_file":
                return partial(files.write, self._cwd, Params(request.method, request.params))
            case _:
                raise MethodNotFound(f"There is no method {request.method}.")

    def notification(self, notification: Notification) -> None:
        if notification.method != "session/update":
            return
        if self._session_id:
            self._updated(as_object(notification.params))
        elif len(self._early) < MOST_EARLY_UPDATES:
            self._early.append(as_object(notification.params))

    def _updated(self, params: Json) -> None:
        if params.get("sessionId") == self._session_id:
            update = as_object(params.get("update"))
            self.settings.changed(update)
            self._viewer.show(update)

    def cancels_itself(self, request: Request) -> bool:
        return False

    async def ended(self) -> None:
        self.gone.set()

    async def _permission(self, tool_call: Json, options: list[Json]) -> Json:
        if not options:
            raise InvalidParams("session/request_permission: options must not be empty")
        if self._cancelled:
            return CANCELLED
        with anyio.CancelScope() as question:
            self._questions.add(question)
            try:
                chosen, words = await self._asker.ask(tool_call, options)
            finally:
                self._questions.discard(question)
            if chosen is not None:
                meta: Json = {"_meta": {"message": words}} if words else {}
                return {"outcome": {"outcome": "selected", "optionId": chosen, **meta}}
        return CANCELLED


def _explained(method: str, error: PeerError) -> Trouble:
    """What the agent answered, with the details and the advice that came along."""
    text = str(error).removeprefix(f"{method}: ").strip()
    data = error.data or {}
    details = as_text(data.get("details")) or as_text(data.get("error")) or ""
    if details and details not in text:
        text = f"{text}\n{details}"
    return Trouble(text, as_text(data.get("hint")) or _ADVICE.get(error.peer_code, ""))


_ADVICE = {
    -32000: "The agent has to know a model or a login first; `acp-agent doctor` says more about ours.",
    -32601: "The agent does not know this method; it may speak another version of the protocol.",
}
