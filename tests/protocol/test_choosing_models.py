"""Which model answers: by how hard the prompt is, and by what it is asked for."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.chat_server import says
from tests.support.http_server import http_server
from tests.support.session import new_session, reopen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.conftest import Launch
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

NOTICES: JsonObject = {"session": {"notices": {}}}
HARD = "refactor the architecture and design of the complex security parts"


@pytest.fixture
async def routed(workbench: Workbench, launch: Launch) -> AsyncGenerator[Session]:
    """A session that can choose between three services, each of which says its name."""
    async with AsyncExitStack() as stack:
        entries: dict[str, object] = {}
        for name in ("small", "usual", "large"):
            server = await stack.enter_async_context(http_server(*[says(name)] * 9))
            entries[name] = {"provider_type": "custom", "base_url": server.url, "model": "m"}
        roles = {"fast": "small", "default": "usual/m", "slow": "large", "summarization": "small"}
        workbench.settle({"provider": "usual", "providers": entries, "roles": roles})
        yield await new_session(await launch(NOTICES), workbench.project)


def current(session: Session, option: str = "model") -> object:
    return next(each["currentValue"] for each in session.opened["configOptions"] if each["id"] == option)


@pytest.mark.requirement("models.auto")
async def test_auto_goes_by_the_prompt_and_says_why(routed: Session) -> None:
    assert current(routed) == "usual/m"
    assert (await routed.prompt("hello")).text == "usual"
    await routed.set_option("model", "auto")
    easy = await routed.prompt("hello")
    assert easy.text == "small"
    assert easy.kind("notice")[0]["title"].startswith("Auto: small/m (smol; ")
    hard = await routed.prompt(HARD)
    assert hard.text == "large"
    assert "architecture +15" in hard.kind("notice")[0]["title"]
    assert (await routed.prompt("hello")).text == "small"
    assert (await routed.prompt("hello, think deeply")).text == "large"


@pytest.mark.requirement("models.auto")
async def test_auto_stays_chosen(routed: Session, launch: Launch) -> None:
    await routed.set_option("model", "auto")
    await routed.prompt(HARD)
    again = await reopen("session/load", await launch(NOTICES), await _closed(routed))
    assert current(again) == "auto"
    await again.set_option("model", "usual/m")
    assert (await again.prompt(HARD)).text == "usual"


async def _closed(session: Session) -> Session:
    await session.client.ask("session/close", {"sessionId": session.id})
    return session


@pytest.mark.requirement("models.auto")
async def test_clients_without_notices_are_told_too(routed: Session, launch: Launch) -> None:
    client = await launch()
    session = await new_session(client, routed.cwd)
    await session.set_option("model", "auto")
    assert "Auto: small/m" in (await session.prompt("hello")).thoughts


@pytest.mark.requirement("models.roles")
async def test_another_model_writes_summaries(routed: Session) -> None:
    await routed.prompt("hello")
    assert "small" in (await routed.prompt("/compact")).text


@pytest.mark.requirement("models.auto")
async def test_nothing_to_choose_from_is_not_offered(session: Session) -> None:
    (option,) = [each for each in session.opened["configOptions"] if each["id"] == "model"]
    assert "auto" not in str(option["options"])
