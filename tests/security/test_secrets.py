"""Keys that turn up in a session: on the wire, in journals, logs and exports there is nothing of them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.support.phrases import PHRASES, call, on, script
from tests.support.session import new_session, reopen
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

OWN = "the-agents-own-key-4711"
"""Looks like nothing; only the settings say that it is a key."""
HELD = "hunter2-of-the-environment"
SHAPED = "ghp_" + "a1B2" * 9
KEY = "sk-proj-0123456789abcdefghijklmnop"
AGENT = "/run/the-agent.sock"
SECRETS = (OWN, HELD, SHAPED)
MARK = "[REDACTED]"
NOTICES: JsonObject = {"session": {"notices": {}}}


@pytest.fixture
async def client(launch: Launch, workbench: Workbench) -> Client:
    script = str(workbench.root / "script.json")
    workbench.configure(permission="yolo", environment={"pass": ["MY_*"]})
    settings = json.loads((workbench.config / "config.json").read_text(encoding="utf-8"))
    settings["providers"]["script"] = {"provider_type": "scripted", "script": script, "api_key": OWN}
    workbench.settle(settings)
    for name, secret in zip(("own", "held", "shaped"), SECRETS, strict=True):
        workbench.write(f"{name}.txt", f"before\n{secret}\nafter\n")
    env = workbench.environment(
        PLANTED_TOKEN=HELD, MY_NAME="is passed", MY_TOKEN=SHAPED, DATABASE_URL="x", ACP_AGENT_LOG="debug"
    )
    return await launch(NOTICES, env=env)


@pytest.fixture
async def session(client: Client, workbench: Workbench) -> Session:
    return await new_session(client, workbench.project)


def files_with(root: Path, secret: str) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def wire_with(client: Client, secret: str) -> list[JsonObject]:
    """What the agent has sent that holds it."""
    return [message for message in client.wire.messages if secret in json.dumps(message, ensure_ascii=False)]


def assert_nowhere(client: Client, workbench: Workbench) -> None:
    for secret in SECRETS:
        assert wire_with(client, secret) == []
        assert files_with(workbench.data, secret) == []
        assert files_with(workbench.home, secret) == []


def commands(name: str) -> Iterator[str]:
    yield f"cat {name}.txt"
    yield f"cat {name}.txt >&2"
    yield f"head -c 15 {name}.txt; sleep 0.2; tail -c +16 {name}.txt"
    yield f"tail -n +2 {name}.txt | fold -w 3 | while read -r part; do printf %s $part; sleep 0.02; done"
    yield f"cat {name}.txt; exit 3"
    yield f"seq 40000; cat {name}.txt; seq 40000"


@pytest.mark.parametrize("name", ["own", "held", "shaped"])
async def test_what_commands_print(client: Client, session: Session, workbench: Workbench, name: str) -> None:
    for command in commands(name):
        turn = await session.prompt(f"run {command}")
        assert turn.call.states[-1] in {"completed", "failed"}
    assert MARK in json.dumps(client.wire.messages)
    assert_nowhere(client, workbench)


async def test_keys_that_a_command_prints(workbench: Workbench, launch: Launch) -> None:
    """Neither the editor nor the journal nor the model gets to see them."""
    told = script(
        on("^go$", call("bash", command="cat leak.txt"), results=0),
        on("^go$", {"text": "It leaked."}, last_result=KEY),
    )
    workbench.configure(told)
    workbench.write("leak.txt", f"key={KEY}\nplain words\n")
    client = await launch(env=workbench.environment(OPENAI_API_KEY=KEY))
    session = await new_session(client, workbench.project)
    turn = await session.prompt("go")
    assert "plain words" in turn.call.text
    assert turn.text == "Done."
    assert not [line for line in client.wire.lines if KEY.encode() in line.raw]
    kept = [
        path
        for path in workbench.root.rglob("*")
        if path.is_file() and path.name not in {"leak.txt", "script.json"}
    ]
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]


async def test_what_tools_read_and_people_say(client: Client, session: Session, workbench: Workbench) -> None:
    for name, secret in zip(("own", "held", "shaped"), SECRETS, strict=True):
        await session.prompt(f"read {name}.txt")
        await session.prompt(f"search {secret[:6]}")
        await session.prompt(f"say look at @{name}.txt")
        assert (await session.prompt(f"say it is {secret}!")).text == f"it is {MARK}!"
        await session.prompt(f"nonsense {secret}")
    assert_nowhere(client, workbench)
    exported = await session.prompt("/export out.md")
    assert "Written" in exported.text
    await session.prompt("/export --json out.jsonl")
    for secret in SECRETS:
        assert secret not in workbench.read("out.md")
        assert secret not in workbench.read("out.jsonl")
    assert MARK in workbench.read("out.md")
    again = await reopen("session/load", client, session)
    assert "it is" in str(again.updates("agent_message_chunk"))
    assert_nowhere(client, workbench)


async def test_an_edit_is_shown_as_it_is_and_kept_without_secrets(
    client: Client, session: Session, workbench: Workbench
) -> None:
    turn = await session.prompt("edit shaped.txt before BEFORE")
    edit = turn.calls[1]
    assert edit.diff["newText"] == f"BEFORE\n{SHAPED}\nafter\n"
    assert workbench.read("shaped.txt") == f"BEFORE\n{SHAPED}\nafter\n"
    assert files_with(workbench.data, SHAPED) == []
    undone = await session.prompt("/undo")
    assert "`shaped.txt`: put back" in undone.text
    assert workbench.read("shaped.txt") == f"before\n{SHAPED}\nafter\n"
    (snapshots,) = (workbench.data / "snapshots").iterdir()
    assert snapshots.stat().st_mode & 0o077 == 0
    assert files_with(workbench.data, SHAPED) == []


async def test_what_commands_are_given(client: Client, session: Session, workbench: Workbench) -> None:
    turn = await session.prompt("run env")
    names = {line.partition("=")[0] for line in turn.call.text.splitlines()}
    assert {"PATH", "HOME", "LANG", "MY_NAME"} <= names
    assert not names & {"PLANTED_TOKEN", "MY_TOKEN", "DATABASE_URL", "ACP_AGENT_LOG", "ACP_AGENT_CONFIG_DIR"}
    doctor = await session.prompt("/doctor", within=60)
    assert "commands are not given MY\\_TOKEN, PLANTED\\_TOKEN" in doctor.text
    assert "can be read by others" in doctor.text
    assert_nowhere(client, workbench)


async def test_no_file_of_the_workspace_sets_variables(launch: Launch, workbench: Workbench) -> None:
    """A `.env` that would redirect the agent to settings, folders and keys of somebody else's."""
    evil = workbench.project / "evil"
    evil.mkdir()
    (evil / "config.json").write_text("{ broken", encoding="utf-8")
    lines = [
        f"ACP_AGENT_CONFIG_DIR={evil}", f"ACP_AGENT_DATA_DIR={evil}", "ACP_AGENT_PROVIDER=evil",
        "ACP_AGENT_MODEL=evil",
        f"XDG_CONFIG_HOME={evil}", f"XDG_DATA_HOME={evil}", f"HOME={evil}",
        "OPENAI_API_KEY=evil", "FROM_FILE=evil",
    ]  # fmt: skip
    for name in (".env", ".env.local", ".envrc", "evil/.env"):
        workbench.write(name, "\n".join(lines) + "\n")
    workbench.configure(PHRASES, permission="yolo", environment={"pass": ["FROM_FILE"]})
    client = await launch()
    session = await new_session(client, workbench.project)
    assert (await session.prompt("say hello")).text == "hello"
    turn = await session.prompt("run env")
    assert "evil" not in turn.call.text
    assert {path.name for path in evil.iterdir()} == {"config.json", ".env"}
    for command in (["config", "show"], ["sessions", "list"]):
        with anyio.fail_after(60):
            done = await anyio.run_process(
                [*agent_command(), *command], cwd=workbench.project, env=workbench.environment()
            )
        assert b"evil" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("git push", True),
        ("  git fetch origin", True),
        ('git commit -m "x"', True),
        ("git push; env", False),
        ("git push && env", False),
        ("git log | head", False),
        ("git push $REMOTE", False),
        ("git log > out", False),
        ("/usr/bin/git push", False),
        ("echo git", False),
        ("git commit -m 'a & b'", False),
    ],
)
async def test_the_agent_for_keys(workbench: Workbench, launch: Launch, command: str, kept: bool) -> None:
    """Only one plain git command is told of it."""
    programs = workbench.root / "bin"
    programs.mkdir()
    seen = workbench.root / "seen"
    for name in ("git", "env", "head", "echo"):
        stub = programs / name
        stub.write_text(f'#!/bin/sh\nprintf "<%s>" "$SSH_AUTH_SOCK" >> {seen}\n', encoding="utf-8")
        stub.chmod(0o755)
    told = script(on("^go$", call("bash", command=command), results=0))
    workbench.configure(told, permission="yolo")
    path = f"{programs}:{os.environ['PATH']}"
    client = await launch(env=workbench.environment(PATH=path, SSH_AUTH_SOCK=AGENT))
    session = await new_session(client, workbench.project)
    await session.prompt("go")
    text = seen.read_text(encoding="utf-8") if seen.exists() else ""
    assert (AGENT in text) is kept
