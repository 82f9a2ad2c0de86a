"""Commands in the client's own terminals: created, waited for, always released."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.support.client import METHOD_NOT_FOUND, always, refuse, silent
from tests.support.phrases import call, script, tool
from tests.support.processes import assert_all_gone
from tests.support.session import new_session
from tests.support.terminals import OFFERED, ZED, Terminals, used
from tests.support.wire import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.conftest import Launch
    from tests.support.client import Client, Handler
    from tests.support.session import Prompt, Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

    Ending = Callable[[Client], Awaitable[None]]

CREATE, WAIT, OUTPUT = "terminal/create", "terminal/wait_for_exit", "terminal/output"
KILL, RELEASE = "terminal/kill", "terminal/release"
WHOLE = [CREATE, WAIT, OUTPUT, RELEASE]
SLEEP = "sleep 4714"
CANCEL_S = 2.0


@pytest.fixture
async def client(launch: Launch) -> Client:
    return await launch(OFFERED)


@pytest.fixture
def terminals(client: Client) -> Terminals:
    return Terminals(client)


def shows(update: JsonObject) -> list[str]:
    """The terminals in an update's content."""
    return [item["terminalId"] for item in update.get("content", []) if item["type"] == "terminal"]


def journal(workbench: Workbench) -> str:
    (path,) = (workbench.data / "sessions").glob("*.jsonl")
    return path.read_text(encoding="utf-8")


@pytest.mark.requirement("terminals.lifecycle")
async def test_a_command_runs_in_a_terminal(
    workbench: Workbench, session: Session, terminals: Terminals
) -> None:
    turn = await session.prompt("run pwd; cat b.txt; exit 3")
    created = (await session.client.asked(CREATE))["params"]
    assert created["command"].endswith("bash")
    assert (created["args"], created["cwd"]) == (["-c", "pwd; cat b.txt; exit 3"], str(session.cwd))
    assert used(session.client) == WHOLE
    assert terminals.open == {}
    states = turn.call.states
    assert states == ["pending", "in_progress", "failed"]
    assert turn.call.now["content"] == [{"type": "terminal", "terminalId": "terminal-1"}]
    raw = turn.call.now["rawOutput"]
    assert (raw["output"], raw["exit_code"]) == (f"{session.cwd}\none\ntwo\n", 3)


@pytest.mark.requirement("terminals.lifecycle")
async def test_the_terminal_is_shown_while_the_command_runs(session: Session, terminals: Terminals) -> None:
    gate = session.cwd / "gate"
    os.mkfifo(gate)
    prompt = await session.start("run cat gate")
    update = await session.saw(
        "tool_call_update", start=prompt.start, content=[{"type": "terminal", "terminalId": "terminal-1"}]
    )
    assert list(terminals.open) == shows(update)
    with anyio.fail_after(WAIT_S):
        await anyio.Path(gate).write_text("through\n", encoding="utf-8")
    assert (await prompt.end()).call.now["rawOutput"]["output"] == "through\n"


@pytest.mark.requirement("terminals.lifecycle")
async def test_no_terminal_in_the_record(
    workbench: Workbench, session: Session, terminals: Terminals
) -> None:
    await session.prompt("run cat b.txt")
    assert terminals.created == 1
    kept = journal(workbench)
    assert "terminal-1" not in kept
    (finished,) = [
        record for record in map(json.loads, kept.splitlines()) if record["type"] == "ToolCallFinished"
    ]
    assert finished["output"] == "one\ntwo\nexit code 0"
    assert finished["content"][0]["output"] == "one\ntwo"


@pytest.mark.requirement("terminals.lifecycle")
async def test_killed_by_a_signal(session: Session, terminals: Terminals) -> None:
    turn = await session.prompt("run kill -TERM $$")
    assert "killed by SIGTERM" in turn.call.text
    assert (turn.call.now["rawOutput"]["signal"], turn.call.states[-1]) == ("SIGTERM", "failed")
    assert shows(turn.call.now) == ["terminal-1"]


@pytest.mark.requirement("terminals.lifecycle")
async def test_an_end_nobody_knows(session: Session, terminals: Terminals) -> None:
    session.client.handlers[WAIT] = always({})
    turn = await session.prompt("run true")
    assert "exit code unknown" in turn.call.text
    assert turn.call.states[-1] == "failed"


@pytest.mark.requirement("terminals.lifecycle")
async def test_output_whose_beginning_is_missing(
    workbench: Workbench, session: Session, terminals: Terminals
) -> None:
    async def keep_little(params: JsonObject) -> JsonObject:
        return await terminals.create({**params, "outputByteLimit": 20})

    session.client.handlers[CREATE] = keep_little
    turn = await session.prompt("run seq 1 100000; echo grüße")
    assert "The editor kept only the end" in turn.call.text
    assert turn.call.now["rawOutput"]["output"].endswith("100000\ngrüße\n")
    assert "kept only the end" in journal(workbench).split('"type":"ToolCallFinished"')[1]


