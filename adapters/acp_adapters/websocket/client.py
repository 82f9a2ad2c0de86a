"""The bridge from standard input and output to an agent behind a WebSocket."""

from __future__ import annotations

import signal
import ssl
import threading
from typing import TYPE_CHECKING, NoReturn

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

from acp_agent.rpc.framing import MAX_LINE_BYTES, OVERSIZED, LineBuffer
from acp_agent.transport.bridge import Ended, Opening
from acp_agent.transport.descriptors import read_some, write_all

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from acp_agent.transport.addresses import Address
    from acp_agent.transport.descriptors import Descriptors

OPEN_LIMIT_S = 10.0
CLOSE_LIMIT_S = 1.0
PING_S = 30.0
"""Silence after which the server is pinged, and what it has to answer."""
LAST_ANSWERS_S = 0.5
"""How long answers may still come once the editor has said all."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
REFUSALS = {
    401: "the token is wrong: see --token-file and ACP_AGENT_TOKEN",
    403: "it does not allow this origin",
    404: "no agent is at this path, the usual one is /acp",
}


class _Left(BaseException):
    """The editor ends us."""


def bridge(editor: Descriptors, address: Address, opening: Opening, ca: str | None) -> Ended:
    """Carries lines as text frames, both ways, until one side has left. Raises OSError when it cannot begin.

    Runs in the main thread: it takes SIGTERM and SIGINT for the editor's leaving.
    """
    tls = ssl.create_default_context(cafile=ca) if address.kind == "wss" else None
    token = opening.meta.get("acp-agent/token")
    try:
        with connect(
            str(address),
            ssl=tls,
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            proxy=None if address.host in LOOPBACK else True,
            compression=None,
            open_timeout=OPEN_LIMIT_S,
            close_timeout=CLOSE_LIMIT_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            max_size=MAX_LINE_BYTES,
        ) as agent:
            return _Carriage(editor, agent, opening).run()
    except InvalidStatus as error:
        status = error.response.status_code
        raise ConnectionRefusedError(REFUSALS.get(status, f"it answers with HTTP status {status}")) from None
    except InvalidHandshake as error:
        raise ConnectionRefusedError(f"no WebSocket is there ({error})") from None


class _Carriage:
    """What carries the lines; run it in the main thread."""

    def __init__(self, editor: Descriptors, agent: ClientConnection, opening: Opening) -> None:
        self._editor = editor
        self._agent = agent
        self._opening = opening
        self._left = threading.Event()
        """Set once the editor has said all."""
        self._over = threading.Event()
        """Set once the connection has come to its end."""

    def run(self) -> Ended:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            for message in self._agent:
                if isinstance(message, str):  # JSON has no line end but between its words
                    write_all(self._editor.write, message.replace("\n", " ").encode() + b"\n")
        except ConnectionClosed as error:
            return Ended(not self._left.is_set(), str(error))
        except (_Left, OSError):  # an OSError: the editor reads no more
            return Ended(by_agent=False)
        finally:
            self._over.set()
        return Ended(not self._left.is_set())

    def _listen(self) -> None:
        """Passes on what the editor says, in a thread of its own, and then that it has left."""
        buffer = LineBuffer()
        data = b"\n"
        try:
            while data:
                try:
                    data = read_some(self._editor.read)
                except OSError:
                    data = b""
                lines = buffer.feed(self._opening.feed(data) if data else self._opening.rest())
                for line in lines if data else [*lines, *buffer.finish()]:
                    self._agent.send(_text(line))
        except ConnectionClosed:
            return
        self._left.set()
        self._over.wait(LAST_ANSWERS_S)
        self._agent.close()


def _text(line: bytes) -> str:
    """A frame that is too long would end the connection; the agent answers this one with an error."""
    return "{}" if line == OVERSIZED else line.decode(errors="replace")


def _leave(*_: object) -> NoReturn:
    raise _Left
