"""Every row of the table of attacks: as a decision, and on a running agent whose client says no."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.security.cases import MARKER, Case, Ground, cases, decided, lay, settle, template
from tests.support.client import choose
from tests.support.phrases import call, script, tool
from tests.support.session import new_session
from tests.support.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Launch
    from tests.support.session import Session, Turn
    from tests.support.wire import JsonObject

TABLE = cases("attacks.json")
PROBES = [
    pytest.param(case, probe, id=f"{case.id}-{number}")
    for case in TABLE
    for number, probe in enumerate(case.probes, 1)
]
ASK = "session/request_permission"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("repository"))


def test_the_table_is_whole() -> None:
    assert len({case.id for case in TABLE}) == len(TABLE)
    for group in {case.group for case in TABLE}:
        verdicts = {case.verdict for case in TABLE if case.group == group}
        assert ("allow",) in verdicts, f"{group}: no control"
        assert any("allow" not in each for each in verdicts), f"{group}: no attack"
    assert all(set(case.verdict) <= {"allow", "ask", "deny"} and case.probes for case in TABLE)


@pytest.mark.parametrize(("case", "probe"), PROBES)
def test_decision(
    tmp_path: Path,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: Case,
    probe: str | JsonObject,
) -> None:
    bench = Workbench(tmp_path)
    ground = lay(bench, case, repository)
    settle(bench, case, script())
    for name, value in bench.environment().items():
        monkeypatch.setenv(name, value)
    before = ground.everything()
    verdict, resources = decided(ground, probe)
    assert verdict in case.verdict
    assert {os.path.realpath(ground.filled(each)) for each in case.claims} <= resources
    assert ground.everything() == before


class _Tried(NamedTuple):
    ground: Ground
    session: Session
    turn: Turn
    asked: int


@pytest.mark.timeout(150)
async def test_on_a_running_agent(
    workbench: Workbench, repository: Path, launch: Launch, subtests: pytest.Subtests
) -> None:
    """One agent, a session for each case; every question is answered with no."""
    on_wire = [case for case in TABLE if case.wire]
    grounds = {case.id: lay(workbench, case, repository) for case in on_wire}
    calls = [(case, probe) for case in on_wire for probe in case.probes]
    told = script(*(_told(at, grounds[case.id], probe) for at, (case, probe) in enumerate(calls)))
    settle(workbench, on_wire[0], told)
    client = await launch()
    client.handlers[ASK] = choose("reject_once")
    session: Session | None = None
    for at, (case, probe) in enumerate(calls):
        ground = grounds[case.id]
        if probe is case.probes[0]:
            settle(workbench, case, told)
            session = await new_session(client, ground.cwd)
        assert session is not None
        with subtests.test(case=case.id, probe=probe):
            before, asked = ground.everything(), len(client.calls(ASK))
            turn = await session.prompt(f"probe {at}.")
            tried = _Tried(ground, session, turn, len(client.calls(ASK)) - asked)
            _judge(case, tried, before)
    assert not list(workbench.root.rglob(f"*{MARKER}*"))


def _told(at: int, ground: Ground, probe: str | JsonObject) -> JsonObject:
    name, arguments = ground.call(probe)
    return tool(rf"^probe {at}\.$", call(name, **arguments))


def _judge(case: Case, tried: _Tried, before: dict[str, bytes | str]) -> None:
    ran = "in_progress" in tried.turn.call.states
    verdict = "ask" if tried.asked else "allow" if ran else "deny"
    assert verdict in case.verdict
    assert tried.asked <= 1
    after = tried.ground.everything()
    assert not [path for path in after if MARKER in path]
    if verdict == "allow":
        inside = str(tried.ground.workspace)
        before, after = (
            {path: each for path, each in contents.items() if not path.startswith(inside)}
            for contents in (before, after)
        )
    else:
        assert not ran
        assert tried.turn.call.now["status"] == "failed"
    assert after == before
