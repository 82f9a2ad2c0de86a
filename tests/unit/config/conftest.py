"""A place with settings of the user and of a project, for tests that load them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from acp_agent.config.load import Loaded, Overrides, Resolved, resolve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Place:
    """`own` and `project` are the two files; nothing is there until it is written."""

    def __init__(self, root: Path) -> None:
        self.own = root / "config" / "config.json"
        self.cwd = root / "project"
        self.project = self.cwd / ".acp-agent" / "config.json"
        self.env: dict[str, str] = {"ACP_AGENT_CONFIG_DIR": str(self.own.parent)}
        for file in (self.own, self.project):
            file.parent.mkdir(parents=True)

    def write_own(self, settings: object) -> None:
        self.own.write_text(json.dumps(settings), encoding="utf-8")

    def write_project(self, settings: object) -> None:
        self.project.write_text(json.dumps(settings), encoding="utf-8")

    def resolve(self, overrides: Overrides | None = None) -> Resolved:
        return resolve(self.cwd, self.env, overrides or Overrides())

    def load(self, overrides: Overrides | None = None) -> Loaded:
        return self.resolve(overrides).loaded


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def new_place(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Place]:
    """For tests of many examples: a fresh place each time."""
    return lambda: Place(tmp_path_factory.mktemp("place"))
