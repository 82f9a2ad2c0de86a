"""Clients of one agent in this process: several connections, as a server has them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import anyio

from acp_agent.acp.connection import Connection
from acp_agent.acp.initialize import client_of
from acp_agent.assembly.agent import Agent
from acp_agent.config.load import Overrides
from tests.support.wire import WAIT_S, JsonObject

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from anyio.abc import TaskGroup

    from tests.support.workbench import Workbench


class Caller:
    """One client's end, and the rpc.peer.Channel of the agent's."""

    def __init__(self) -> None:
        self.messages: list[JsonObject] = []
        """What the agent has sent."""
        self.behind = False
        """It reads too slowly; see `catch_up`."""
        self._ids = count(1)
        self._lines: list[bytes] = []
        self._hung_up = False
        self._news = anyio.Event()

    # The agent's end ---------------------------------------------------------------------

    def send(self, line: bytes) -> None:
        self.messages.append(json.loads(line))
        self._wake()

    async def drain(self) -> None:
        while self.behind:
            await self._news.wait()

    async def receive(self) -> list[bytes]:
        while not self._lines and not self._hung_up:
            await self._news.wait()
        lines, self._lines = self._lines, []
        return lines

    # The client's end --------------------------------------------------------------------

    def hang_up(self) -> None:
        """The line is cut."""
        self._hung_up = True
        self._wake()

    def catch_up(self) -> None:
        """It is not behind any more."""
        self.behind = False
        self._wake()

    def notify(self, method: str, **params: object) -> None:
        self._write({"method": method, "params": params})

    def post(self, method: str, **params: object) -> int:
        """Sends a request; the id to wait for."""
        request_id = next(self._ids)
        self._write({"id": request_id, "method": method, "params": params})
        return request_id

    async def ask(self, method: str, **params: object) -> Any:
        """The result of a request."""
        request_id = self.post(method, **params)
        return (await self.answer(request_id))["result"]

    async def answer(self, request_id: int) -> JsonObject:
        return await self.until(lambda m: m.get("id") == request_id and "method" not in m)

    def reply(self, request: JsonObject, result: object) -> None:
        self._write({"id": request["id"], "result": result})

    async def asked(self, method: str) -> JsonObject:
        """The first request or notification of that method."""
        return await self.until(lambda message: message.get("method") == method)

    async def saw(self, kind: str) -> JsonObject:
        """The first update of that kind."""
        message = await self.until(
            lambda m: m.get("method") == "session/update" and m["params"]["update"]["sessionUpdate"] == kind
        )
        return message["params"]["update"]

    def updates(self, kind: str) -> list[JsonObject]:
        updates = [m["params"]["update"] for m in self.messages if m.get("method") == "session/update"]
        return [update for update in updates if update["sessionUpdate"] == kind]

    async def until(self, wanted: Callable[[JsonObject], bool]) -> JsonObject:
        with anyio.fail_after(WAIT_S):
            while True:
                for message in self.messages:
                    if wanted(message):
                        return message
                await self._news.wait()

    def _write(self, message: JsonObject) -> None:
        self._lines.append(json.dumps({"jsonrpc": "2.0", **message}).encode())
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = anyio.Event()


class Switchboard:
    """Where clients call in."""

    def __init__(self, agent: Agent, tasks: TaskGroup) -> None:
        self.agent = agent
        self._tasks = tasks

    def call(self, **capabilities: object) -> Caller:
        """A client that has shaken hands."""
        caller = Caller()
        client = client_of({"clientCapabilities": capabilities})
        nothing: list[bytes] = []
        self._tasks.start_soon(Connection(self.agent, client, caller, keep=True).serve, nothing)
        return caller


@asynccontextmanager
async def switchboard(workbench: Workbench, keep_s: float) -> AsyncGenerator[Switchboard]:
    """An agent that keeps sessions of lost connections for `keep_s` seconds."""
    agent = Agent(workbench.environment(), Overrides(), keep_s)
    async with agent, anyio.create_task_group() as tasks:
        yield Switchboard(agent, tasks)
        tasks.cancel_scope.cancel()
