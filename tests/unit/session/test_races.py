"""Sessions that are opened, closed and left at the same time: each is told the truth, and none is stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from acp_agent.acp import sessions
from acp_agent.acp.connection import Connection
from acp_agent.acp.initialize import client_of
from acp_agent.acp.ports import Opening
from acp_agent.assembly import agent as agents
from acp_agent.content import Text
from acp_agent.errors import NotFound
from acp_agent.session.live import LiveSessions
from tests.support.joined import Caller, switchboard
from tests.support.wire import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from acp_agent.session.session import Session
    from tests.support.joined import Switchboard
    from tests.support.workbench import Workbench

KEPT_S = 60.0
STUBBORN = "run trap '' TERM HUP; while :; do sleep 0.1; done"


@pytest.fixture
async def board(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Switchboard]:
    monkeypatch.setattr(sessions, "REPLAY_STRIDE", 1)
    async with switchboard(workbench, KEPT_S) as board:
        yield board


async def talked(caller: Caller, workbench: Workbench) -> str:
    """A session in which something was said."""
    result = await caller.ask("session/new", cwd=str(workbench.project), mcpServers=[])
    await caller.ask("session/prompt", sessionId=result["sessionId"], prompt=words("say hi"))
    return result["sessionId"]


def words(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def opening(caller: Caller, workbench: Workbench, session_id: str) -> int:
    cwd = str(workbench.project)
    return caller.post("session/load", sessionId=session_id, cwd=cwd, mcpServers=[])


async def closed(board: Switchboard) -> None:
    """Waits until no session is open."""
    with anyio.fail_after(WAIT_S):
        while board.agent.live():
            await anyio.lowlevel.checkpoint()


async def test_a_cancelled_load_leaves_the_session(board: Switchboard, workbench: Workbench) -> None:
    first, second = board.call(), board.call()
    session_id = await talked(first, workbench)
    first.hang_up()
    await closed(board)
    second.behind = True
    request = opening(second, workbench, session_id)
    await second.saw("user_message_chunk")
    second.notify("$/cancel_request", requestId=request)
    assert (await second.answer(request))["error"]["code"] == -32800
    await closed(board)


async def test_a_connection_lost_during_a_load(board: Switchboard, workbench: Workbench) -> None:
    first, second = board.call(), board.call()
    session_id = await talked(first, workbench)
    first.hang_up()
    await closed(board)
    second.behind = True
    opening(second, workbench, session_id)
    await second.saw("user_message_chunk")
    second.hang_up()
    await closed(board)


async def test_the_last_one_leaves_while_another_one_comes(board: Switchboard, workbench: Workbench) -> None:
    first, second, other = board.call(), board.call(), board.call()
    session_id = await talked(first, workbench)
    second.behind = True
    request = opening(second, workbench, session_id)
    await second.saw("user_message_chunk")
    first.hang_up()
    for _ in range(3):
        await other.ask("session/list")
    second.catch_up()
    assert "result" in await second.answer(request)
    said = await second.ask("session/prompt", sessionId=session_id, prompt=words("say ho"))
    assert said["stopReason"] == "end_turn"


async def test_what_happens_during_a_load_is_told_once(board: Switchboard, workbench: Workbench) -> None:
    """Also to a client that has the session open already."""
    caller, other = board.call(), board.call()
    session_id = await talked(caller, workbench)
    begun = len(caller.messages)
    caller.behind = True
    request = opening(caller, workbench, session_id)
    await caller.until(lambda _: len(caller.messages) > begun)
    await other.ask("session/set_title", sessionId=session_id, title="Once")
    caller.catch_up()
    await caller.answer(request)
    titles = [update.get("title") for update in caller.updates("session_info_update")]
    assert titles.count("Once") == 1
    await other.ask("session/set_title", sessionId=session_id, title="Then")
    titles = [update.get("title") for update in caller.updates("session_info_update")]
    assert titles[-1] == "Then"


async def test_a_load_that_fails_keeps_nothing_back(board: Switchboard, workbench: Workbench) -> None:
    caller, other = board.call(), board.call()
    session_id = await talked(caller, workbench)
    begun = len(caller.messages)
    caller.behind = True
    request = opening(caller, workbench, session_id)
    await caller.until(lambda _: len(caller.messages) > begun)
    await other.ask("session/set_title", sessionId=session_id, title="Once")
    caller.notify("$/cancel_request", requestId=request)
    assert "error" in await caller.answer(request)
    assert [u.get("title") for u in caller.updates("session_info_update")].count("Once") == 1
    assert [each.watchers for each in board.agent.live()] == [1]


async def test_a_question_is_withdrawn_where_it_is_asked_again(
    board: Switchboard, workbench: Workbench
) -> None:
    caller = board.call()
    session_id = await talked(caller, workbench)
    turn = caller.post("session/prompt", sessionId=session_id, prompt=words("run python3 check.py"))
    before = await caller.asked("session/request_permission")
    await caller.answer(opening(caller, workbench, session_id))
    assert (await caller.asked("$/cancel_request"))["params"] == {"requestId": before["id"]}
    again = await caller.until(
        lambda m: m.get("method") == "session/request_permission" and m["id"] != before["id"]
    )
    assert again["params"]["toolCall"]["toolCallId"] == before["params"]["toolCall"]["toolCallId"]
    options = [each["optionId"] for each in again["params"]["options"] if each["kind"] == "reject_once"]
    caller.reply(again, {"outcome": {"outcome": "selected", "optionId": options[0]}})
    assert (await caller.answer(turn))["result"]["stopReason"] == "end_turn"


async def test_closed_while_it_is_loaded(board: Switchboard, workbench: Workbench) -> None:
    first, second = board.call(), board.call()
    session_id = await talked(first, workbench)
    second.behind = True
    request = opening(second, workbench, session_id)
    await second.saw("user_message_chunk")
    await first.ask("session/delete", sessionId=session_id)
    second.catch_up()
    assert (await second.answer(request))["error"]["code"] == -32002


async def test_loaded_while_it_is_being_closed(board: Switchboard, workbench: Workbench) -> None:
    caller = board.call()
    session_id = await talked(caller, workbench)
    await caller.ask("session/set_mode", sessionId=session_id, modeId="yolo")
    caller.post("session/prompt", sessionId=session_id, prompt=words(STUBBORN))
    await caller.until(lambda m: m.get("params", {}).get("update", {}).get("status") == "in_progress")
    close = caller.post("session/close", sessionId=session_id)
    load = opening(caller, workbench, session_id)
    assert "result" in await caller.answer(close)
    assert "error" not in await caller.answer(load)


async def test_a_journal_is_freed_when_the_session_cannot_be_built(
    board: Switchboard, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = board.call()
    session_id = await talked(caller, workbench)
    await caller.ask("session/close", sessionId=session_id)

    def broken(*_: object) -> Session:
        raise NotFound("something is missing")

    with monkeypatch.context() as patch:
        patch.setattr(agents, "build", broken)
        assert "error" in await caller.answer(opening(caller, workbench, session_id))
    assert "result" in await caller.answer(opening(caller, workbench, session_id))


async def test_a_line_that_breaks_is_left_like_one_that_ends(
    board: Switchboard, workbench: Workbench
) -> None:
    class Breaking(Caller):
        async def receive(self) -> list[bytes]:
            if lines := await super().receive():
                return lines
            raise OSError("broken")

    caller = Breaking()

    async def serve() -> None:
        with pytest.raises(ExceptionGroup):
            await Connection(board.agent, client_of({}), caller, keep=True).serve([])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await talked(caller, workbench)
        caller.hang_up()
    await closed(board)


async def test_the_folder_the_agent_was_started_in_is_gone(
    board: Switchboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    assert (await board.call().ask("auth/status"))["state"] != "unknown"
    assert (await board.call().ask("providers/list"))["providers"]


async def test_who_waits_for_a_turn_to_end_is_told_of_the_close(
    board: Switchboard, workbench: Workbench
) -> None:
    session = await board.agent.new_session(Opening(str(workbench.project)))
    session.submit((Text("wait"),))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.settled)
        await anyio.lowlevel.checkpoint()
        await board.agent.close_session(session.id)
        with anyio.fail_after(WAIT_S):
            await session.settled()
        tasks.cancel_scope.deadline = anyio.current_time() + WAIT_S
    assert not tasks.cancel_scope.cancel_called


async def test_one_opening_at_a_time_whoever_gives_up() -> None:
    opening_now: list[int] = []
    most = 0
    go_on = anyio.Event()

    async def restore() -> Session:
        nonlocal most
        opening_now.append(1)
        most = max(most, len(opening_now))
        await go_on.wait()
        opening_now.pop()
        raise NotFound("there is none")

    async with LiveSessions() as live, anyio.create_task_group() as tasks:

        async def open_it(scope: anyio.CancelScope) -> None:
            with scope, pytest.raises(NotFound):
                await live.open("x", restore)

        scopes = [anyio.CancelScope() for _ in range(3)]
        for scope in scopes[:2]:
            tasks.start_soon(open_it, scope)
        await anyio.wait_all_tasks_blocked()
        scopes[1].cancel()
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(open_it, scopes[2])
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert most == 1


async def test_a_session_with_a_bug_ends_alone(board: Switchboard, workbench: Workbench) -> None:
    class Broken:
        id, closed = "broken", False

        async def run(self) -> Any:
            raise RuntimeError("a bug")

        async def close(self) -> None: ...

    async with LiveSessions() as live:
        live.adopt(cast("Session", Broken()))
        with anyio.fail_after(WAIT_S):
            while live.find("broken"):
                await anyio.lowlevel.checkpoint()
