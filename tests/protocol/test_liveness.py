"""No wait without a word: what takes long is explained, and nobody is held up by a client that is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import silent
from tests.support.session import new_session

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

WITH_NOTICES: JsonObject = {"session": {"notices": {}}}
QUICKLY = {"sign_of_life_secs": 0.05}


@pytest.fixture
async def impatient(workbench: Workbench, launch: Launch) -> Session:
    """A session whose waits are explained soon, of a client that shows notices."""
    workbench.configure(timeouts=QUICKLY)
    return await new_session(await launch(WITH_NOTICES), workbench.project)


@pytest.mark.requirement("prompt.sign-of-life")
async def test_a_silent_model(impatient: Session) -> None:
    prompt = await impatient.start("wait")
    told = await impatient.saw("notice", start=prompt.start)
    assert told["title"].startswith("Waiting for script/script, ")
    await impatient.cancel()
    assert (await prompt.end()).stop_reason == "cancelled"


@pytest.mark.requirement("prompt.sign-of-life")
async def test_a_question_nobody_answers(impatient: Session) -> None:
    impatient.client.handlers["session/request_permission"] = silent
    prompt = await impatient.start("run python3 check.py")
    for _ in range(2):  # and again, later
        told = await impatient.saw("notice", start=prompt.start)
        assert told["title"].startswith("Waiting for your approval, ")
    await impatient.cancel()
    assert (await prompt.end()).stop_reason == "cancelled"


@pytest.mark.requirement("prompt.sign-of-life")
async def test_a_command_that_takes_long(impatient: Session) -> None:
    await impatient.set_mode("yolo")
    prompt = await impatient.start("run sleep 4714")
    told = await impatient.saw("notice", start=prompt.start)
    assert told["title"].startswith("Run `sleep 4714` is running, ")
    await impatient.cancel()
    await prompt.end()


@pytest.mark.requirement("prompt.sign-of-life")
async def test_clients_without_notices_are_told_in_a_thought(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(timeouts=QUICKLY)
    session = await new_session(await launch(), workbench.project)
    prompt = await session.start("wait")
    thought = await session.saw("agent_thought_chunk", start=prompt.start)
    assert "Waiting for script/script, " in thought["content"]["text"]
    await session.cancel()
    await prompt.end()


@pytest.mark.requirement("prompt.no-hostage")
@pytest.mark.parametrize("method", ["session/close", "session/delete"])
async def test_a_silent_client_can_close(client: Client, workbench: Workbench, method: str) -> None:
    for request in ("session/request_permission", "fs/read_text_file", "fs/write_text_file"):
        client.handlers[request] = silent
    for words in ("run python3 check.py", "read a.txt", "write new.txt text"):
        session = await new_session(client, workbench.project)
        prompt = await session.start(words)
        await session.saw("tool_call", start=prompt.start)
        assert (await client.ask(method, {"sessionId": session.id}, within=3)).result == {}
        assert (await prompt.end()).stop_reason == "cancelled"
