"""The screen of `acp-agent` alone: it fits a terminal, and shows what `acp-agent editors` prints."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from acp_agent.cli.editor_setup.catalogue import Editor, editors, render
from acp_agent.cli.editor_setup.launch import command_path, here
from acp_agent.cli.welcome import screen
from tests.support.terminal import on_terminal
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workbench import Workbench

AGENT = here("/home/me/.local/bin/acp-agent")
EDITORS = editors()


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine without any editor."""
    return {"HOME": str(tmp_path), "PATH": str(tmp_path)}


@pytest.mark.parametrize("editor", EDITORS.values(), ids=EDITORS)
def test_it_fits_a_terminal(empty: dict[str, str], tmp_path: Path, editor: Editor) -> None:
    program = tmp_path / editor.programs[0]
    program.write_text("", encoding="utf-8")
    program.chmod(0o755)
    text = screen(AGENT, empty)
    assert len(text.splitlines()) <= 40
    if editor.language != "sh":
        assert max(map(len, text.replace(str(tmp_path), "/home/me").splitlines())) <= 82


def test_it_shows_the_configuration_of_an_editor_that_is_here(empty: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".jetbrains").mkdir()
    text = screen(AGENT, empty)
    assert text.endswith(render(EDITORS["jetbrains"], AGENT))
    assert f"{tmp_path}/.jetbrains/acp.json" in text


def test_it_shows_one_where_none_is_here_and_names_them_all(empty: dict[str, str]) -> None:
    text = screen(AGENT, empty)
    assert text.endswith(render(EDITORS["zed"], AGENT))
    assert all(name in text for name in EDITORS)


def test_the_command_is_named_by_its_absolute_path() -> None:
    path = command_path()
    assert os.path.isabs(path)
    assert os.path.basename(path) == "acp-agent"


async def test_it_is_what_the_command_alone_shows_on_a_terminal(workbench: Workbench) -> None:
    async with on_terminal(agent_command(), workbench.environment(), workbench.root) as terminal:
        await terminal.sees("acp-agent demo")
        await terminal.sees(re.escape(agent_command()[0]))
        assert await terminal.ended() == 0
