"""Usage limits: the person is asked, the prompt is kept, and the turn goes on when it is time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import choose
from tests.support.phrases import fail, on, say, script
from tests.support.session import new_session, reopen

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

ASK = "session/request_permission"
NOTICES: JsonObject = {"session": {"notices": {}}}
FAR = 7200.0
"""Seconds; more than is waited for without asking."""


def limited(wait_s: float) -> dict[str, object]:
    """A model whose limit is reached, but for who asks it to go on."""
    limit = fail("rate_limit", "the limit of the week is reached", wait_s=wait_s)
    return script(on("^work$", limit), on("^play$", say("playing")))


async def opened(workbench: Workbench, launch: Launch, wait_s: float, **settings: object) -> Session:
    workbench.configure(limited(wait_s), **settings)
    return await new_session(await launch(NOTICES), workbench.project)


@pytest.mark.requirement("faults.parked")
async def test_the_question_says_until_when(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch, FAR)
    session.client.handlers[ASK] = choose("reject_once")
    turn = await session.prompt("work")
    (question,) = session.client.calls(ASK)
    assert [each["kind"] for each in question["params"]["options"]] == ["allow_once", "reject_once"]
    assert "the limit of the week is reached" in str(question["params"]["toolCall"])
    assert (turn.stop_reason, turn.call.states[-1]) == ("end_turn", "failed")
    assert "/resume" in turn.text
    assert (await session.prompt("play")).text == "playing"
    assert "nothing to go on" in (await session.prompt("/resume")).text


@pytest.mark.requirement("faults.parked")
async def test_who_agrees_waits_and_is_told(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch, FAR, timeouts={"sign_of_life_secs": 0.05})
    session.client.handlers[ASK] = choose("allow_once")
    prompt = await session.start("work")
    title = ""
    start = prompt.start
    while not title.startswith("Waiting until "):
        told = await session.saw("notice", start=start)
        title, start = told["title"], start + 1
    await session.cancel()
    assert (await prompt.end()).stop_reason == "cancelled"


@pytest.mark.requirement("faults.parked")
async def test_a_short_wait_is_no_limit(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch, 1, when_limited="wait")
    assert "the limit of the week" in (await session.prompt("work")).reply.error["message"]


@pytest.mark.requirement("faults.parked")
async def test_nobody_is_asked_where_the_settings_say_stop(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch, FAR, when_limited="stop")
    assert "/resume" in (await session.prompt("work")).text
    assert session.client.calls(ASK) == []


@pytest.mark.requirement("faults.parked")
async def test_a_new_process_knows_of_it(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch, FAR, when_limited="stop")
    await session.prompt("work")
    await session.client.wire.close_input()
    await session.client.wire.ended()
    again = await reopen("session/load", await launch(NOTICES), session)
    told = await again.saw("notice")
    assert "stopped by a usage limit" in told["title"]
    assert "/resume" in (await again.prompt("/resume")).text


@pytest.mark.requirement("faults.parked")
async def test_a_killed_process_has_kept_the_prompt(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(limited(FAR), when_limited="wait")
    session = await new_session(await launch(NOTICES, exits=-9), workbench.project)
    prompt = await session.start("work")
    await session.saw("notice", start=prompt.start)
    session.client.wire.process.kill()
    await session.client.wire.ended()
    again = await reopen("session/load", await launch(NOTICES), session)
    assert "stopped by a usage limit" in (await again.saw("notice"))["title"]
    assert "work" in [update["content"]["text"] for update in again.updates(kind="user_message_chunk")]


@pytest.mark.requirement("faults.resume")
async def test_a_cancelled_turn_goes_on(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch, FAR)
    assert "nothing to go on" in (await session.prompt("/resume")).text
    await session.prompt("play")
    assert "nothing to go on" in (await session.prompt("/resume")).text
