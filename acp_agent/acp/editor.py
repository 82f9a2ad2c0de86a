"""The editor as one session sees it: shows events, serves files, asks the person."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from acp_agent.acp import elicitation, terminals
from acp_agent.acp.encoder import Encoder
from acp_agent.acp.params import as_object, as_text
from acp_agent.acp.plain import understood
from acp_agent.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.acp.initialize import Client
    from acp_agent.acp.params import Json
    from acp_agent.events import Event
    from acp_agent.rpc.peer import Peer

REQUEST_LIMIT_S = 20.0
"""Some clients never answer what they do not know."""


ONE_OF_A_KIND = frozenset(("CodeCompanion.nvim",))
"""Clients that know options by their kind; of several they would take the last, whatever it says."""
LONGEST_WORDS = 4000
"""Characters of what a person says with an answer."""
_WORDS = ("message", "feedback", "reason")
"""Where clients put them: in the outcome, or in `_meta` of the outcome or of the answer."""


class Chosen(NamedTuple):
    """The answer to a permission request."""

    option_id: str | None
    """None when there was no choice."""
    words: str = ""
    """What the person said with it."""


class PermissionOption(Protocol):
    """One answer that a person can give."""

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str: ...


class Editor:
    """A listener, and what a session may ask of the client. Asks only for what the client offers."""

    def __init__(self, peer: Peer, client: Client, session_id: str) -> None:
        self._peer = peer
        self._client = client
        self._session_id = session_id
        self._encoder = Encoder(client)
        self._held: list[Json] | None = None
        """Updates that wait, while the client is shown what was before them."""

    def hold(self) -> None:
        """Keeps updates back, until `release` or for ever."""
        self._held = []

    def release(self) -> None:
        """Sends what was kept back."""
        held, self._held = self._held or (), None
        for update in held:
            self._update(update)

    def __call__(self, event: Event) -> None:
        told = understood(event, self._client)
        for update in self._encoder.encode(told) if told else ():
            self._update(update)

    async def drain(self) -> None:
        """Waits while the client is too far behind with reading."""
        await self._peer.drain()

    @property
    def reads(self) -> bool:
        """Whether the client serves files, with what is not saved yet."""
        return self._client.reads_files

    @property
    def writes(self) -> bool:
        """Whether the client writes files."""
        return self._client.writes_files

    async def read_text(self, path: str) -> str:
        """The text of a file as the editor has it. Raises PeerError."""
        answer = await self._request("fs/read_text_file", {"path": path})
        text = as_text(as_object(answer).get("content"))
        if text is None:
            raise PeerError("fs/read_text_file: the client answered without content")
        return text

    async def write_text(self, path: str, text: str) -> None:
        """Writes a file through the editor. Raises PeerError."""
        await self._request("fs/write_text_file", {"path": path, "content": text})

    async def request_permission(
        self, call_id: str, options: Sequence[PermissionOption], explanation: str
    ) -> Chosen:
        """What the person chose; `explanation` is shown below what the call would do.

        Waits as long as the person takes. Raises PeerError.
        """
        if self._client.name in ONE_OF_A_KIND:
            options = list({each.kind: each for each in reversed(options)}.values())[::-1]
        params: dict[str, object] = {
            "sessionId": self._session_id,
            "toolCall": self._encoder.tool_call(call_id, explanation),
            "options": [{"optionId": each.id, "kind": each.kind, "name": each.name} for each in options],
        }
        answer = as_object(await self._peer.request("session/request_permission", params, timeout_s=None))
        outcome = as_object(answer.get("outcome"))
        words = _words(outcome, as_object(outcome.get("_meta")), as_object(answer.get("_meta")))
        if outcome.get("outcome") != "selected":
            return Chosen(None)
        return Chosen(as_text(outcome.get("optionId")), words)

    @property
    def runs_terminals(self) -> bool:
        """Whether the client runs commands in terminals of its own."""
        return self._client.runs_terminals

    @property
    def shows_terminals(self) -> bool:
        """Whether the client shows the output of commands that we run as a terminal."""
        return self._client.shows_terminals

    async def create_terminal(self, call_id: str, program: terminals.Program) -> terminals.Terminal:
        """Runs a program in a new terminal, which the call shows from now on; see terminals.create."""
        terminal = await terminals.create(self._peer, self._session_id, program, REQUEST_LIMIT_S)
        self._update(self._encoder.show_terminal(call_id, terminal.id))
        return terminal

    @property
    def shows_forms(self) -> bool:
        """Whether the client can show a person a form."""
        return self._client.shows_forms

    @property
    def opens_urls(self) -> bool:
        """Whether the client can send a person to a page."""
        return self._client.opens_urls

    async def elicit_form(
        self, message: str, schema: Json, call_id: str | None = None
    ) -> elicitation.Elicited:
        """Has the person fill in a form; `schema` is flat. Waits as long as they take. Raises PeerError."""
        if not self.shows_forms:
            raise PeerError("the client shows no forms")
        request: Json = {"mode": "form", "message": message, "requestedSchema": schema}
        return await elicitation.elicit(self._peer, self._session_id, call_id, request)

    async def elicit_url(
        self, message: str, url: str, elicitation_id: str, call_id: str | None = None
    ) -> elicitation.Elicited:
        """Asks whether the person will visit a page; accepting is no more than that. Raises PeerError."""
        if not self.opens_urls:
            raise PeerError("the client opens no pages")
        request: Json = {"mode": "url", "message": message, "url": url, "elicitationId": elicitation_id}
        return await elicitation.elicit(self._peer, self._session_id, call_id, request)

    def elicitation_complete(self, elicitation_id: str) -> None:
        """What the page of `elicit_url` was for is done."""
        self._peer.notify("elicitation/complete", {"elicitationId": elicitation_id})

    def _update(self, update: Json) -> None:
        if self._held is not None:
            self._held.append(update)
            return
        self._peer.notify("session/update", {"sessionId": self._session_id, "update": update})

    async def _request(self, method: str, params: dict[str, object]) -> object:
        params = {"sessionId": self._session_id, **params}
        return await self._peer.request(method, params, REQUEST_LIMIT_S)


def _words(*places: Json) -> str:
    found = (as_text(place.get(key)) for place in places for key in _WORDS)
    return next((words.strip()[:LONGEST_WORDS] for words in found if words and words.strip()), "")
