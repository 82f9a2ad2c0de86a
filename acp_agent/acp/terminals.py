"""terminal/*: commands that run in a terminal of the client's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio

from acp_agent.acp.params import as_object, as_text
from acp_agent.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acp_agent.acp.params import Json
    from acp_agent.rpc.peer import Peer

KILL_LIMIT_S = 0.4
RELEASE_LIMIT_S = 0.6
"""A cancelled call is over within a second. What takes longer at the client goes on there."""


class Program(Protocol):
    """What is to run."""

    @property
    def command(self) -> str: ...

    @property
    def args(self) -> Sequence[str]: ...

    @property
    def env(self) -> Mapping[str, str]:
        """Added to what the client gives its terminals."""
        ...

    @property
    def cwd(self) -> str: ...

    @property
    def output_limit_bytes(self) -> int:
        """Of more output the client keeps the end."""
        ...


class TerminalExit(NamedTuple):
    """How a command ended. A client need not know."""

    code: int | None
    signal: str | None


class TerminalOutput(NamedTuple):
    text: str
    truncated: bool
    """Whether its beginning is missing."""


class Terminal:
    """One terminal. Whoever creates it has to release it."""

    def __init__(self, peer: Peer, session_id: str, terminal_id: str) -> None:
        self.id = terminal_id
        self._peer = peer
        self._params: Json = {"sessionId": session_id, "terminalId": terminal_id}

    async def wait(self) -> TerminalExit:
        """Waits, without a limit, until the command has ended. Raises PeerError."""
        answer = as_object(await self._peer.request("terminal/wait_for_exit", self._params, None))
        code = answer.get("exitCode")
        if not isinstance(code, int) or isinstance(code, bool):
            code = None
        return TerminalExit(code, as_text(answer.get("signal")))

    async def output(self, limit_s: float) -> TerminalOutput:
        """What the command has written so far. Raises PeerError."""
        answer = as_object(await self._peer.request("terminal/output", self._params, limit_s))
        text = as_text(answer.get("output"))
        if text is None:
            raise PeerError("terminal/output: the client answered without output")
        return TerminalOutput(text, answer.get("truncated") is True)

    async def kill(self) -> None:
        """Asks for the command's end and waits a little for it. Never raises: releasing ends it too."""
        await self._tell("terminal/kill", KILL_LIMIT_S)

    async def release(self) -> None:
        """Gives the terminal back, and waits a little until that is done. Never raises."""
        await self._tell("terminal/release", RELEASE_LIMIT_S)

    async def _tell(self, method: str, limit_s: float) -> None:
        done = anyio.Event()
        self._peer.post(method, self._params, lambda _: done.set())
        with anyio.move_on_after(limit_s):
            await done.wait()


async def create(peer: Peer, session_id: str, program: Program, limit_s: float) -> Terminal:
    """Starts a program in a new terminal. Raises PeerError; one with code 0 leaves open whether it runs.

    A terminal that comes when nobody waits for it any more is released at once.
    """

    def give_back(answer: object) -> None:
        if terminal_id := as_text(as_object(answer).get("terminalId")):
            params: Json = {"sessionId": session_id, "terminalId": terminal_id}
            for method in ("terminal/kill", "terminal/release"):
                peer.post(method, params, lambda _: None)

    params: Json = {
        "sessionId": session_id,
        "command": program.command,
        "args": list(program.args),
        "env": [{"name": name, "value": value} for name, value in program.env.items()],
        "cwd": program.cwd,
        "outputByteLimit": program.output_limit_bytes,
    }
    answer = await peer.request("terminal/create", params, limit_s, give_back)
    terminal_id = as_text(as_object(answer).get("terminalId"))
    if not terminal_id:
        raise PeerError("terminal/create: the client answered without terminalId")
    return Terminal(peer, session_id, terminal_id)
