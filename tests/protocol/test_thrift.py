"""What precedes the conversation stays as it is, so that services find it in their caches."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import pytest

from acp_agent.models.stream import CallArguments, CallStarted, Finished, TextPiece, Usage
from tests.support.client import choose
from tests.support.http_server import Answer, http_server
from tests.support.services import SERVICES
from tests.support.session import new_session
from tests.support.tool_servers import odd

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from acp_agent.models.stream import StreamEvent
    from tests.conftest import Launch
    from tests.support.http_server import Served
    from tests.support.services import Service
    from tests.support.session import Session
    from tests.support.workbench import Workbench

SPOKEN = SERVICES
TURNS = 30
BEFORE = ("system", "instructions", "systemInstruction", "tools", "toolConfig")
"""Where requests say what precedes the conversation; in some protocols it is its first message too."""
USAGE = Usage(100, 10)
OK: tuple[StreamEvent, ...] = (TextPiece("ok"), Finished("end", USAGE))
LOOK = (CallStarted(0, "read"), CallArguments(0, '{"path": "a.txt"}'), Finished("tools", USAGE))
CALL = (CallStarted(0, "mcp__odd__odd"), CallArguments(0, "{}"), Finished("tools", USAGE))


def prefix(served: Served) -> str:
    """A hash of what precedes the conversation, byte for byte."""
    body = served.body
    found: list[object] = [body.get(name) for name in BEFORE]
    found += [each for each in messages(served) if each.get("role") == "system"]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def messages(served: Served) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", served.body.get("messages") or [])


def changes(session: Session, workbench: Workbench) -> dict[int, Callable[[], Awaitable[object]]]:
    """What is changed before a turn."""

    async def new_file() -> None:
        workbench.write("new.txt", "new\n")
        workbench.write("AGENTS.md", "Be quick.\n")

    return {
        3: lambda: session.set_mode("plan"),
        5: lambda: session.set_mode("accept"),
        7: lambda: session.set_option("model", "far/n"),
        9: lambda: session.set_option("thought_level", "high"),
        11: lambda: session.set_option("model", "far/m"),
        13: lambda: session.set_option("thought_level", "low"),
        14: new_file,
        15: lambda: session.set_option("show_thoughts", "off"),
        17: lambda: session.set_option("thought_level", "default"),
        19: lambda: session.set_mode("yolo"),
        21: lambda: session.prompt("/compact"),
        23: lambda: session.prompt("/mode standard"),
        25: lambda: session.client.ask(
            "session/set_title", {"sessionId": session.id, "title": "Another title"}
        ),
    }


@pytest.mark.requirement("money.stable-prefix")
@pytest.mark.parametrize("service", SPOKEN, ids=lambda service: service.protocol)
async def test_the_prefix_is_stable(workbench: Workbench, launch: Launch, service: Service) -> None:
    """Over many turns with everything changed that can be, and servers that come and list as they like."""
    plan = {2: [LOOK, OK], 4: [CALL, OK], 8: [LOOK, OK], 12: [CALL, OK], 16: [CALL, OK], 22: [LOOK, CALL, OK]}
    answers = [each for turn in range(TURNS) for each in plan.get(turn, [OK])]
    answers.insert(sum(len(plan.get(turn, [OK])) for turn in range(21)), OK)  # the summary
    entry = {
        "provider_type": "custom", "protocol": service.protocol, "model": "m", "models": ["m", "n"],
        "thought_levels": ["low", "high"],
    }  # fmt: skip
    served = [Answer(list(service.speak(each)), content_type=service.content_type) for each in answers]
    async with http_server(*served) as server:
        entry["base_url"] = f"{server.url}/v1"
        workbench.settle({"provider": "far", "providers": {"far": entry}})
        client = await launch()
        client.handlers["session/request_permission"] = choose("allow_once")
        servers = [odd("shuffled"), odd("restless", name="busy"), odd("leaves", name="leaver")]
        session = await new_session(client, workbench.project, mcpServers=servers)
        changed = changes(session, workbench)
        for turn in range(TURNS):
            if change := changed.get(turn):
                await change()
            assert (await session.prompt(f"turn {turn}")).stop_reason == "end_turn"
        conversation = [
            each for each in server.requests if each.body.get("tools", each.body.get("toolConfig"))
        ]
    assert len(server.requests) - len(conversation) == 1, "the summary is asked for without tools"
    assert len(conversation) == sum(len(plan.get(turn, [OK])) for turn in range(TURNS))
    by_model: dict[object, set[str]] = {}
    for each in conversation:
        by_model.setdefault(each.body.get("model", each.path), set()).add(prefix(each))
    assert [len(found) for found in by_model.values()] == [1, 1], by_model
    assert len({each for found in by_model.values() for each in found}) == 1, (
        "nor do they differ from model to model"
    )


@pytest.mark.requirement("money.stable-prefix")
async def test_each_request_begins_with_the_one_before(workbench: Workbench, launch: Launch) -> None:
    service = next(each for each in SERVICES if each.protocol == "openai")
    answers = [LOOK, OK, OK, LOOK, LOOK, OK, OK]
    served = [Answer(list(service.speak(each)), content_type=service.content_type) for each in answers]
    async with http_server(*served) as server:
        entry = {"provider_type": "custom", "base_url": f"{server.url}/v1", "model": "m"}
        workbench.settle({"provider": "far", "providers": {"far": entry}})
        session = await new_session(await launch(), workbench.project)
        for turn in range(4):
            if turn == 2:
                await session.set_mode("plan")
            assert (await session.prompt(f"turn {turn}")).stop_reason == "end_turn"
        sent = [messages(each) for each in server.requests]
    assert len(sent) == len(answers)
    for before, after in pairwise(sent):
        assert json.dumps(after[: len(before)]) == json.dumps(before)
