"""What commands change, as an editor is shown it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.support.processes import wait_for_command
from tests.support.session import fold, new_session, reopen
from tests.support.terminals import OFFERED, ZED, Terminals
from tests.support.wire import WAIT_S, JsonObject

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.session import ToolCall
    from tests.support.workbench import Workbench

SLEEP = "sleep 4719"
SCRIPT = "echo hello; echo new > made.txt; echo three >> b.txt; rm a.txt"


@pytest.fixture(autouse=True)
def anything_goes(workbench: Workbench) -> None:
    workbench.configure(permission="yolo")


def diffs(call: ToolCall) -> dict[str, tuple[str | None, str]]:
    """By file name: old and new text."""
    items = [item for item in call.now["content"] if item["type"] == "diff"]
    assert all(os.path.isabs(item["path"]) for item in items)
    return {os.path.basename(item["path"]): (item["oldText"], item["newText"]) for item in items}


def made_by_script(workbench: Workbench) -> dict[str, tuple[str | None, str]]:
    return {
        "a.txt": ("alpha\nbeta\ngamma\ndelta\nepsilon\n", ""),
        "b.txt": ("one\ntwo\n", "one\ntwo\nthree\n"),
        "made.txt": (None, "new\n"),
    }


def places(call: ToolCall) -> list[tuple[str, int | None]]:
    return [(os.path.basename(each["path"]), each.get("line")) for each in call.now.get("locations", [])]


@pytest.mark.requirement("tools.command-changes")
@pytest.mark.parametrize("repository", [False, True])
async def test_after_the_output(workbench: Workbench, launch: Launch, repository: bool) -> None:
    if repository:
        await anyio.run_process(["git", "init", "-q"], cwd=workbench.project)
        await anyio.run_process(["git", "add", "-A"], cwd=workbench.project)
    session = await new_session(await launch(), workbench.project)
    call = (await session.prompt(f"run {SCRIPT}")).call
    assert [item["type"] for item in call.now["content"]] == ["content", "diff", "diff", "diff"]
    assert "hello" in call.text
    assert diffs(call) == made_by_script(workbench)
    assert places(call) == [("b.txt", 3), ("made.txt", None)]
    call = (await session.prompt("run cat b.txt")).call
    assert diffs(call) == {}
    assert places(call) == []


@pytest.mark.requirement("tools.command-changes")
async def test_beside_a_terminal_of_ours(workbench: Workbench, launch: Launch) -> None:
    session = await new_session(await launch(ZED), workbench.project)
    call = (await session.prompt(f"run {SCRIPT}")).call
    terminal = {"type": "terminal", "terminalId": call.now["toolCallId"]}
    assert call.now["content"][0] == terminal
    assert diffs(call) == made_by_script(workbench)
    assert all(terminal in update["content"] for update in call.updates if "content" in update)


@pytest.mark.requirement("tools.command-changes")
async def test_in_a_terminal_of_the_editor(workbench: Workbench, launch: Launch) -> None:
    client = await launch(OFFERED)
    Terminals(client)
    call = (await (await new_session(client, workbench.project)).prompt(f"run {SCRIPT}")).call
    assert call.now["content"][0] == {"type": "terminal", "terminalId": "terminal-1"}
    assert diffs(call) == made_by_script(workbench)


@pytest.mark.requirement("tools.command-changes")
@pytest.mark.parametrize("offer", [{}, ZED])
async def test_of_a_command_that_is_cancelled(
    workbench: Workbench, launch: Launch, offer: JsonObject
) -> None:
    session = await new_session(await launch(offer), workbench.project)
    prompt = await session.start(f"run {SCRIPT}; {SLEEP}")
    await wait_for_command(workbench.root, SLEEP)
    await session.cancel()
    call = (await prompt.end()).call
    assert call.states[-1] == "failed"
    assert "Cancelled" in call.text
    assert diffs(call) == made_by_script(workbench)
    if offer:
        assert call.now["content"][0] == {"type": "terminal", "terminalId": call.now["toolCallId"]}
        assert "hello" not in call.text
    else:
        assert "hello" in call.text


@pytest.mark.requirement("tools.command-changes")
async def test_of_a_command_that_fails(workbench: Workbench, launch: Launch) -> None:
    session = await new_session(await launch(), workbench.project)
    call = (await session.prompt(f"run {SCRIPT}; exit 3")).call
    assert call.now["status"] == "failed"
    assert diffs(call) == made_by_script(workbench)


@pytest.mark.requirement("tools.command-changes")
async def test_when_the_session_is_loaded_again(workbench: Workbench, launch: Launch) -> None:
    session = await new_session(await launch(ZED), workbench.project)
    await session.prompt(f"run {SCRIPT}")
    await session.client.ask("session/close", {"sessionId": session.id})
    loaded = await reopen("session/load", await launch(ZED), session)
    (call,) = fold(loaded.updates(start=loaded.asked_at, stop=loaded.reply.at)).values()
    assert "hello" in call.text
    assert diffs(call) == made_by_script(workbench)


@pytest.mark.requirement("tools.command-changes")
async def test_the_model_learns_of_it_and_has_to_read_again(workbench: Workbench, launch: Launch) -> None:
    session = await new_session(await launch(), workbench.project)
    await session.prompt("read b.txt")
    call = (await session.prompt("run sed -i s/one/ONE/ b.txt; python3 -c \"open('c.txt', 'w')\"")).call
    (path,) = (workbench.data / "sessions").glob("*.jsonl")
    assert "exit code 0\\nFiles changed: b.txt, c.txt" in path.read_text(encoding="utf-8")
    assert diffs(call) == {"b.txt": ("one\ntwo\n", "ONE\ntwo\n"), "c.txt": (None, "")}
    written = (await session.prompt("write b.txt mine")).call
    assert "has changed since" in written.text


@pytest.mark.requirement("tools.command-changes")
async def test_taken_back(workbench: Workbench, launch: Launch) -> None:
    session = await new_session(await launch(), workbench.project)
    await session.prompt(f"run {SCRIPT}; printf '\\0' > data.bin")
    turn = await session.prompt("/undo")
    assert workbench.read("a.txt").startswith("alpha\n")
    assert workbench.read("b.txt") == "one\ntwo\n"
    assert not (workbench.project / "made.txt").exists()
    assert not (workbench.project / "data.bin").exists()
    assert "What else these calls have changed stays" in turn.text


@pytest.mark.requirement("tools.command-changes")
async def test_switched_off(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(permission="yolo", show_command_changes=False)
    session = await new_session(await launch(), workbench.project)
    assert diffs((await session.prompt(f"run {SCRIPT}")).call) == {}


@pytest.mark.requirement("tools.command-changes")
async def test_the_editor_saves_meanwhile(workbench: Workbench, launch: Launch) -> None:
    """By time alone: nobody can tell who has written a file."""
    session = await new_session(await launch(), workbench.project)
    os.mkfifo(workbench.root / "gate")
    prompt = await session.start("run echo begun; cat ../gate")
    await session.client.wire.until(lambda message: "begun" in str(message.get("params")), start=prompt.start)
    await wait_for_command(workbench.root, "cat")
    workbench.write("b.txt", "saved\n")
    with anyio.fail_after(WAIT_S):
        await anyio.Path(workbench.root / "gate").write_text("go\n", encoding="utf-8")
    assert diffs((await prompt.end()).call) == {"b.txt": ("one\ntwo\n", "saved\n")}
