"""Sessions with several editors, and with none: a lost connection ends no turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.support.joined import switchboard
from tests.support.wire import WAIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.support.joined import Caller, Switchboard
    from tests.support.workbench import Workbench

KEPT_S = 60.0
ASK = "run python3 check.py"


@pytest.fixture
async def board(workbench: Workbench) -> AsyncGenerator[Switchboard]:
    async with switchboard(workbench, KEPT_S) as board:
        yield board


async def opened(caller: Caller, workbench: Workbench) -> str:
    result = await caller.ask("session/new", cwd=str(workbench.project), mcpServers=[])
    return result["sessionId"]


async def resumed(caller: Caller, workbench: Workbench, session_id: str, method: str = "resume") -> Any:
    cwd = str(workbench.project)
    return await caller.ask(f"session/{method}", sessionId=session_id, cwd=cwd, mcpServers=[])


def prompted(caller: Caller, session_id: str, text: str) -> int:
    blocks = [{"type": "text", "text": text}]
    return caller.post("session/prompt", sessionId=session_id, prompt=blocks)


def text_of(caller: Caller, kind: str = "agent_message_chunk") -> str:
    return "".join(update["content"]["text"] for update in caller.updates(kind))


def chosen(request: Any, kind: str) -> dict[str, object]:
    options = [option["optionId"] for option in request["params"]["options"] if option["kind"] == kind]
    return {"outcome": {"outcome": "selected", "optionId": options[0]}}


async def test_a_turn_outlives_its_connection(board: Switchboard, workbench: Workbench) -> None:
    first = board.call()
    session_id = await opened(first, workbench)
    prompted(first, session_id, ASK)
    await first.asked("session/request_permission")
    first.hang_up()
    await gone(board, session_id)
    assert [(each.state, each.watchers) for each in board.agent.live()] == [("waiting", 0)]

    second = board.call()
    assert (await resumed(second, workbench, session_id))["modes"]
    request = await second.asked("session/request_permission")
    assert request["params"]["toolCall"]["title"] == "Run `python3 check.py`"
    (call,) = second.updates("tool_call")
    assert call["toolCallId"] == request["params"]["toolCall"]["toolCallId"]
    second.reply(request, chosen(request, "reject_once"))
    await second.saw("agent_message_chunk")
    assert await idle(board)
    assert text_of(second) == "Done."


async def test_a_turn_that_ended_meanwhile_is_in_the_history(
    board: Switchboard, workbench: Workbench
) -> None:
    first = board.call()
    session_id = await opened(first, workbench)
    prompted(first, session_id, "say while nobody looks")
    first.hang_up()
    await gone(board, session_id)
    assert await idle(board)
    second = board.call()
    await resumed(second, workbench, session_id, "load")
    assert text_of(second) == "while nobody looks"
    assert text_of(second, "user_message_chunk") == "say while nobody looks"


async def test_two_clients_watch_one_session(board: Switchboard, workbench: Workbench) -> None:
    """Both see everything but their own words, which they know."""
    first, second = board.call(), board.call()
    session_id = await opened(first, workbench)
    await resumed(second, workbench, session_id)
    for caller, words in ((first, "say one"), (second, "say two")):
        answer = await caller.answer(prompted(caller, session_id, words))
        assert answer["result"]["stopReason"] == "end_turn"
    for caller, heard in ((first, "say two"), (second, "say one")):
        assert text_of(caller) == "onetwo"
        assert text_of(caller, "user_message_chunk") == heard


async def test_the_first_answer_counts(board: Switchboard, workbench: Workbench) -> None:
    first, second = board.call(), board.call()
    session_id = await opened(first, workbench)
    await resumed(second, workbench, session_id)
    prompt = prompted(first, session_id, ASK)
    asked = {caller: await caller.asked("session/request_permission") for caller in (first, second)}
    second.reply(asked[second], chosen(asked[second], "reject_once"))
    withdrawn = await first.asked("$/cancel_request")
    assert withdrawn["params"]["requestId"] == asked[first]["id"]
    first.reply(asked[first], chosen(asked[first], "allow_once"))  # too late
    assert (await first.answer(prompt))["result"]["stopReason"] == "end_turn"
    assert first.updates("tool_call_update")[-1]["status"] == "failed"


async def test_one_of_two_leaves(board: Switchboard, workbench: Workbench) -> None:
    first, second = board.call(), board.call()
    session_id = await opened(first, workbench)
    await resumed(second, workbench, session_id)
    prompted(first, session_id, ASK)
    request = await second.asked("session/request_permission")
    await first.asked("session/request_permission")
    first.hang_up()
    with anyio.fail_after(WAIT_S):
        while board.agent.live()[0].watchers != 1:
            await anyio.lowlevel.checkpoint()
    second.reply(request, chosen(request, "reject_once"))
    assert await idle(board)
    assert text_of(second) == "Done."


async def test_close_by_another_client(board: Switchboard, workbench: Workbench) -> None:
    first, second = board.call(), board.call()
    session_id = await opened(first, workbench)
    await resumed(second, workbench, session_id)
    prompt = prompted(first, session_id, "wait")
    await first.saw("agent_message_chunk")
    assert await second.ask("session/close", sessionId=session_id) == {}
    assert (await first.answer(prompt))["result"]["stopReason"] == "cancelled"
    for caller in (first, second):
        error = (await caller.answer(prompted(caller, session_id, "say hi")))["error"]
        assert error["code"] == -32002
    assert board.agent.live() == []


async def test_nobody_comes_back(workbench: Workbench) -> None:
    async with switchboard(workbench, keep_s=0.05) as board:
        first = board.call()
        session_id = await opened(first, workbench)
        prompted(first, session_id, "wait")
        await first.saw("agent_message_chunk")
        first.hang_up()
        with anyio.fail_after(WAIT_S):
            while board.agent.live():
                await anyio.lowlevel.checkpoint()
        second = board.call()
        await resumed(second, workbench, session_id, "load")
        assert text_of(second) == "Waiting."


async def test_time_for_an_answer_goes_by_only_while_somebody_is_there(
    workbench: Workbench, board: Switchboard
) -> None:
    workbench.configure(permission={"ask_timeout_secs": 0.3})
    first = board.call()
    session_id = await opened(first, workbench)
    prompted(first, session_id, ASK)
    await first.asked("session/request_permission")
    first.hang_up()
    await gone(board, session_id)
    await anyio.sleep(0.5)
    assert [each.state for each in board.agent.live()] == ["waiting"]
    second = board.call()
    await resumed(second, workbench, session_id)
    request = await second.asked("session/request_permission")
    withdrawn = await second.asked("$/cancel_request")
    assert withdrawn["params"]["requestId"] == request["id"]
    assert await idle(board)
    assert text_of(second) == "Done."
    assert "nobody answered in 0.3 seconds" in str(second.updates("tool_call_update")[-1])


async def test_both_load_at_once(board: Switchboard, workbench: Workbench) -> None:
    """A saved session is opened once, whoever else asks for it meanwhile."""
    first, second = board.call(), board.call()
    session_id = await opened(first, workbench)
    await first.answer(prompted(first, session_id, "say hi"))
    await first.ask("session/close", sessionId=session_id)
    async with anyio.create_task_group() as tasks:
        for caller in (first, second):
            tasks.start_soon(resumed, caller, workbench, session_id, "load")
    assert [each.watchers for each in board.agent.live()] == [2]
    await first.answer(prompted(first, session_id, "say ho"))
    assert text_of(second) == "hiho"


async def gone(board: Switchboard, session_id: str) -> None:
    """Waits until nobody watches the session."""
    with anyio.fail_after(WAIT_S):
        while any(each.id == session_id and each.watchers for each in board.agent.live()):
            await anyio.lowlevel.checkpoint()


async def idle(board: Switchboard) -> bool:
    """Waits until nothing runs."""
    with anyio.fail_after(WAIT_S):
        while any(each.state != "idle" for each in board.agent.live()):
            await anyio.lowlevel.checkpoint()
    return True
