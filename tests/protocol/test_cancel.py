"""Cancelling: at once, completely, and without harm to what comes next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.client import METHOD_NOT_FOUND, choose, silent
from tests.support.processes import assert_all_gone, of_command, wait_for_command
from tests.support.session import FINAL, chunks, fold, new_session, opening, reopen

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.session import Prompt, Session, Turn
    from tests.support.workbench import Workbench

Start = Callable[["Session"], Awaitable["Prompt"]]

CANCEL_S = 2.0
"""How long a cancelled turn may take to be answered: one second, and a busy machine."""
REQUEST_CANCELLED = -32800
SLEEP = "sleep 4712"
ASK = "run python3 check.py"


async def start_waiting(session: Session, words: str = "wait") -> Prompt:
    prompt = await session.start(words)
    await session.saw("agent_message_chunk", start=prompt.start)
    return prompt


async def start_asking(session: Session) -> Prompt:
    session.client.handlers["session/request_permission"] = silent
    prompt = await session.start(ASK)
    await session.client.asked("session/request_permission", start=prompt.start)
    return prompt


async def cancelled(session: Session, prompt: Prompt) -> Turn:
    """Cancel, and see the turn end."""
    await session.cancel()
    turn = await prompt.end(CANCEL_S)
    assert turn.stop_reason == "cancelled"
    return turn


@pytest.mark.requirement("cancel.ends-turn")
async def test_cancel_while_the_model_speaks(session: Session) -> None:
    turn = await cancelled(session, await start_waiting(session))
    assert turn.text == "Waiting."


@pytest.mark.requirement("cancel.ends-turn")
@pytest.mark.requirement("cancel.final-calls")
@pytest.mark.parametrize("command", [SLEEP, f"trap '' TERM INT HUP; ({SLEEP} &) ; while :; do sleep 1; done"])
async def test_cancel_while_a_command_runs(workbench: Workbench, session: Session, command: str) -> None:
    prompt = await session.start(f"run {command}")
    await wait_for_command(workbench.root, SLEEP)
    turn = await cancelled(session, prompt)
    assert turn.call.states[-1] == "failed"
    assert "Cancelled before it finished." in turn.call.text
    assert of_command(workbench.root, SLEEP) == []


@pytest.mark.requirement("cancel.final-calls")
async def test_every_open_call_is_ended(session: Session) -> None:
    prompt = await session.start(f"twice {SLEEP}")
    await wait_for_command(session.cwd.parent, SLEEP)
    turn = await cancelled(session, prompt)
    assert len(turn.calls) == 2
    assert all(call.states[-1] in FINAL for call in turn.calls)


@pytest.mark.requirement("cancel.nothing-after")
@pytest.mark.parametrize("start", [start_waiting, start_asking])
async def test_nothing_after_the_answer(session: Session, start: Start) -> None:
    turn = await cancelled(session, await start(session))
    await session.client.settle()
    assert session.updates(start=turn.reply.at) == []


@pytest.mark.requirement("cancel.pending-permission")
async def test_pending_permission_is_withdrawn(workbench: Workbench, session: Session) -> None:
    prompt = await start_asking(session)
    turn = await cancelled(session, prompt)
    (request,) = session.client.calls("session/request_permission")
    (withdrawn,) = session.client.calls("$/cancel_request")
    assert withdrawn["params"]["requestId"] == request["id"]
    assert turn.call.states[-1] == "failed"
    await session.client.wire.close_input()
    assert await session.client.wire.ended() == 0
    await assert_all_gone(workbench.root)


@pytest.mark.requirement("cancel.late-answer")
async def test_late_answers_are_ignored(workbench: Workbench, session: Session) -> None:
    session.client.handlers["session/request_permission"] = silent
    prompt = await session.start("run touch made.txt")
    request = await session.client.asked("session/request_permission")
    turn = await cancelled(session, prompt)
    await session.client.reply(request, await choose("allow_once")(request["params"]))
    await session.client.reply(request, {"outcome": {"outcome": "cancelled"}})
    await session.client.settle()
    assert session.updates(start=turn.reply.at) == []
    assert (await session.prompt("say hi")).text == "hi"
    assert not (workbench.project / "made.txt").exists()


@pytest.mark.requirement("cancel.idle")
async def test_cancel_without_a_turn(session: Session) -> None:
    start = len(session.client.wire.lines)
    await session.cancel()
    await session.client.notify("session/cancel", {"sessionId": "nobody"})
    assert (await session.prompt("say hi")).stop_reason == "end_turn"
    await session.cancel()
    await session.client.settle()
    assert (await session.prompt("say more")).text == "more"
    responses = [message for message in session.client.wire.messages[start:] if "method" not in message]
    assert len(responses) == 3


@pytest.mark.requirement("cancel.twice")
@pytest.mark.parametrize("start", [start_waiting, start_asking])
async def test_cancel_twice(session: Session, start: Start) -> None:
    prompt = await start(session)
    await session.cancel()
    turn = await cancelled(session, prompt)
    await session.cancel()
    await session.client.settle()
    assert session.updates(start=turn.reply.at) == []


@pytest.mark.requirement("cancel.then-prompt")
async def test_prompt_right_after_a_cancel(session: Session) -> None:
    for _ in range(3):
        prompt = await start_waiting(session)
        await session.cancel()
        following = await session.start("say next")
        first, second = await prompt.end(CANCEL_S), await following.end()
        assert (first.stop_reason, second.stop_reason) == ("cancelled", "end_turn")
        assert first.reply.at < second.reply.at
        after = session.updates("agent_message_chunk", start=first.reply.at, stop=second.reply.at)
        assert [update["content"]["text"] for update in after] == ["next"]


@pytest.mark.requirement("cancel.queue")
async def test_cancel_empties_the_queue(session: Session) -> None:
    prompts = [await start_waiting(session), await session.start("say two"), await session.start("say three")]
    await session.cancel()
    turns = [await prompt.end(CANCEL_S) for prompt in prompts]
    assert [turn.stop_reason for turn in turns] == ["cancelled"] * 3
    await session.client.settle()
    assert turns[-1].text in ("", "Waiting.")
    assert (await session.prompt("say four")).text == "four"


@pytest.mark.requirement("cancel.request")
@pytest.mark.parametrize("start", [start_waiting, start_asking])
async def test_cancelling_the_request(session: Session, start: Start) -> None:
    prompt = await start(session)
    await session.client.notify("$/cancel_request", {"requestId": prompt.id})
    assert (await prompt.end(CANCEL_S)).stop_reason == "cancelled"


@pytest.mark.requirement("cancel.request")
async def test_cancelling_a_queued_request(session: Session) -> None:
    running, queued = await start_waiting(session), await session.start("say two")
    await session.client.notify("$/cancel_request", {"requestId": queued.id})
    assert (await queued.end(CANCEL_S)).stop_reason == "cancelled"
    await cancelled(session, running)


@pytest.mark.requirement("cancel.other-requests")
@pytest.mark.parametrize("method", ["session/new", "session/load", "session/list", "session/close", "_x"])
async def test_cancelling_other_requests(session: Session, method: str) -> None:
    params = opening(session.cwd, sessionId=session.id)
    request_id = await session.client.post(method, params)
    await session.client.notify("$/cancel_request", {"requestId": request_id})
    message = (await session.client.answer(request_id)).message
    assert "result" in message or message["error"]["code"] in (REQUEST_CANCELLED, METHOD_NOT_FOUND)
    await session.client.notify("$/cancel_request", {"requestId": request_id})
    other = await new_session(session.client, session.cwd)
    assert (await other.prompt("say hi")).text == "hi"


@pytest.mark.requirement("cancel.keeps-partial-text")
@pytest.mark.parametrize("words", ["wait", f"run {SLEEP}"])
async def test_a_cancelled_turn_is_kept(session: Session, launch: Launch, words: str) -> None:
    prompt = await session.start(words)
    if words == "wait":
        await session.saw("agent_message_chunk", start=prompt.start)
    else:
        await wait_for_command(session.cwd.parent, SLEEP)
    turn = await cancelled(session, prompt)
    await session.client.ask("session/close", {"sessionId": session.id})
    loaded = await reopen("session/load", await launch(), session)
    shown = loaded.updates(stop=loaded.reply.at)
    assert chunks(shown, "user_message_chunk") == words
    assert chunks(shown, "agent_message_chunk") == turn.text
    for live, again in zip(turn.calls, fold(shown).values(), strict=True):
        assert all(live.now[key] == again.now[key] for key in ("title", "rawInput", "rawOutput", "status"))
        assert again.text in live.text
    assert (await loaded.prompt("say hi")).text == "hi"