@pytest.mark.requirement("terminals.lifecycle")
async def test_more_output_than_asked_for(session: Session, terminals: Terminals) -> None:
    session.client.handlers[OUTPUT] = always({"output": "\x1b[31mx\x1b[0m\r\n" * 300_000, "truncated": False})
    turn = await session.prompt("run true")
    assert "kept only the end" in turn.call.text
    assert "\x1b" not in turn.call.now["rawOutput"]["output"]


@pytest.mark.requirement("terminals.environment")
async def test_secrets_are_neither_sent_nor_seen(workbench: Workbench, launch: Launch) -> None:
    secret = {"MY_API_KEY": "sk-4711"}
    client = await launch(OFFERED, env=workbench.environment(**secret))
    Terminals(client, workbench.environment(**secret))
    session = await new_session(client, workbench.project)
    turn = await session.prompt('run echo "[$MY_API_KEY] [$ACP_AGENT_DATA_DIR] $PAGER $GIT_TERMINAL_PROMPT"')
    assert turn.call.now["rawOutput"]["output"] == "[] [] cat 0\n"
    assert not [line for line in client.wire.lines if b"sk-4711" in line.raw]


@pytest.mark.requirement("terminals.cancelled")
async def test_cancelled(workbench: Workbench, session: Session, terminals: Terminals) -> None:
    prompt = await session.start(f"run {SLEEP}")
    await session.client.asked(WAIT)
    await session.cancel()
    turn = await prompt.end(CANCEL_S)
    assert (turn.stop_reason, turn.call.states[-1]) == ("cancelled", "failed")
    assert used(session.client) == [CREATE, WAIT, KILL, RELEASE]
    (withdrawn,) = session.client.calls("$/cancel_request")
    assert withdrawn["params"]["requestId"] == (await session.client.asked(WAIT))["id"]
    assert shows(turn.call.now) == ["terminal-1"]
    assert terminals.open == {}
    await assert_all_gone(workbench.root / "project")


@pytest.mark.requirement("terminals.cancelled")
async def test_cancelled_before_the_terminal_is_there(
    workbench: Workbench, session: Session, terminals: Terminals
) -> None:
    session.client.handlers[CREATE] = silent
    prompt = await session.start(f"run {SLEEP}")
    request = await session.client.asked(CREATE)
    await session.cancel()
    assert (await prompt.end(CANCEL_S)).stop_reason == "cancelled"
    await session.client.reply(request, await terminals.create(request["params"]))
    released = await session.client.asked(RELEASE)
    assert released["params"] == {"sessionId": session.id, "terminalId": "terminal-1"}
    assert used(session.client) == [CREATE, KILL, RELEASE]
    await assert_all_gone(workbench.root / "project")


@pytest.mark.requirement("terminals.cancelled")
@pytest.mark.parametrize("methods", [{KILL}, {RELEASE}, {KILL, RELEASE}, {WAIT, OUTPUT, KILL, RELEASE}])
async def test_a_silent_client_is_not_waited_for(
    workbench: Workbench, session: Session, terminals: Terminals, methods: set[str]
) -> None:
    session.client.handlers |= dict.fromkeys(methods, silent)
    prompt = await session.start(f"run {SLEEP}")
    await session.client.asked(WAIT)
    await session.cancel()
    assert (await prompt.end(CANCEL_S)).stop_reason == "cancelled"
    assert used(session.client) == [CREATE, WAIT, KILL, RELEASE]
    # What ends the command must not be taken back, however long it takes.
    assert len(session.client.calls("$/cancel_request")) == 1


def timed(workbench: Workbench) -> None:
    workbench.configure(script(tool("^go$", call("bash", command=f"echo before; {SLEEP}", timeout=1))))


@pytest.mark.requirement("terminals.cancelled")
async def test_a_timeout(workbench: Workbench, launch: Launch) -> None:
    timed(workbench)
    client = await launch(OFFERED)
    terminals = Terminals(client)
    turn = await (await new_session(client, workbench.project)).prompt("go")
    assert used(client) == [CREATE, WAIT, KILL, OUTPUT, RELEASE]
    assert turn.call.text == "timed out after 1 s, killed"
    assert turn.call.now["rawOutput"]["output"] == "before\n"
    assert terminals.open == {}


@pytest.mark.requirement("terminals.released")
@pytest.mark.parametrize("cancel", [True, False])
async def test_a_client_that_cannot_kill(workbench: Workbench, launch: Launch, cancel: bool) -> None:
    timed(workbench)
    client = await launch(OFFERED)
    terminals = Terminals(client)
    client.handlers[KILL] = refuse(-32602, "missing sessionID")
    session = await new_session(client, workbench.project)
    prompt = await session.start("go")
    await client.asked(WAIT)
    if cancel:
        await session.cancel()
    turn = await prompt.end()
    assert turn.stop_reason == ("cancelled" if cancel else "end_turn")
    assert terminals.open == {}
    await assert_all_gone(workbench.root / "project")


