"""Tool calls and plans as the client sees them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.support.chat_server import use
from tests.support.http_server import Answer, http_server
from tests.support.session import new_session, reopen
from tests.support.wire import WAIT_S

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

KINDS = {
    "read a.txt": ("read", "read"),
    "search alpha": ("grep", "search"),
    "write new.txt words": ("write", "edit"),
    "edit a.txt beta BETA": ("edit", "edit"),
    "run cat a.txt": ("bash", "execute"),
}
"""The tool and the kind of the last call of each prompt."""


@pytest.mark.requirement("tools.lifecycle")
async def test_lifecycle(session: Session, subtests: pytest.Subtests) -> None:
    for prompt in (*KINDS, "run python3 -c 'print(6*7)'", "plan"):
        with subtests.test(prompt=prompt):
            for call in (await session.prompt(prompt)).calls:
                assert call.states == ["pending", "in_progress", "completed"]


@pytest.mark.requirement("tools.announced-early")
async def test_a_call_is_announced_before_its_arguments_are_there(
    workbench: Workbench, launch: Launch
) -> None:
    begun = {"index": 0, "id": "x", "function": {"name": "bash", "arguments": '{"comm'}}
    choice = {"index": 0, "delta": {"tool_calls": [begun]}}
    piece = b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"
    async with http_server(Answer([piece], hangs=True)) as server:
        use(workbench, server)
        session = await new_session(await launch(), workbench.project)
        prompt = await session.start("go")
        told = await session.saw("tool_call", start=prompt.start)
        assert (told["name"], told["kind"], told["status"]) == ("bash", "execute", "pending")
        await session.cancel()
        turn = await prompt.end()
        assert (turn.stop_reason, turn.call.states[-1]) == ("cancelled", "failed")


@pytest.mark.requirement("tools.announced-early")
async def test_what_a_call_is_about_follows(session: Session) -> None:
    first, *later = (await session.prompt("read a.txt")).call.updates
    assert "rawInput" not in first
    raw = next(update["rawInput"] for update in later if "rawInput" in update)
    assert raw["path"] == str(session.cwd / "a.txt")
    title = next(update["title"] for update in later if "title" in update)
    assert title != first["title"]
    assert "a.txt" in title


@pytest.mark.requirement("tools.failure")
async def test_failures(session: Session, subtests: pytest.Subtests) -> None:
    for prompt in ("read gone.txt", "edit a.txt nowhere x", "nonsense", "run exit 3"):
        with subtests.test(prompt=prompt):
            turn = await session.prompt(prompt)
            assert turn.calls[-1].states[-1] == "failed"
            assert (turn.stop_reason, turn.text) == ("end_turn", "Done.")


@pytest.mark.requirement("tools.failure")
async def test_a_failed_edit_changes_nothing(workbench: Workbench, session: Session) -> None:
    before = workbench.read("a.txt")
    await session.prompt("edit a.txt a A")  # not unique
    assert workbench.read("a.txt") == before


@pytest.mark.requirement("tools.unique-ids")
async def test_ids_are_unique(session: Session) -> None:
    for _ in range(2):
        turn = await session.prompt("read both a.txt b.txt")
        assert len(turn.calls) == 2
    started = session.updates("tool_call")
    assert len({update["toolCallId"] for update in started}) == len(started) == 4


@pytest.mark.requirement("tools.announced-first")
async def test_calls_are_announced_first(session: Session) -> None:
    await session.prompt("run python3 check.py")
    messages = session.client.wire.messages
    (request,) = session.client.calls("session/request_permission")
    before = [
        message["params"]["update"]
        for message in messages[: messages.index(request)]
        if message.get("method") == "session/update"
    ]
    announced = {update["toolCallId"] for update in before if update["sessionUpdate"] == "tool_call"}
    assert request["params"]["toolCall"]["toolCallId"] in announced


@pytest.mark.requirement("tools.raw-objects")
@pytest.mark.requirement("tools.title")
async def test_what_a_call_says_of_itself(session: Session, subtests: pytest.Subtests) -> None:
    for prompt, named in KINDS.items():
        with subtests.test(prompt=prompt):
            call = (await session.prompt(prompt)).calls[-1].now
            assert (call["name"], call["kind"]) == named
            assert call["rawInput"]
            assert isinstance(call["rawOutput"], dict)
            assert call["title"]
            assert not {":", "\n"} & set(call["title"])


@pytest.mark.requirement("tools.diff")
async def test_diff_of_an_edit(workbench: Workbench, session: Session) -> None:
    old = workbench.read("a.txt")
    turn = await session.prompt("edit a.txt beta BETA")
    call = turn.calls[-1]
    assert call.now["content"][0] == call.diff
    assert call.diff == {
        "type": "diff",
        "path": str(session.cwd / "a.txt"),
        "oldText": old,
        "newText": old.replace("beta", "BETA"),
    }
    assert workbench.read("a.txt") == call.diff["newText"]


@pytest.mark.requirement("tools.diff")
async def test_diff_of_a_new_file(workbench: Workbench, session: Session) -> None:
    diff = (await session.prompt("write new.txt words")).call.diff
    assert (diff["oldText"], diff["newText"]) == (None, "words\n")
    assert workbench.read("new.txt") == "words\n"


@pytest.mark.requirement("tools.locations")
async def test_locations(session: Session) -> None:
    path = str(session.cwd / "a.txt")
    whole = (await session.prompt("read a.txt")).call.now["locations"][0]
    assert whole["path"] == path
    part = (await session.prompt("part a.txt x")).call.now["locations"][0]
    assert part == {"path": path, "line": 3}
    edit = (await session.prompt("edit a.txt gamma GAMMA")).calls[-1].now["locations"][0]
    assert edit == {"path": path, "line": 3}
    found = (await session.prompt("search delta")).call.now["locations"]
    assert {"path": path, "line": 4} in found


@pytest.mark.requirement("tools.whole-plan")
async def test_plan(session: Session) -> None:
    plans = (await session.prompt("plan")).kind("plan")
    assert [[entry["status"] for entry in plan["entries"]] for plan in plans] == [
        ["in_progress", "pending"],
        ["completed", "in_progress"],
    ]
    assert all([entry["content"] for entry in plan["entries"]] == ["step 1", "step 2"] for plan in plans)


@pytest.mark.requirement("tools.streamed-output")
async def test_output_comes_as_it_is_written(workbench: Workbench, session: Session) -> None:
    gate = workbench.project / "gate"
    os.mkfifo(gate)
    prompt = await session.start("run cat b.txt; cat gate; cat a.txt; exit 3")
    await session.client.wire.until(lambda message: "one" in shown(message), start=prompt.start)
    with anyio.fail_after(WAIT_S):
        await anyio.Path(gate).write_text("middle\n", encoding="utf-8")
    call = (await prompt.end()).call
    words = [word for word in call.text.split() if word in ("one", "middle", "alpha")]
    assert words == ["one", "middle", "alpha"]
    assert call.states[-1] == "failed"
    assert "3" in str(call.now["rawOutput"])


def shown(message: JsonObject) -> str:
    """The content of a tool call's update, as text."""
    is_update = message.get("method") == "session/update"
    return str(message["params"]["update"].get("content")) if is_update else ""


@pytest.mark.requirement("tools.whole-plan")
@pytest.mark.requirement("services.gated-updates")
async def test_plans_in_the_newer_form(workbench: Workbench, launch: Launch) -> None:
    """Only for clients that announced it; in a replay too."""
    client = await launch({"plan": {}})
    session = await new_session(client, workbench.project)
    turn = await session.prompt("plan")
    assert turn.kind("plan") == []
    plans = [update["plan"] for update in turn.kind("plan_update")]
    assert [[entry["status"] for entry in plan["entries"]] for plan in plans] == [
        ["in_progress", "pending"],
        ["completed", "in_progress"],
    ]
    assert {(plan["type"], plan["planId"]) for plan in plans} == {("items", "todo")}
    loaded = await reopen("session/load", client, session)
    replayed = loaded.updates("plan_update", start=loaded.asked_at, stop=loaded.reply.at)
    assert [update["plan"] for update in replayed] == plans[-1:]
