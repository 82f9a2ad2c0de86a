"""Terminals over a real pair of peers: what the wire tests would have to wait long for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.acp import terminals
from acp_agent.errors import PeerTimeout
from acp_agent.workspace.terminals import Program
from tests.unit.acp.pair import paired

if TYPE_CHECKING:
    from acp_agent.acp.params import Json
    from acp_agent.workspace.terminals import Terminals

PROGRAM = Program("/bin/sh", ("-c", "true"), {"PAGER": "cat"}, "/project", 1000)


async def test_what_is_asked_for() -> None:
    async with paired() as (editor, _, other):

        async def create(_params: Json) -> object:
            return {"terminalId": "t"}

        other.handlers["terminal/create"] = create
        await editor.create_terminal("call-1", PROGRAM)
        assert other.params("terminal/create") == {
            "sessionId": "s-1",
            "command": "/bin/sh",
            "args": ["-c", "true"],
            "env": [{"name": "PAGER", "value": "cat"}],
            "cwd": "/project",
            "outputByteLimit": 1000,
        }
        await other.hears("session/update")
        assert other.params("session/update") == {
            "sessionId": "s-1",
            "update": {
                "sessionUpdate": "tool_call_update",
                "toolCallId": "call-1",
                "content": [{"type": "terminal", "terminalId": "t"}],
            },
        }


async def test_a_terminal_that_comes_too_late_is_given_back() -> None:
    async with paired() as (_, peer, other):
        late = anyio.Event()

        async def create(_params: Json) -> object:
            await late.wait()
            return {"terminalId": "t"}

        async def done(_params: Json) -> object:
            return {}

        other.stubborn = True
        other.handlers |= {"terminal/create": create, "terminal/kill": done, "terminal/release": done}
        with pytest.raises(PeerTimeout) as caught:
            await terminals.create(peer, "s-1", PROGRAM, 0.01)
        assert caught.value.peer_code == 0
        await other.hears("$/cancel_request")
        late.set()
        await other.hears("terminal/release")
        assert other.methods() == ["terminal/create", "$/cancel_request", "terminal/kill", "terminal/release"]
        assert other.params("terminal/release") == {"sessionId": "s-1", "terminalId": "t"}


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        ({"exitCode": 3}, (3, None)),
        ({"exitCode": None, "signal": "SIGKILL"}, (None, "SIGKILL")),
        ({"exitCode": True, "signal": 9}, (None, None)),
        ({}, (None, None)),
        (None, (None, None)),
    ],
)
async def test_how_a_command_ended(answer: object, known: tuple[int | None, str | None]) -> None:
    async with paired() as (_, peer, other):

        async def wait(_params: Json) -> object:
            return answer

        other.handlers["terminal/wait_for_exit"] = wait
        assert await terminals.Terminal(peer, "s-1", "t").wait() == known


if TYPE_CHECKING:
    from acp_agent.acp.editor import Editor

    def conforms(editor: Editor) -> Terminals:
        return editor
