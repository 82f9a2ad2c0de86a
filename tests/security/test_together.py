"""What several parts of the defence have to hold together."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.security.cases import MARKER, TABLES, Case, cases, decided, lay, settle, template
from tests.support.client import choose
from tests.support.phrases import script
from tests.support.session import new_session
from tests.support.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Launch
    from tests.support.session import Session
    from tests.support.wire import JsonObject

ASK = "session/request_permission"
PROBES = [
    pytest.param(case, probe, id=f"{case.id}-{number}")
    for case in cases("together.json")
    for number, probe in enumerate(case.probes, 1)
]
LISTS: list[dict[str, Any]] = json.loads((TABLES / "command_permissions.json").read_text(encoding="utf-8"))
LISTED = [
    pytest.param(row["permissions"], command, row["verdict"], id=f"{at}-{number}")
    for at, row in enumerate(LISTS, 1)
    for number, command in enumerate(row["commands"], 1)
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    made = Workbench(tmp_path)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


@pytest.mark.parametrize(("case", "probe"), PROBES)
def test_decision(bench: Workbench, repository: Path, case: Case, probe: str | JsonObject) -> None:
    ground = lay(bench, case, repository)
    settle(bench, case, script())
    verdict, _ = decided(ground, probe)
    assert verdict in case.verdict


@pytest.mark.parametrize(("permissions", "command", "verdicts"), LISTED)
def test_lists_of_commands(
    bench: Workbench,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    permissions: object,
    command: str,
    verdicts: list[str],
) -> None:
    """The lists of commands in the environment, as another agent has them."""
    ground = lay(bench, Case("lists", "list", "", (command,), tuple(verdicts)), repository)
    bench.configure(script())
    monkeypatch.setenv("ACP_AGENT_COMMAND_PERMISSIONS", json.dumps(permissions))
    verdict, _ = decided(ground, command)
    assert verdict in verdicts


async def test_what_is_shown_has_no_controls(session: Session) -> None:
    """Neither colours, links and titles for a terminal nor marks that turn the text round."""
    session.client.handlers[ASK] = choose("reject_once")
    await session.prompt("run touch \x1b]8;;http://evil.example\x07here\x1b]8;;\x07 \u202ed \u200b x\x1b[2K")
    (request,) = [message["params"] for message in session.client.calls(ASK)]
    titles = [request["toolCall"]["title"], *(each["name"] for each in request["options"])]
    titles += [update["title"] for update in session.updates() if update.get("title")]
    assert titles
    assert not [each for each in "".join(titles) if not each.isprintable()]


async def test_a_question_about_very_many_files(session: Session) -> None:
    """It is put at once, however many secrets a search would meet."""
    session.client.handlers[ASK] = choose("reject_once")
    for number in range(400):
        folder = session.cwd / f"d{number}"
        folder.mkdir()
        (folder / ".env").write_text("KEY=1\n", encoding="utf-8")
    turn = await session.prompt("run grep -r KEY .", within=10)
    assert turn.call.states[-1] == "failed"
    assert len(session.client.calls(ASK)) == 1


async def test_no_command_without_the_sandbox_that_was_chosen(workbench: Workbench, launch: Launch) -> None:
    """Where it is missing the command is refused or asked about, and it is said."""
    programs = workbench.root / "bin"
    programs.mkdir()
    for name in ("sh", "bash", "touch", "git", "env"):
        (programs / name).symlink_to(str(shutil.which(name)))
    workbench.configure(permission="yolo", sandbox="bwrap")
    client = await launch(env=workbench.environment(PATH=str(programs)))
    client.handlers[ASK] = choose("reject_once")
    session = await new_session(client, workbench.project)
    turn = await session.prompt(f"run touch {MARKER}")
    assert turn.call.states[-1] == "failed"
    assert not (workbench.project / MARKER).exists()
    assert "sandbox" in (turn.call.text + str(client.calls(ASK)) + str(session.updates())).lower()
