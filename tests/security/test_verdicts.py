"""What users of agents have been surprised by, and what they had every right to expect: decisions only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.assembly.deciding import Circumstances, Deciding
from tests.security.cases import Case, cases, lay, settle, template
from tests.support.phrases import script
from tests.support.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.security.cases import Ground
    from tests.support.wire import JsonObject

TABLE = cases("verdicts.json")
PROBES = [
    pytest.param(case, probe, id=f"{case.id}-{number}")
    for case in TABLE
    for number, probe in enumerate(case.probes, 1)
]


class Court:
    """Decides about the probes of one case after the other, on ground built once for each."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self._bench = Workbench(folder)
        self._repository = repository
        self._case: str = ""
        self._ground: Ground | None = None
        self._deciding: Deciding | None = None

    def verdict(self, case: Case, probe: str | JsonObject, setenv: Callable[[str, str], None]) -> str:
        env = self._bench.environment()
        for name, value in env.items():
            setenv(name, value)
        if self._case != case.id or self._ground is None or self._deciding is None:
            self._case, self._ground = case.id, lay(self._bench, case, self._repository)
            settle(self._bench, case, script())
            self._deciding = Deciding(Circumstances(str(self._ground.cwd)), env)
        return self._deciding.consider(*self._ground.call(probe)).decision.verdict


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Court:
    return Court(tmp_path_factory.mktemp("court"), template(tmp_path_factory.mktemp("repository")))


def test_the_table_is_whole() -> None:
    assert len({case.id for case in TABLE}) == len(TABLE)
    for group in {case.group for case in TABLE}:
        verdicts = [case.verdict for case in TABLE if case.group == group]
        assert any("allow" in each for each in verdicts), f"{group}: no control"
        assert any("allow" not in each for each in verdicts), f"{group}: no attack"


@pytest.mark.parametrize(("case", "probe"), PROBES)
def test_verdict(court: Court, monkeypatch: pytest.MonkeyPatch, case: Case, probe: str | JsonObject) -> None:
    assert court.verdict(case, probe, monkeypatch.setenv) in case.verdict
