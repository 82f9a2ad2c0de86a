from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.unit.permission.conftest import bench

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["bench", "ground"]

OUTSIDE_OF_TMP = Path(__file__).parents[2] / ".pytest_cache"
"""A sandbox has a /tmp of its own: what happens there says nothing of the rest of the machine."""


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is not below /tmp, with the home folder in it."""
    OUTSIDE_OF_TMP.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=OUTSIDE_OF_TMP, prefix="cell-") as folder:
        monkeypatch.setenv("HOME", f"{folder}/home")
        yield Path(folder)
