"""Questions to the person, over a real pair of peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.acp.initialize import Client, client_of
from acp_agent.errors import PeerError
from tests.unit.acp.pair import paired

if TYPE_CHECKING:
    from acp_agent.acp.editor import Editor
    from acp_agent.acp.params import Json
    from acp_agent.tools.question import Forms

SCHEMA: Json = {"type": "object", "properties": {"name": {"type": "string", "title": "Name"}}}
NOTHING: Json = {}
CREATE = "elicitation/create"


@pytest.mark.parametrize(
    ("answer", "elicited"),
    [
        ({"action": "accept", "content": {"name": "x"}}, ("accept", {"name": "x"})),
        ({"action": "accept"}, ("accept", NOTHING)),
        ({"action": "accept", "content": None}, ("accept", NOTHING)),
        ({"action": "decline"}, ("decline", NOTHING)),
        ({"action": "cancel", "content": {"name": "x"}}, ("cancel", NOTHING)),
        ({"action": "_later", "content": {"name": "x"}}, ("cancel", NOTHING)),
        (NOTHING, ("cancel", NOTHING)),
        (None, ("cancel", NOTHING)),
    ],
)
async def test_a_form(answer: object, elicited: object) -> None:
    async with paired() as (editor, _, other):

        async def create(_params: Json) -> object:
            return answer

        other.handlers[CREATE] = create
        assert await editor.elicit_form("Who?", SCHEMA, "call-1") == elicited
        assert other.params(CREATE) == {
            "sessionId": "s-1",
            "toolCallId": "call-1",
            "mode": "form",
            "message": "Who?",
            "requestedSchema": SCHEMA,
        }


async def test_a_page() -> None:
    async with paired() as (editor, _, other):

        async def create(_params: Json) -> object:
            return {"action": "accept"}

        other.handlers[CREATE] = create
        elicited = await editor.elicit_url("Log in.", "https://service.example/login", "e-1")
        assert elicited.action == "accept"
        editor.elicitation_complete("e-1")
        await other.hears("elicitation/complete")
        assert other.heard == [
            (
                CREATE,
                {
                    "sessionId": "s-1",
                    "mode": "url",
                    "message": "Log in.",
                    "url": "https://service.example/login",
                    "elicitationId": "e-1",
                },
            ),
            ("elicitation/complete", {"elicitationId": "e-1"}),
        ]


async def test_a_question_is_withdrawn_when_nobody_waits_for_it() -> None:
    async with paired() as (editor, _, other):
        gone = anyio.Event()

        async def create(_params: Json) -> object:
            try:
                return await anyio.sleep_forever()
            finally:
                gone.set()

        other.handlers[CREATE] = create
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(editor.elicit_form, "Who?", SCHEMA)
            await other.hears(CREATE)
            tasks.cancel_scope.cancel()
        await gone.wait()
        assert other.methods() == [CREATE, "$/cancel_request"]


async def test_nothing_is_asked_that_was_not_offered() -> None:
    async with paired(Client()) as (editor, _, other):
        with pytest.raises(PeerError, match="no forms"):
            await editor.elicit_form("Who?", SCHEMA)
        with pytest.raises(PeerError, match="no pages"):
            await editor.elicit_url("Log in.", "https://service.example/login", "e-1")
        assert other.heard == []


@pytest.mark.parametrize(
    ("offered", "forms", "urls"),
    [
        (None, False, False),
        ({}, False, False),
        ({"form": None, "url": None}, False, False),
        ({"form": {}}, True, False),
        ({"url": {}}, False, True),
        ({"form": {}, "url": {}}, True, True),
        ({"form": True, "url": "yes"}, False, False),
    ],
)
def test_what_a_client_offers(offered: object, forms: bool, urls: bool) -> None:
    client = client_of({"clientCapabilities": {"elicitation": offered}})
    assert (client.shows_forms, client.opens_urls) == (forms, urls)


if TYPE_CHECKING:

    def conforms(editor: Editor) -> Forms:
        return editor
