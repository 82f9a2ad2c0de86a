"""Many sessions at once, and many bad lines: nothing is lost, mixed up, or ends the connection."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.acp.connection import Connection
from acp_agent.acp.initialize import Client as ClientInfo
from acp_agent.assembly.agent import Agent
from acp_agent.config.load import Overrides
from acp_agent.rpc.framing import LineBuffer
from tests.support.session import chunks, new_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.client import Client
    from tests.support.session import Session
    from tests.support.workbench import Workbench

CROWD = 50
WORDS = " ".join(f"word-{number}" for number in range(300))
IDLE_BYTES = 1 << 20
"""What an idle session may cost."""


@pytest.mark.requirement("prompt.concurrent-sessions")
@pytest.mark.requirement("prompt.coalesced")
async def test_a_crowd_of_streaming_sessions(client: Client, workbench: Workbench) -> None:
    """Fifty at once: every update in its own session, in order, none lost, the answer last."""
    before = memory_of(client.wire.process.pid)
    sessions = [await new_session(client, workbench.project) for _ in range(CROWD)]
    cost = memory_of(client.wire.process.pid) - before
    assert cost < CROWD * IDLE_BYTES, f"{cost / CROWD / 1024:.0f} KiB a session"

    async def stream(session: Session, number: int) -> None:
        turn = await session.prompt(f"say {number} {WORDS}", within=60)
        assert turn.text == f"{number} {WORDS}"
        assert turn.stop_reason == "end_turn"
        assert session.updates(start=turn.reply.at) == []

    async with anyio.create_task_group() as tasks:
        for number, session in enumerate(sessions):
            tasks.start_soon(stream, session, number)
    assert all(chunks(each.updates(), "agent_message_chunk").endswith(WORDS) for each in sessions)


@pytest.mark.requirement("prompt.queue")
async def test_a_crowd_of_prompts(session: Session) -> None:
    """Fifty in one session: one after the other, in the order they were sent."""
    prompts = [await session.start(f"say {number}.") for number in range(CROWD)]
    turns = [await prompt.end(within=60) for prompt in prompts]
    assert all(before.reply.at < after.reply.at for before, after in pairwise(turns))
    said = chunks(session.updates(), "agent_message_chunk")
    assert said == "".join(f"{number}." for number in range(CROWD))


def memory_of(pid: int) -> int:
    """Bytes of a process's own memory."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return sum(
        int(line.split()[1]) * 1024
        for line in rollup.splitlines()
        if line.startswith(("Private_Clean", "Private_Dirty"))
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
METHODS = st.sampled_from(
    [
        *("initialize", "authenticate", "logout", "session/new", "session/load", "session/resume"),
        *("session/fork", "session/list", "session/close", "session/delete", "session/archive"),
        *("session/status", "session/set_title", "session/set_mode", "session/set_config_option"),
        *("session/prompt", "session/cancel", "providers/list", "providers/set", "providers/disable"),
        *("auth/status", "$/cancel_request", "_x", "nope", ""),
    ]
)
PARAMS = st.dictionaries(
    st.sampled_from(
        [
            *("sessionId", "cwd", "mcpServers", "prompt", "modeId", "configId", "value", "cursor", "title"),
            *("additionalDirectories", "archived", "providerId", "apiType", "baseUrl", "_meta", "requestId"),
        ]
    ),
    JSON,
    max_size=5,
)
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | JSON, "method": METHODS | JSON, "params": PARAMS | JSON},
    optional={"id": st.integers() | st.text(max_size=3) | JSON, "result": JSON, "error": JSON},
).map(lambda message: json.dumps(message).encode())
DAMAGED = st.tuples(MESSAGES, st.integers(0, 60), st.binary(max_size=6)).map(
    lambda given: given[0][: given[1]] + given[2] + given[0][given[1] :]
)
LINES = st.lists(MESSAGES | DAMAGED | st.binary(max_size=40) | JSON.map(lambda v: json.dumps(v).encode()))


class Pipe:
    """rpc.peer.Channel between a test and a connection."""

    def __init__(self, lines: list[bytes]) -> None:
        self.sent: list[bytes] = []
        self._lines = lines
        self._answered = anyio.Event()

    def send(self, line: bytes) -> None:
        self.sent.append(line)
        if json.loads(line).get("id") == "last":
            self._answered.set()

    async def drain(self) -> None: ...

    async def receive(self) -> list[bytes]:
        """All the lines, then the end once the last of them has been answered."""
        lines, self._lines = self._lines, []
        if not lines:
            with anyio.fail_after(10):
                await self._answered.wait()
        return lines


@pytest.mark.requirement("rpc.parse-error")
@pytest.mark.requirement("rpc.not-an-object")
@pytest.mark.requirement("rpc.unrecognised-object")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES)
def test_any_lines(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    """Whatever comes, the connection lives, every line out is a message, and a good request is answered."""
    home = tmp_path_factory.mktemp("fuzz")
    env = {"ACP_AGENT_DATA_DIR": str(home), "ACP_AGENT_CONFIG_DIR": str(home), "HOME": str(home)}
    good = b'{"jsonrpc":"2.0","id":"last","method":"session/list","params":{}}'
    framed = LineBuffer().feed(b"\n".join([*lines, good, b""]))

    async def serve() -> list[bytes]:
        pipe = Pipe(framed)
        async with Agent(env, Overrides()) as agent:
            await Connection(agent, ClientInfo(), pipe).serve([])
        return pipe.sent

    run: Callable[..., list[bytes]] = anyio.run
    messages = [json.loads(line) for line in run(serve)]
    assert all(line["jsonrpc"] == "2.0" for line in messages)
    (last,) = [line for line in messages if line.get("id") == "last"]
    assert last["result"]["sessions"] == []
