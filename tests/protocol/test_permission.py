"""Asking before acting, and what the answers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import always, choose, refuse
from tests.support.session import Session, new_session

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

ASK = "session/request_permission"
TOUCH = "run touch made.txt"
EDIT = "edit a.txt beta BETA"
ODD_OUTCOMES: list[object] = [
    {"outcome": "selected", "optionId": "no-such-option"},
    {"outcome": "selected", "optionId": None},
    {"outcome": "selected"},
    {"outcome": "cancelled"},
    {"outcome": "approved"},
    {"outcome": "allow_once"},
    "selected",
    None,
]
"""Answers to a permission request that approve nothing."""


def asked(session: Session) -> list[JsonObject]:
    """Parameters of the permission requests so far."""
    return [message["params"] for message in session.client.calls(ASK)]


@pytest.mark.requirement("permission.self-contained")
async def test_request_for_an_edit(session: Session) -> None:
    await session.set_mode("restrictive")
    turn = await session.prompt(EDIT)
    (request,) = asked(session)
    call = request["toolCall"]
    assert request["sessionId"] == session.id
    assert call["toolCallId"] == turn.calls[-1].now["toolCallId"]
    assert (call["kind"], call["status"]) == ("edit", "pending")
    assert call["title"]
    diff = call["content"][0]
    assert (diff["type"], diff["path"]) == ("diff", str(session.cwd / "a.txt"))
    assert "BETA" in diff["newText"]
    assert call["locations"][0]["path"] == diff["path"]


@pytest.mark.requirement("permission.self-contained")
async def test_request_for_a_command(session: Session) -> None:
    await session.prompt("run python3 check.py --all")
    (request,) = asked(session)
    call = request["toolCall"]
    assert call["kind"] == "execute"
    assert "python3 check.py --all" in call["title"] + str(call["content"])
    assert "python3 check.py --all" in str(call["rawInput"])


@pytest.mark.requirement("permission.one-option-per-kind")
@pytest.mark.parametrize("prompt", ["run python3 check.py", EDIT])
async def test_options(session: Session, prompt: str) -> None:
    await session.set_mode("restrictive")
    await session.prompt(prompt)
    options = asked(session)[0]["options"]
    kinds = [option["kind"] for option in options]
    assert sorted(kinds) == ["allow_always", "allow_once", "reject_always", "reject_once"]
    assert len({option["optionId"] for option in options}) == len(options)
    assert all(option["name"] for option in options)


@pytest.mark.requirement("permission.stable-options")
async def test_options_have_the_same_ids_everywhere(session: Session) -> None:
    await session.set_mode("restrictive")
    other = await new_session(session.client, session.cwd)
    for one, prompt in ((session, TOUCH), (session, EDIT), (other, "run python3 check.py")):
        await one.prompt(prompt)
    ids = [
        {option["kind"]: option["optionId"] for option in request["options"]} for request in asked(session)
    ]
    assert len(ids) == 3
    assert ids[0] == ids[1] == ids[2]


@pytest.mark.requirement("permission.only-allow-allows")
async def test_only_allow_allows(workbench: Workbench, session: Session, subtests: pytest.Subtests) -> None:
    for outcome in ODD_OUTCOMES:
        with subtests.test(outcome=outcome):
            session.client.handlers[ASK] = always({"outcome": outcome})
            await assert_denied(workbench, session)
    for handler in (choose("reject_once"), always({}), refuse(-32603), refuse(-32601)):
        with subtests.test(handler=handler):
            session.client.handlers[ASK] = handler
            await assert_denied(workbench, session)


async def assert_denied(workbench: Workbench, session: Session) -> None:
    turn = await session.prompt(TOUCH)
    assert turn.call.states[-1] == "failed"
    assert "in_progress" not in turn.call.states
    assert not (workbench.project / "made.txt").exists()


@pytest.mark.requirement("permission.only-allow-allows")
@pytest.mark.parametrize("kind", ["allow_once", "allow_always"])
async def test_allow_allows(workbench: Workbench, session: Session, kind: str) -> None:
    session.client.handlers[ASK] = choose(kind)
    assert (await session.prompt(TOUCH)).call.states[-1] == "completed"
    assert (workbench.project / "made.txt").exists()


@pytest.mark.requirement("permission.rejection-goes-on")
async def test_the_turn_goes_on(workbench: Workbench, session: Session) -> None:
    before = workbench.read("a.txt")
    await session.set_mode("restrictive")
    session.client.handlers[ASK] = choose("reject_once")
    turn = await session.prompt(EDIT)
    assert [call.states[-1] for call in turn.calls] == ["completed", "failed"]
    assert (turn.stop_reason, turn.text) == ("end_turn", "Done.")
    assert workbench.read("a.txt") == before
    session.client.handlers[ASK] = choose("allow_once")
    assert (await session.prompt(EDIT)).calls[-1].states[-1] == "completed"
    assert len(asked(session)) == 2


@pytest.mark.requirement("permission.remembered")
@pytest.mark.parametrize(("kind", "status"), [("allow_always", "completed"), ("reject_always", "failed")])
async def test_always_is_remembered(session: Session, kind: str, status: str) -> None:
    session.client.handlers[ASK] = choose(kind)
    for _ in range(3):
        assert (await session.prompt(TOUCH)).call.states[-1] == status
    assert len(asked(session)) == 1
    await session.prompt("run python3 check.py")
    assert len(asked(session)) == 2


@pytest.mark.requirement("permission.remembered")
async def test_once_is_not_remembered(session: Session) -> None:
    for _ in range(2):
        await session.prompt(TOUCH)
    assert len(asked(session)) == 2


@pytest.mark.requirement("permission.modes")
@pytest.mark.parametrize(
    ("mode", "asks"),
    [
        ("standard", {"command", "outside"}),
        ("restrictive", {"command", "outside", "edit"}),
        ("accept", {"command", "outside"}),
        ("yolo", set[str]()),
    ],
)
@pytest.mark.parametrize("way", ["set_mode", "settings"])
async def test_what_a_mode_asks(
    workbench: Workbench, launch: Launch, mode: str, asks: set[str], way: str
) -> None:
    if way == "settings":
        workbench.configure(permission=mode)
    session = await new_session(await launch(), workbench.project)
    if way == "set_mode":
        await session.set_mode(mode)
    prompts = {
        "read": "read a.txt",
        "look": "run ls",
        "edit": EDIT,
        "command": TOUCH,
        "outside": f"put {workbench.root / 'made.txt'} x",
    }
    found: set[str] = set()
    for name, prompt in prompts.items():
        before = len(asked(session))
        assert (await session.prompt(prompt)).calls[-1].states[-1] == "completed"
        if len(asked(session)) > before:
            found.add(name)
    assert found == asks


@pytest.mark.requirement("permission.modes")
async def test_a_grant_belongs_to_its_session(client: Client, session: Session) -> None:
    client.handlers[ASK] = choose("allow_always")
    other = await new_session(client, session.cwd)
    await session.prompt(TOUCH)
    await other.prompt(TOUCH)
    assert [request["sessionId"] for request in asked(session)] == [session.id, other.id]
