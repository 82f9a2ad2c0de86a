from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.permission.support import Bench, make_bench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A workspace; HOME is a folder of the test's own."""
    made = make_bench(tmp_path)
    monkeypatch.setenv("HOME", str(made.home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "ACP_AGENT_CONFIG_DIR", "ACP_AGENT_DATA_DIR", "CDPATH"):
        monkeypatch.delenv(name, raising=False)
    return made
