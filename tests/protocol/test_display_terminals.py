"""Commands that the agent runs, shown live by clients that know how: Zed's extension and its relative."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.support.client import always, choose
from tests.support.processes import wait_for_command
from tests.support.session import new_session
from tests.support.terminals import ZED, used
from tests.support.wire import WAIT_S, JsonObject, objects

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Handler
    from tests.support.session import Session, ToolCall
    from tests.support.workbench import Workbench

APPENDING: JsonObject = {"_meta": {"terminal_output_delta": True}}
MIB = 1 << 20
SLEEP = "sleep 4715"
PERMISSION = "session/request_permission"


@pytest.fixture
async def session(workbench: Workbench, launch: Launch) -> Session:
    return await new_session(await launch(ZED), workbench.project)


def metas(call: ToolCall, key: str) -> list[JsonObject]:
    """What an extension has said of a call."""
    return [update["_meta"][key] for update in call.updates if key in (update.get("_meta") or {})]


def written(call: ToolCall, key: str = "terminal_output") -> str:
    assert all(meta["terminal_id"] == call.now["toolCallId"] for meta in metas(call, key))
    return "".join(meta["data"] for meta in metas(call, key))


def always_shown(call: ToolCall) -> bool:
    """Whether no update takes the terminal away."""
    terminal = {"type": "terminal", "terminalId": call.now["toolCallId"]}
    return all(terminal in update["content"] for update in call.updates if "content" in update)


def shown_texts(call: ToolCall) -> list[str]:
    """What each update of its content begins with."""
    return [update["content"][0]["content"]["text"] for update in call.updates if "content" in update]


@pytest.mark.requirement("terminals.display")
async def test_from_beginning_to_end(session: Session) -> None:
    call = (await session.prompt("run cat b.txt; printf '\\033[31mred\\033[0m\\n'; exit 3")).call
    created, *_ = call.updates
    call_id = created["toolCallId"]
    assert created["sessionUpdate"] == "tool_call"
    assert created["content"] == [{"type": "terminal", "terminalId": call_id}]
    assert created["_meta"] == {"terminal_info": {"terminal_id": call_id, "cwd": str(session.cwd)}}
    assert len(metas(call, "terminal_info")) == 1
    assert written(call) == "one\ntwo\n\x1b[31mred\x1b[0m\n"
    assert metas(call, "terminal_exit") == [{"terminal_id": call_id, "exit_code": 3, "signal": None}]
    assert "terminal_exit" in call.updates[-1]["_meta"]
    assert call.states == ["pending", "in_progress", "failed"]
    assert always_shown(call)
    assert call.now["content"] == created["content"]
    assert call.now["rawOutput"]["output"] == "one\ntwo\nred\n"
    assert used(session.client) == []


@pytest.mark.requirement("terminals.display")
async def test_output_comes_while_the_command_runs(session: Session) -> None:
    gate = session.cwd / "gate"
    os.mkfifo(gate)
    prompt = await session.start("run echo before; cat gate")

    def written_before(message: JsonObject) -> bool:
        return "before" in str(message) and "terminal_output" in str(message)

    await session.client.wire.until(written_before, start=prompt.start)
    with anyio.fail_after(WAIT_S):
        await anyio.Path(gate).write_text("after\n", encoding="utf-8")
    assert written((await prompt.end()).call) == "before\nafter\n"


@pytest.mark.requirement("terminals.display")
async def test_the_terminal_stays_when_permission_is_asked(session: Session) -> None:
    command = "python3 -c 'print(6 * 7)'  # " + "so long that the title does not hold it " * 4
    call = (await session.prompt(f"run {command}")).call
    (request,) = session.client.calls(PERMISSION)
    asked = request["params"]["toolCall"]
    assert asked["content"][0] == {"type": "terminal", "terminalId": asked["toolCallId"]}
    assert command.strip() in asked["content"][1]["content"]["text"]
    assert always_shown(call)
    assert len(call.now["content"]) == 1
    assert written(call) == "42\n"


@pytest.mark.requirement("terminals.display")
@pytest.mark.parametrize("answer", [choose("reject_once"), always({"outcome": {"outcome": "cancelled"}})])
async def test_a_refused_call_says_why(session: Session, answer: Handler) -> None:
    session.client.handlers[PERMISSION] = answer
    call = (await session.prompt("run touch made")).call
    assert call.states == ["pending", "failed"]
    assert "touch made" in call.text
    assert [item["type"] for item in call.now["content"]] == ["content", "content"]
    exits = metas(call, "terminal_exit")
    assert exits == [{"terminal_id": call.now["toolCallId"], "exit_code": None, "signal": None}]
    assert not (session.cwd / "made").exists()


@pytest.mark.requirement("terminals.display")
async def test_a_call_that_could_not_begin(session: Session) -> None:
    call = (await session.prompt("run  \t")).call
    assert [item["type"] for item in call.now["content"]] == ["content"]
    assert "command is empty" in call.text


@pytest.mark.requirement("terminals.display")
async def test_cancelled(workbench: Workbench, session: Session) -> None:
    prompt = await session.start(f"run echo before; {SLEEP}")
    await wait_for_command(workbench.root, SLEEP)
    await session.saw("tool_call_update", start=prompt.start, status="in_progress")
    await session.client.wire.until(lambda message: "before" in str(message), start=prompt.start)
    await session.cancel()
    call = (await prompt.end()).call
    assert call.states[-1] == "failed"
    assert always_shown(call)
    assert "Cancelled" in call.text
    assert len(metas(call, "terminal_exit")) == 1


@pytest.mark.requirement("terminals.display")
async def test_killed_by_a_signal(session: Session) -> None:
    call = (await session.prompt("run kill -TERM $$")).call
    (ended,) = metas(call, "terminal_exit")
    assert (ended["exit_code"], ended["signal"]) == (None, "SIGTERM")


@pytest.mark.requirement("tools.bounded-output")
async def test_output_in_a_terminal_is_bounded(workbench: Workbench, session: Session) -> None:
    call = (await session.prompt("run seq 1 300000; echo grüße")).call
    data = written(call)
    expected = "".join(f"{number}\n" for number in range(1, 300_001)) + "grüße\n"
    assert MIB - (1 << 17) < data.index("\n[… ") <= MIB
    beginning, _, rest = data.partition("\n[… ")
    left_out, _, end = rest.partition(" …]\n")
    assert expected.startswith(beginning)
    assert expected.endswith(end)
    count, _, path = left_out.partition(" more bytes, full output: ")
    sent = len(beginning.encode()) + int(count) + len(end.encode())
    assert sent == len(expected.encode())
    assert await anyio.Path(path).read_text(encoding="utf-8") == expected
    assert Path(path).is_relative_to(workbench.data)
    assert Path(path).parent.stat().st_mode & 0o077 == 0


@pytest.mark.requirement("tools.bounded-output")
async def test_output_in_text_is_bounded(workbench: Workbench, launch: Launch) -> None:
    session = await new_session(await launch({}), workbench.project)
    call = (await session.prompt("run seq 1 300000")).call
    *running, whole = [
        update["content"][0]["content"]["text"] for update in call.updates if "content" in update
    ]
    assert max(map(len, running)) < 9 << 10
    assert len(whole) < 130 << 10
    _, _, path = whole.partition("\nFull output: ")
    expected = "".join(f"{number}\n" for number in range(1, 300_001))
    assert await anyio.Path(path).read_text(encoding="utf-8") == expected


@pytest.mark.requirement("terminals.display")
async def test_pieces_without_a_terminal(workbench: Workbench, launch: Launch) -> None:
    session = await new_session(await launch(APPENDING), workbench.project)
    call = (await session.prompt("run cat b.txt; exit 3")).call
    assert written(call, "terminal_output_delta") == "one\ntwo\n"
    shown = [item for update in call.updates for item in objects(update, "content")]
    assert "terminal" not in [item["type"] for item in shown]
    assert metas(call, "terminal_info") == []
    assert [meta["exit_code"] for meta in metas(call, "terminal_exit")] == [3]


@pytest.mark.requirement("terminals.display")
@pytest.mark.parametrize("offer", [{}, {"_meta": None}, {"_meta": {"terminal_output": "yes"}}])
async def test_nothing_of_it_for_others(workbench: Workbench, launch: Launch, offer: JsonObject) -> None:
    session = await new_session(await launch(offer), workbench.project)
    call = (await session.prompt("run printf '\\033[31mred\\033[0m 10%%\\r99%%\\n'")).call
    assert not [update for update in call.updates if "_meta" in update]
    assert call.text == "```console\n$ printf '\\033[31mred\\033[0m 10%%\\r99%%\\n'\n99%\n```\nexit code 0"
    assert not [text for text in shown_texts(call) if "\x1b" in text or "\r" in text]
