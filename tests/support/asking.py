"""A model asked in a wire protocol, at a service that says what a test wants it to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from acp_agent.assembly.adapters import connect
from acp_agent.content import Text
from acp_agent.models.messages import ModelRequest, ToolSpec, UserTurn
from acp_agent.models.routes import Key, ProviderType, Route
from acp_agent.models.stream import CallArguments, TextPiece, ThoughtPiece
from tests.support.http_server import Answer, http_server
from tests.support.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.models.stream import StreamEvent
    from tests.support.services import Service

LIMIT_S = 20.0
HELLO = ModelRequest("Be brief.", [UserTurn((Text("Hello"),))], [])
READ = ToolSpec("read", "Reads.", {"type": "object", "properties": {"path": {"type": "string"}}})
each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.protocol)


def route(service: Service, base_url: str, **changes: Any) -> Route:
    plain = Route(
        alias="here", provider=ProviderType(service.protocol), base_url=base_url, model="m-1",
        key=Key("secret-key", "$KEY"), headers={"X-Team": "editors"}, window=1000,
        request_limit_s=5, silence_limit_s=5,
    )  # fmt: skip
    return plain._replace(**changes)


async def ask(
    service: Service, *answers: Answer, request: ModelRequest = HELLO, **changes: Any
) -> list[StreamEvent]:
    """All that the model at the end of a route says."""
    async with http_server(*answers) as server:
        model = connect(route(service, server.url, **changes))
        with anyio.fail_after(LIMIT_S):
            return [event async for event in model.stream(request)]


def said(service: Service, *events: StreamEvent) -> Answer:
    return Answer(list(service.speak(events)), content_type=service.content_type)


def joined(events: Sequence[StreamEvent]) -> list[StreamEvent]:
    """Pieces of one thing that follow each other put together: services cut where they like."""
    found: list[StreamEvent] = []
    for event in events:
        last = found[-1] if found else None
        match last, event:
            case (TextPiece(before), TextPiece(text)):
                found[-1] = TextPiece(before + text)
            case (ThoughtPiece(before), ThoughtPiece(text)):
                found[-1] = ThoughtPiece(before + text)
            case (CallArguments(slot, before), CallArguments(same, piece)) if slot == same:
                found[-1] = CallArguments(slot, before + piece)
            case _:
                found.append(event)
    return found
