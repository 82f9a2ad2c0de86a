"""Questions that the model asks the person, in a form of the client's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import always, refuse, silent
from tests.support.phrases import DONE, call, on, say, script, tool
from tests.support.session import new_session

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Handler
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

CREATE = "elicitation/create"
FORMS: JsonObject = {"elicitation": {"form": {}}}
QUESTIONS = [
    {"question": "Which colour?", "options": [{"label": "red"}, {"label": "blue"}]},
    {"question": "What name?"},
]
MODEL = script(
    tool("^ask$", call("question", questions=QUESTIONS)),
    on("^ask$", say("Red it is."), results=1, last_result="→ red"),
    tool("^secret$", call("question", questions=[{"question": "What is your password?"}])),
)


@pytest.fixture
async def session(workbench: Workbench, launch: Launch) -> Session:
    workbench.configure(MODEL)
    return await new_session(await launch(FORMS), workbench.project)


@pytest.mark.requirement("services.elicitation")
async def test_a_question_is_asked_and_answered(session: Session) -> None:
    answer = {"action": "accept", "content": {"question_1": "red", "question_2": "Ada"}}
    session.client.handlers[CREATE] = always(answer)
    turn = await session.prompt("ask")
    (request,) = session.client.calls(CREATE)
    assert request["params"]["toolCallId"] == turn.call.now["toolCallId"]
    assert (request["params"]["mode"], request["params"]["sessionId"]) == ("form", session.id)
    assert set(request["params"]["requestedSchema"]["properties"]) == {"question_1", "question_2"}
    assert turn.text == "Red it is."
    assert turn.call.states == ["pending", "in_progress", "completed"]
    assert "Ada" in turn.call.text
    assert session.client.calls("session/request_permission") == []


@pytest.mark.requirement("services.elicitation")
@pytest.mark.parametrize("answer", [{"action": "decline"}, {"action": "cancel"}, {"action": "_odd"}])
async def test_no_answer_is_an_answer(session: Session, answer: JsonObject) -> None:
    session.client.handlers[CREATE] = always(answer)
    turn = await session.prompt("ask")
    assert turn.call.states[-1] == "completed"
    assert (turn.stop_reason, turn.text) == ("end_turn", DONE)


@pytest.mark.requirement("services.elicitation")
@pytest.mark.parametrize(
    "handler",
    [refuse(-32603), always({"action": "accept", "content": {"question_1": "green"}})],
)
async def test_answers_are_not_trusted(session: Session, handler: Handler) -> None:
    session.client.handlers[CREATE] = handler
    turn = await session.prompt("ask")
    assert turn.call.states[-1] == "failed"
    assert turn.stop_reason == "end_turn"


@pytest.mark.requirement("services.elicitation")
async def test_a_cancelled_question_is_withdrawn(session: Session) -> None:
    session.client.handlers[CREATE] = silent
    prompt = await session.start("ask")
    asked = await session.client.asked(CREATE)
    await session.cancel()
    assert (await prompt.end(2)).stop_reason == "cancelled"
    (withdrawn,) = session.client.calls("$/cancel_request")
    assert withdrawn["params"]["requestId"] == asked["id"]


@pytest.mark.requirement("services.elicitation")
async def test_secrets_are_not_asked_for(session: Session) -> None:
    turn = await session.prompt("secret")
    assert turn.call.states[-1] == "failed"
    assert "secret" in turn.call.text
    assert session.client.calls(CREATE) == []


@pytest.mark.requirement("services.elicitation")
@pytest.mark.parametrize(
    "offered",
    [{}, {"elicitation": {}}, {"elicitation": {"form": None, "url": {}}}, {"elicitation": {"form": True}}],
)
async def test_only_where_forms_are_offered(
    workbench: Workbench, launch: Launch, offered: JsonObject
) -> None:
    workbench.configure(MODEL)
    session = await new_session(await launch(offered), workbench.project)
    turn = await session.prompt("ask")
    assert "There is no tool 'question'" in turn.call.text
    assert session.client.calls(CREATE) == []
