"""The client's end of the connection, against a channel that the test holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.cli.client import agent as module
from acp_agent.cli.client.agent import Agent, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import TaskGroup

    from acp_agent.acp.params import Json

WAIT_S = 5.0


class Channel:
    """The agent's end: what was sent, and what is to be received."""

    def __init__(self) -> None:
        self.sent: list[Json] = []
        self._news = anyio.Event()
        self._lines: list[bytes] = []
        self._ended = False

    def send(self, line: bytes) -> None:
        self.sent.append(json.loads(line))

    async def drain(self) -> None:
        pass

    async def receive(self) -> list[bytes]:
        while not self._lines and not self._ended:
            await self._news.wait()
        lines, self._lines = self._lines, []
        return lines

    def deliver(self, *messages: Json) -> None:
        self._lines += [json.dumps({"jsonrpc": "2.0", **message}).encode() for message in messages]
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = anyio.Event()


class Person:
    """Sees everything and answers nothing."""

    def __init__(self) -> None:
        self.seen: list[Json] = []

    def show(self, update: Json) -> None:
        self.seen.append(update)

    async def ask(self, tool_call: Json, options: list[Json]) -> tuple[str | None, str]:
        del tool_call, options
        await anyio.sleep_forever()
        raise AssertionError


class Line:
    """An agent's two ends, with an open session."""

    def __init__(self, tasks: TaskGroup) -> None:
        self.channel = Channel()
        self.person = Person()
        self.agent = Agent(self.channel, Path("/project"), self.person, self.person)
        tasks.start_soon(self.agent.serve)
        self.tasks = tasks

    async def open(self, *early: Json) -> None:
        """Opens the session; `early` comes in one go with the answer."""
        self.tasks.start_soon(self.agent.open_session)
        await anyio.wait_all_tasks_blocked()
        self.channel.deliver({"id": self.channel.sent[-1]["id"], "result": {"sessionId": "s"}}, *early)
        await anyio.wait_all_tasks_blocked()


def update(session_id: str, text: str) -> Json:
    return {"method": "session/update", "params": {"sessionId": session_id, "update": {"text": text}}}


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            yield Line(tasks)
            tasks.cancel_scope.cancel()


async def test_updates_right_behind_the_answer_are_seen(line: Line) -> None:
    await line.open(update("s", "mine"), update("other", "not mine"))
    assert line.person.seen == [{"text": "mine"}]
    line.channel.deliver(update("s", "later"), update("other", "not mine"))
    await anyio.wait_all_tasks_blocked()
    assert line.person.seen == [{"text": "mine"}, {"text": "later"}]


async def test_an_agent_that_does_not_heed_a_cancel_is_given_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANCEL_LIMIT_S", 0.01)
    await line.open()
    async with anyio.create_task_group() as tasks:

        async def prompt() -> None:
            with pytest.raises(Trouble, match="has not ended the turn"):
                await line.agent.prompt("hello")

        tasks.start_soon(prompt)
        await anyio.wait_all_tasks_blocked()
        line.agent.cancel()
    methods = [message["method"] for message in line.channel.sent]
    assert methods == ["session/new", "session/prompt", "session/cancel", "$/cancel_request"]
    assert not line.agent.busy


async def test_a_cancel_answers_the_questions_of_the_turn_and_those_to_come(line: Line) -> None:
    await line.open()
    line.tasks.start_soon(line.agent.prompt, "hello")
    await anyio.wait_all_tasks_blocked()
    request: Json = {"method": "session/request_permission", "params": {"sessionId": "s", "options": [{}]}}
    line.channel.deliver({"id": "q1", **request})
    await anyio.wait_all_tasks_blocked()
    line.agent.cancel()
    line.channel.deliver({"id": "q2", **request})
    await anyio.wait_all_tasks_blocked()
    outcome = {"outcome": {"outcome": "cancelled"}}
    answers = {message["id"]: message["result"] for message in line.channel.sent if "result" in message}
    assert answers == {"q1": outcome, "q2": outcome}
    line.channel.deliver({"id": 2, "result": {"stopReason": "cancelled"}})
    await anyio.wait_all_tasks_blocked()
    assert not line.agent.busy


async def test_unknown_methods_are_refused(line: Line) -> None:
    line.channel.deliver({"id": 9, "method": "terminal/create", "params": {}})
    await anyio.wait_all_tasks_blocked()
    (answer,) = line.channel.sent
    assert answer["id"] == 9
    assert "There is no method terminal/create." in str(answer["error"])


async def test_the_end_of_the_stream_ends_what_waits(line: Line) -> None:
    await line.open()
    async with anyio.create_task_group() as tasks:

        async def prompt() -> None:
            with pytest.raises(Trouble, match="The agent has ended"):
                await line.agent.prompt("hello")

        tasks.start_soon(prompt)
        await anyio.wait_all_tasks_blocked()
        line.channel.end()
    assert line.agent.gone.is_set()