@pytest.mark.requirement("terminals.released")
@pytest.mark.parametrize(
    ("method", "handler"),
    [
        (WAIT, refuse(-32603, "lost it")),
        (OUTPUT, refuse(-32603, "lost it")),
        (OUTPUT, always({"nonsense": True})),
        (RELEASE, refuse(-32603, "lost it")),
    ],
)
async def test_released_whatever_fails(
    session: Session, terminals: Terminals, method: str, handler: Handler
) -> None:
    session.client.handlers[method] = handler
    turn = await session.prompt("run cat b.txt")
    assert turn.stop_reason == "end_turn"
    assert used(session.client)[-1] == RELEASE
    if method == WAIT:
        assert used(session.client) == [CREATE, WAIT, KILL, OUTPUT, RELEASE]
        assert "lost it" in turn.call.text
        assert turn.call.states[-1] == "failed"


@pytest.mark.requirement("services.silent-client")
async def test_a_silent_client_does_not_hang_the_turn(workbench: Workbench, launch: Launch) -> None:
    """Two at once: the deadlines are long."""
    prompts: dict[str, Prompt] = {}
    for method in (CREATE, OUTPUT):
        client = await launch(OFFERED)
        Terminals(client)
        client.handlers[method] = silent
        prompts[method] = await (await new_session(client, workbench.project)).start("run cat b.txt")
    turns = {method: await prompt.end(within=45) for method, prompt in prompts.items()}
    assert {turn.stop_reason for turn in turns.values()} == {"end_turn"}
    assert turns[CREATE].call.states[-1] == "failed"


async def end_input(client: Client) -> None:
    await client.wire.close_input()


async def terminate(client: Client) -> None:
    client.wire.process.terminate()


@pytest.mark.requirement("terminals.released")
@pytest.mark.parametrize("ending", [end_input, terminate])
async def test_released_at_the_end(
    workbench: Workbench, session: Session, terminals: Terminals, ending: Ending
) -> None:
    await session.start(f"run {SLEEP}")
    await session.client.asked(WAIT)
    await ending(session.client)
    assert await session.client.wire.ended() == 0
    assert used(session.client) == [CREATE, WAIT, KILL, RELEASE]
    await assert_all_gone(workbench.root / "project")


@pytest.mark.requirement("terminals.fallback")
@pytest.mark.parametrize("code", [METHOD_NOT_FOUND, -32603])
async def test_without_a_terminal_the_agent_runs_it(session: Session, code: int) -> None:
    session.client.handlers[CREATE] = refuse(code, "spawn bash ENOENT")
    turn = await session.prompt("run cat b.txt")
    assert turn.call.states[-1] == "completed"
    assert turn.call.text == "```console\n$ cat b.txt\none\ntwo\n```\nexit code 0"
    assert used(session.client) == [CREATE]


@pytest.mark.requirement("terminals.fallback")
@pytest.mark.parametrize(
    "handler", [refuse(-32603, "Permission denied for terminal/create"), always({}), refuse(0, "odd")]
)
async def test_what_was_refused_or_may_have_run_is_not_run_again(session: Session, handler: Handler) -> None:
    session.client.handlers[CREATE] = handler
    await session.set_mode("yolo")
    turn = await session.prompt("run touch made")
    assert turn.call.states[-1] == "failed"
    assert "The editor" in turn.call.text
    assert not (session.cwd / "made").exists()


@pytest.mark.requirement("terminals.choice")
@pytest.mark.parametrize(
    ("capabilities", "setting", "created"),
    [
        (OFFERED, "auto", 1),
        (OFFERED, "editor", 1),
        (OFFERED, "agent", 0),
        (ZED, "auto", 0),
        (ZED, "editor", 1),
        ({}, "editor", 0),
        ({"terminal": "yes"}, "auto", 0),
    ],
)
async def test_where_commands_run(
    workbench: Workbench, launch: Launch, capabilities: JsonObject, setting: str, created: int
) -> None:
    workbench.configure(terminal=setting)
    client = await launch(capabilities)
    terminals = Terminals(client)
    session = await new_session(client, workbench.project)
    turn = await session.prompt("run cat b.txt")
    assert turn.call.states[-1] == "completed"
    assert turn.call.now["rawOutput"]["output"] == "one\ntwo\n"
    assert terminals.created == created


@pytest.mark.requirement("terminals.choice")
async def test_a_refused_command_gets_no_terminal(session: Session, terminals: Terminals) -> None:
    session.client.handlers["session/request_permission"] = always({"outcome": {"outcome": "cancelled"}})
    turn = await session.prompt("run touch made")
    assert turn.call.states[-1] == "failed"
    assert terminals.created == 0
    assert not (session.cwd / "made").exists()
