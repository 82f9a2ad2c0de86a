"""Fixtures for tests of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.unit.tools.bench import Bench
from tests.unit.workspace.editor import Editor

if TYPE_CHECKING:
    from pathlib import Path

# How long an example takes says nothing on a machine that does other things too.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Tools without an editor."""
    return Bench(tmp_path / "project")


@pytest.fixture
def edited(tmp_path: Path) -> Bench:
    """Tools with an editor."""
    return Bench(tmp_path / "project", Editor())
