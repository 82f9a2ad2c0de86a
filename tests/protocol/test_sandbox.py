"""The sandbox as an editor sees it: an option, a notice, fewer questions, and no way around it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.session import Session, new_session, reopen
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

ASK = "session/request_permission"
NOTICES: JsonObject = {"session": {"notices": {}}}
OLD_KERNEL = [sys.executable, str(Path(__file__).parents[1] / "support" / "old_kernel.py")]
MODES = ["off", "auto", "required"]
ESCAPE = "run bash job.sh"
JOB = "echo x > made.txt; touch ../escaped"
"""What nobody can see in the command line, so that nothing is opened for it."""


@pytest.fixture
def workbench(workbench: Workbench) -> Workbench:
    workbench.write("job.sh", JOB)
    return workbench


def state(options: list[JsonObject]) -> tuple[str, str]:
    """The value of the option, and what the editor shows for it."""
    option = next(one for one in options if one["id"] == "sandbox")
    chosen = option["currentValue"]
    return chosen, next(choice["name"] for choice in option["options"] if choice["value"] == chosen)


def asked(session: Session) -> int:
    return len(session.client.calls(ASK))


async def told(session: Session) -> tuple[str, str]:
    """The state, once it is known what the mode comes to."""
    update = await session.saw("config_option_update")
    return state(update["configOptions"])


@pytest.mark.requirement("session.sandbox")
async def test_it_is_off_and_can_be_switched_on(workbench: Workbench, launch: Launch) -> None:
    session = await new_session(await launch(NOTICES), workbench.project)
    assert state(session.opened["configOptions"]) == ("off", "Off")
    option = next(one for one in session.opened["configOptions"] if one["id"] == "sandbox")
    assert [choice["value"] for choice in option["options"]] == MODES
    await session.prompt(ESCAPE)
    assert (asked(session), (workbench.root / "escaped").exists()) == (1, True)
    (workbench.root / "escaped").unlink()
    await session.set_option("sandbox", "auto")
    notice = await session.saw("notice")
    assert notice["title"] == "Commands run in a sandbox: bwrap"
    assert state(session.updates("config_option_update")[-1]["configOptions"]) == ("auto", "Auto (bwrap)")
    await session.prompt(f"{ESCAPE} again")
    assert asked(session) == 1, "it is confined, so nobody was asked"
    assert not (workbench.root / "escaped").exists()
    assert workbench.read("made.txt") == "x\n"
    await session.set_option("sandbox", "off")
    await session.prompt(ESCAPE)
    assert (asked(session), (workbench.root / "escaped").exists()) == (2, True)


@pytest.mark.requirement("session.sandbox")
@pytest.mark.parametrize("mode", ["bwrap", "landlock"])
async def test_the_one_of_the_settings(workbench: Workbench, launch: Launch, mode: str) -> None:
    workbench.configure(sandbox=mode)
    session = await new_session(await launch(NOTICES), workbench.project)
    assert (await session.saw("notice"))["title"] == f"Commands run in a sandbox: {mode}"
    await session.prompt(ESCAPE)
    assert not (workbench.root / "escaped").exists()
    assert asked(session) == (mode == "landlock"), "only what keeps guarded files saves a question"


@pytest.mark.requirement("session.sandbox-closed")
@pytest.mark.parametrize("mode", ["required", "bwrap", "landlock"])
async def test_without_a_sandbox_nothing_runs(workbench: Workbench, launch: Launch, mode: str) -> None:
    workbench.configure(sandbox=mode)
    client = await launch(NOTICES, command=[*OLD_KERNEL, *agent_command()])
    session = await new_session(client, workbench.project)
    assert (await session.saw("notice"))["title"] == "No command can run"
    turn = await session.prompt("run touch made.txt")
    assert turn.call.states[-1] == "failed"
    assert "none works here" in turn.call.text
    assert "acp-agent doctor" in turn.call.text
    assert not (workbench.project / "made.txt").exists()
    await session.set_mode("yolo")
    await session.prompt("run touch made.txt")
    assert not (workbench.project / "made.txt").exists()


@pytest.mark.requirement("session.sandbox-closed")
async def test_without_the_program_nothing_runs_either(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(sandbox="bwrap")
    client = await launch(env={**workbench.environment(), "PATH": str(workbench.home)})
    session = await new_session(client, workbench.project)
    turn = await session.prompt("run echo hi")
    assert "install bubblewrap" in turn.call.text
    assert turn.call.states[-1] == "failed"


@pytest.mark.requirement("session.sandbox-closed")
async def test_auto_without_a_sandbox_says_so_and_asks(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(sandbox="auto")
    client = await launch(NOTICES, command=[*OLD_KERNEL, *agent_command()])
    session = await new_session(client, workbench.project)
    notice = await session.saw("notice")
    assert notice["title"] == "Commands run without a sandbox"
    assert "bwrap: " in notice["description"]
    assert "landlock: " in notice["description"]
    assert await told(session) == ("auto", "Auto (none works here)")
    await session.prompt("run touch made.txt")
    assert asked(session) == 1
    assert (workbench.project / "made.txt").exists()
    await session.prompt("run touch other.txt")
    assert len(session.updates("notice")) == 1


@pytest.mark.requirement("session.sandbox")
async def test_the_editors_terminals_are_left_alone(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(sandbox="auto", terminal="editor")
    session = await new_session(await launch({"terminal": True}), workbench.project)
    await session.prompt(ESCAPE)
    assert not (workbench.root / "escaped").exists()
    assert not session.client.calls("terminal/create")


@pytest.mark.requirement("session.sandbox-closed")
async def test_a_journal_does_not_loosen_it(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(sandbox="auto")
    session = await new_session(await launch(), workbench.project)
    await session.set_option("sandbox", "off")
    await session.prompt("say hi")
    workbench.configure(sandbox="required")
    await session.client.ask("session/close", {"sessionId": session.id})
    again = await reopen("session/load", session.client, session)
    assert state(again.opened["configOptions"])[0] == "required"


@pytest.mark.requirement("session.sandbox-closed")
async def test_a_project_does_not_loosen_it(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(sandbox="required")
    (workbench.project / ".acp-agent").mkdir()
    workbench.write(
        ".acp-agent/config.json", '{"sandbox": {"mode": "off", "network": true, "writable": ["/"]}}'
    )
    session = await new_session(await launch(), workbench.project)
    assert state(session.opened["configOptions"])[0] == "required"
    await session.prompt(ESCAPE)
    assert not (workbench.root / "escaped").exists()
