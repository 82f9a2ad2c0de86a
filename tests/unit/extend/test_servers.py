"""Servers of a session, good and bad: real programs, spoken to with the real library."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import anyio
import pytest

from acp_adapters.mcp.connecting import connect
from acp_agent.errors import NotFound, ToolError
from acp_agent.extend import server as server_module
from acp_agent.extend.servers import (
    Elicitation,
    Host,
    RemoteServer,
    Reply,
    StdioServer,
    Times,
    UnusableServer,
    label,
)
from acp_agent.extend.tool_servers import ToolServers
from acp_agent.tools.mcp import MOST_TOOLS, NAME_CHARACTERS, ServerTools
from tests.support.processes import alive, assert_all_gone
from tests.support.tool_servers import ODD_SERVER, SERVER, START_S, listening

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from acp_agent.extend.server import Server
    from acp_agent.extend.servers import ServerSpec


def real(name: str = "tests", **env: str) -> StdioServer:
    return StdioServer(name, sys.executable, (SERVER,), env)


def odd(how: str, *args: str, name: str = "odd") -> StdioServer:
    return StdioServer(name, sys.executable, (ODD_SERVER, how, *args))


class Session:
    """The servers of a session, and what a person was told of them."""

    def __init__(self, host: Host, specs: tuple[ServerSpec, ...]) -> None:
        self.told: list[str] = []
        self.servers = ToolServers(specs, connect, host, self.told.append)
        self.source = ServerTools(self.servers, self.told.append)

    @property
    def only(self) -> Server:
        (server,) = self.servers.servers
        return server

    @property
    def names(self) -> list[str]:
        """Of the tools, as the model is told."""
        return [tool.spec.name for tool in self.source.tools()]

    async def call(self, tool: str, **arguments: object) -> str:
        outcome = await self.only.call(tool, arguments, lambda _: None)
        assert not outcome.failed, outcome
        return outcome.text


@asynccontextmanager
async def session(cwd: Path, *specs: ServerSpec, host: Host | None = None) -> AsyncGenerator[Session]:
    """Servers that have all answered."""
    opened = Session(host or Host((cwd,)), specs)
    with anyio.fail_after(START_S * 2):
        async with opened.servers:
            for server in opened.servers.servers:
                await server.answered()
            yield opened
    await assert_all_gone(cwd)


# What a server can do ---------------------------------------------------------------------------


async def test_content_of_every_kind(tmp_path: Path) -> None:
    async with session(tmp_path, real()) as opened:
        mixed = await opened.only.call("mixed", {}, lambda _: None)
        assert mixed.text == "some text\naway: file:///far/away.txt (text/plain)\nmemo://one\nthe memo"
        (image,) = mixed.images
        assert image.mime_type == "image/png"
        assert await opened.call("structured") == '{\n "answer": 42\n}'
        assert await opened.call("folders") == tmp_path.as_uri()
        failed = await opened.only.call("fail", {}, lambda _: None)
        assert failed.failed


async def test_new_tools_are_noticed(tmp_path: Path) -> None:
    async with session(tmp_path, real()) as opened:
        assert "mcp__tests__added" not in opened.names
        await opened.call("grow")
        while "mcp__tests__added" not in opened.names:  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(0.01)
        assert await opened.call("added") == "added and called"


async def test_progress_prolongs_a_call(tmp_path: Path) -> None:
    seen: list[str] = []
    async with session(tmp_path, real(), host=Host((tmp_path,), Times(START_S, 1.0))) as opened:
        outcome = await opened.only.call("slow", {"steps": 8, "step_s": 0.2}, seen.append)
        assert outcome.text == "slow and done"
        assert seen[0] == "working (1 of 8)"
        with pytest.raises(ToolError, match="slow was given up after 1 s without an answer or progress"):
            await opened.only.call("slow", {"steps": 1, "step_s": 30}, seen.append)
        assert await opened.call("echo", text="on") == "echo: on"


async def test_questions_to_the_person(tmp_path: Path) -> None:
    asked: list[Elicitation] = []

    async def ask(question: Elicitation) -> Reply:
        asked.append(question)
        await anyio.sleep(1.5)  # longer than a call may take: a person is not hurried
        return Reply("accept", {"colour": "blue"}) if len(asked) == 1 else Reply("decline")

    async with session(tmp_path, real(), host=Host((tmp_path,), Times(START_S, 1.0), ask)) as opened:
        assert await opened.call("ask") == "accept blue"
        assert (await opened.call("ask")).strip() == "decline"
    question = asked[0]
    assert (question.server, question.message) == ("tests", "Which colour?")
    assert "colour" in str(question.schema["properties"])


async def test_without_anybody_to_ask_servers_are_told_so(tmp_path: Path) -> None:
    async with session(tmp_path, real()) as opened:
        with pytest.raises(ToolError, match="Elicitation not supported"):
            await opened.call("ask")


async def test_servers_that_know_only_the_newest_protocol(tmp_path: Path) -> None:
    async with session(tmp_path, odd("modern")) as opened:
        assert await opened.call("odd") == "odd enough"


# What goes wrong -----------------------------------------------------------------------------------


async def test_a_server_that_keeps_ending_is_given_up(tmp_path: Path) -> None:
    async with session(tmp_path, real()) as opened:
        for _ in range(server_module.ATTEMPTS):
            with pytest.raises(ToolError, match="lost during the call: it was killed by SIGKILL"):
                await opened.call("die")
        with pytest.raises(ToolError, match="It will not be started again; do without it"):
            await opened.call("echo", text="x")
        assert opened.names == []
        assert opened.only.status().state == "failed"
        assert opened.told == ["MCP server tests is not available: it was killed by SIGKILL: a last word"]
        opened.servers.retry("tests")
        assert "echo: x" in await opened.call("echo", text="x")
        with pytest.raises(NotFound, match=r"There is no MCP server 'other'. There are: tests"):
            opened.servers.retry("other")


async def test_a_server_that_cannot_start_yet(tmp_path: Path) -> None:
    async with session(tmp_path, odd("once", str(tmp_path / "mark"))) as opened:
        assert opened.only.status().state == "failed"
        assert opened.told == ["MCP server odd is not available: it ended with status 1: not yet"]
        opened.servers.retry("odd")
        while opened.only.status().state != "ready":  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(0.01)
        assert await opened.call("odd") == "odd enough"


async def test_a_server_that_ends_between_calls(tmp_path: Path) -> None:
    async with session(tmp_path, odd("plain")) as opened:
        (pid,) = [pid for pid, command in alive(tmp_path).items() if "odd_mcp_server" in command]
        kill = await anyio.run_process(["kill", "-9", str(pid)])
        assert kill.returncode == 0
        while opened.only.status().state == "ready":  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(0.01)
        status = opened.only.status()
        assert (status.state, status.reason) == ("stopped", "it was killed by SIGKILL")
        assert opened.names == ["mcp__odd__odd"]
        assert (await opened.call("odd")).endswith("started again; what it remembered is lost.)\nodd enough")


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("endless", "it sent a message of more than 16 MiB"),
        ("malformed", "it does not keep to the protocol"),
    ],
)
async def test_answers_that_are_none(tmp_path: Path, how: str, what: str) -> None:
    async with session(tmp_path, odd(how)) as opened:
        with pytest.raises(ToolError, match=what):
            await opened.call("odd")


async def test_a_list_of_tools_that_never_rests(tmp_path: Path) -> None:
    async with session(tmp_path, odd("restless")) as opened:
        for _ in range(3):
            assert await opened.call("odd") == "odd enough"


async def test_many_calls_at_once_while_a_server_dies(tmp_path: Path) -> None:
    ends: list[str] = []

    async def one(opened: Session, tool: str) -> None:
        try:
            ends.append((await opened.call(tool, text="x")).partition(")\n")[2] or "at once")
        except ToolError as error:
            assert "lost during the call" in str(error)
            ends.append("lost")

    async with session(tmp_path, real()) as opened:
        async with anyio.create_task_group() as tasks:
            for tool in ("echo", "die", *["echo"] * 20):
                tasks.start_soon(one, opened, tool)
        assert len(ends) == 22
        assert "lost" in ends
        assert "echo: x" in await opened.call("echo", text="x")


async def test_leaving_ends_what_will_not_go(tmp_path: Path) -> None:
    """Within a bound, also when a server has not even answered."""
    opened = Session(Host((tmp_path,)), (odd("mute", name="a"), odd("unlisted", name="b"), real("c")))
    with anyio.fail_after(START_S):
        async with opened.servers:
            await opened.servers.servers[2].answered()
            start = anyio.current_time()
    assert anyio.current_time() - start < 5.0
    await assert_all_gone(tmp_path)


def far(url: str, kind: Literal["http", "sse"] = "http") -> RemoteServer:
    return RemoteServer("tests", kind, url)


@pytest.mark.parametrize("kind", ["http", "sse"])
async def test_an_address_that_goes_away_and_comes_back(tmp_path: Path, kind: Literal["http", "sse"]) -> None:
    async with AsyncExitStack() as stack:
        async with listening(kind) as url:
            opened = await stack.enter_async_context(session(tmp_path, far(url, kind)))
            assert await opened.call("echo", text="a") == "echo: a"
        with pytest.raises(ToolError, match=r"MCP server tests (was lost|is not available)"):
            await opened.call("echo", text="b")
        async with listening(kind, port=urlsplit(url).port or 0):
            assert (await opened.call("echo", text="c")).endswith(
                "started again; what it remembered is lost.)\necho: c"
            )


async def test_a_session_that_the_server_has_forgotten(tmp_path: Path) -> None:
    """The call has not been done, so it is sent again."""
    async with AsyncExitStack() as stack:
        async with listening("http") as url:
            opened = await stack.enter_async_context(session(tmp_path, far(url)))
            assert await opened.call("echo", text="a") == "echo: a"
        async with listening("http", port=urlsplit(url).port or 0):
            assert (await opened.call("echo", text="c")).endswith("\necho: c")


# Names -------------------------------------------------------------------------------------------------


async def test_names_that_services_accept(tmp_path: Path) -> None:
    tools = '["read.file", "read_file", "read file", "bad\\u0007name", "", "' + "long" * 30 + '"]'
    async with session(tmp_path, odd("named", tools, name="my files/é*")) as opened:
        assert opened.only.name == "my_files_é_"
        assert len(opened.names) == len(set(opened.names)) == 4
        assert "mcp__my_files_____read_file" in opened.names
        for tool in opened.source.tools():
            name = tool.spec.name
            assert name.isascii()
            assert name.replace("_", "").replace("-", "").isalnum()
            assert len(name) <= NAME_CHARACTERS
        resources = [tool.bind({}).claims()[0].resource for tool in opened.source.tools()]
        assert resources[1:] == [
            "my_files_é_/read file",
            "my_files_é_/read.file",
            "my_files_é_/read_file",
        ]


async def test_two_servers_with_the_same_tools(tmp_path: Path) -> None:
    async with session(
        tmp_path, odd("plain", name="a"), odd("plain", name="b"), odd("plain", name="a")
    ) as opened:
        assert opened.names == ["mcp__a__odd", "mcp__b__odd"]
        assert [each.state for each in opened.servers.status()] == ["ready", "ready", "failed"]
        assert "another server of this name" in opened.told[0]


async def test_more_tools_than_models_take(tmp_path: Path) -> None:
    tools = str([f"tool{n}" for n in range(MOST_TOOLS + 5)]).replace("'", '"')
    async with session(tmp_path, odd("named", tools)) as opened:
        assert len(opened.names) == MOST_TOOLS
        assert opened.source.tools() is opened.source.tools()
        (told,) = opened.told
        assert "105 tools" in told


async def test_what_cannot_be_used_is_listed(tmp_path: Path) -> None:
    async with session(tmp_path, UnusableServer("x", "no good")) as opened:
        (status,) = opened.servers.status()
        assert (status.state, status.reason, status.tools) == ("failed", "no good", ())


def test_labels() -> None:
    assert [label(name) for name in ("a/b c", "", "x" * 100, "a.b-c_d", "*")] == [
        "a_b_c",
        "_",
        "x" * 64,
        "a.b-c_d",
        "_",
    ]


def test_secrets_are_not_in_the_log() -> None:
    shown = repr(StdioServer("a", "run", ("--key=hunter2",), {"K": "hunter2"}))
    assert "hunter2" not in shown
