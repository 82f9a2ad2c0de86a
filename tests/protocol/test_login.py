"""Logging in through a client: what it starts, how that ends, and when it counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.support.chat_server import says
from tests.support.http_server import http_server
from tests.support.network import TOKEN, calling
from tests.support.session import new_session, opening
from tests.support.terminal import on_terminal
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.http_server import HttpServer
    from tests.support.network import Serve
    from tests.support.workbench import Workbench

AUTH_REQUIRED = -32000
WAIT_S = 30
ZED = {"auth": {"terminal": True}, "_meta": {"terminal-auth": True}}
KEY = "sk-typed-by-a-person"


def settle(workbench: Workbench, server: HttpServer | None = None) -> None:
    """A service that takes keys, and nobody has given one."""
    url = f"{server.url}/v1" if server else None
    entry = {
        "provider_type": "openai",
        "model": "m",
        "account": "default",
        **({"base_url": url} if url else {}),
    }
    workbench.settle({"provider": "mine", "providers": {"mine": entry}})


def commands(client: Client) -> list[tuple[list[str], dict[str, str]]]:
    """The programs that a client may start for its login: by the protocol, and by the older extension."""
    _, login = client.introduced["authMethods"]
    older: Any = login["_meta"]["terminal-auth"]
    return [
        ([*agent_command(), *login["args"]], login["env"]),
        ([*agent_command(), "serve", *login["args"]], login["env"]),
        ([older["command"], *older["args"]], older["env"]),
    ]


@pytest.mark.requirement("login.exits")
@pytest.mark.requirement("login.counts-at-once")
@pytest.mark.requirement("login.same-place")
@pytest.mark.parametrize("which", [0, 1, 2])
async def test_a_person_logs_in_and_goes_on(workbench: Workbench, launch: Launch, which: int) -> None:
    """In the terminal there is nothing of the environment that only the agent was given."""
    async with http_server(says("hi")) as server:
        settle(workbench, server)
        client = await launch(ZED)
        refused = (await client.ask("session/new", opening(workbench.project))).error
        assert refused["code"] == AUTH_REQUIRED
        command, env = commands(client)[which]
        terminal = {"PATH": os.environ["PATH"], "HOME": str(workbench.home), "TERM": "xterm", **env}
        async with on_terminal(command, cwd=workbench.project, env=terminal) as person:
            await person.sees("Which service")
            person.type("mine\n")
            await person.sees("Key for mine: ")
            person.type(f"{KEY}\n")
            await person.sees("Stored account default of mine")
            assert await person.ended() == 0
            assert KEY not in person.text
        method = client.introduced["authMethods"][0]["id"]
        assert (await client.ask("authenticate", {"methodId": method})).result == {}
        session = await new_session(client, workbench.project)
        assert (await session.prompt("hi")).text == "hi"
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert (await client.ask("auth/status", {})).result["state"] == "authenticated"
    assert KEY.encode() not in b"".join(line.raw for line in client.wire.lines)


@pytest.mark.requirement("login.exits")
@pytest.mark.parametrize(
    ("talk", "said"),
    [
        ([("Which service", "nobody\nnobody\nnobody\n")], "No service was chosen"),
        ([("Which service", "mine\n"), ("Key for mine: ", "\n")], "No key was given"),
        ([("Which service", "mine\n"), ("Key for mine: ", "schl\u00fcssel\n")], "characters that no key has"),
    ],
)
async def test_a_login_that_fails(workbench: Workbench, talk: list[tuple[str, str]], said: str) -> None:
    settle(workbench)
    command = [*agent_command(), "auth", "login"]
    async with on_terminal(command, cwd=workbench.project, env=workbench.environment()) as person:
        for seen, text in talk:
            await person.sees(seen)
            person.type(text)
        await person.sees(said)
        assert await person.ended() != 0
    assert not (workbench.config / "auth.json").exists()


@pytest.mark.requirement("login.exits")
def test_nobody_is_there_to_log_in(workbench: Workbench) -> None:
    done = subprocess.run(
        [*agent_command(), "auth", "login"],
        env=workbench.environment(),
        cwd=workbench.project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 2
    assert "docs/accounts.md" in done.stderr


@pytest.mark.requirement("login.counts-at-once")
async def test_a_logout_in_a_terminal_counts_too(workbench: Workbench, launch: Launch) -> None:
    settle(workbench)
    await run(workbench, ["auth", "set-key", "mine"], KEY)
    client = await launch()
    await new_session(client, workbench.project)
    await run(workbench, ["auth", "logout", "mine"])
    refused = (await client.ask("session/new", opening(workbench.project))).error
    assert refused["code"] == AUTH_REQUIRED
    assert "mine" in refused["message"]


@pytest.mark.requirement("login.same-place")
async def test_a_client_is_told_where_accounts_are_kept(workbench: Workbench, launch: Launch) -> None:
    file = workbench.root / "elsewhere" / "mine.json"
    client = await launch(ZED, env=workbench.environment(ACP_AGENT_AUTH_FILE=str(file)))
    for _, env in commands(client):
        assert env["ACP_AGENT_AUTH_FILE"] == str(file)
        assert "PATH" not in env
    settle(workbench)
    command, env = commands(client)[0]
    async with on_terminal([*command, "mine"], cwd=workbench.project, env={**os.environ, **env}) as person:
        await person.sees("Key for mine: ")
        person.type(f"{KEY}\n")
        assert await person.ended() == 0
    stored = json.loads(file.read_text(encoding="utf-8"))
    assert stored["providers"]["mine"]["accounts"]["default"]["api_key"] == KEY


@pytest.mark.requirement("initialize.terminal-auth")
async def test_a_client_elsewhere_is_offered_no_terminal(serve: Serve) -> None:
    """It would log in on its own machine."""
    server = await serve("--tcp", "127.0.0.1:0", ACP_AGENT_TOKEN=TOKEN)
    meta = {"acp-agent/token": TOKEN, "acp-agent/shared-files": True}
    async with calling(server.address("tcp")) as caller:
        params = {"protocolVersion": 1, "clientCapabilities": ZED, "_meta": meta}
        answer = await caller.ask(0, "initialize", params)
    assert [method["id"] for method in answer["result"]["authMethods"]] == ["configured-model"]


async def run(workbench: Workbench, arguments: list[str], text: str = "") -> str:
    with anyio.fail_after(WAIT_S):
        done = await anyio.run_process(
            [*agent_command(), *arguments],
            input=text.encode(),
            env=workbench.environment(),
            cwd=workbench.project,
            stderr=sys.stderr,
        )
    return done.stdout.decode()
