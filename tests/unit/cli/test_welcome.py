"""The screen of `acp-agent` alone: it fits a terminal, and what it says to write is well formed."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from acp_agent.cli.welcome import command_path, screen
from tests.support.terminal import on_terminal
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.support.workbench import Workbench

COMMAND = "/home/me/.local/bin/acp-agent"


def test_it_fits_a_terminal() -> None:
    lines = screen(COMMAND).splitlines()
    assert max(map(len, lines)) <= 82
    assert len(lines) <= 40


def test_the_json_in_it_is_json() -> None:
    text = screen(COMMAND)
    zed = re.search(r'"agent_servers": .*?\} \}(?=\n)', text, re.DOTALL)
    jetbrains = re.search(r'\{ "agent_servers": .*?\} \} \}(?=\n)', text, re.DOTALL)
    assert zed is not None
    assert jetbrains is not None
    server = {"acp-agent": {"command": COMMAND}}
    zed_server = {"acp-agent": {"type": "custom", "command": COMMAND}}
    assert json.loads(f"{{{zed[0]}}}") == {"agent_servers": zed_server}
    assert json.loads(jetbrains[0]) == {"agent_servers": server}


def test_its_parentheses_close() -> None:
    for part in screen(COMMAND).split("\n\n"):
        for opening, closing in ("()", "{}", "[]"):
            assert part.count(opening) == part.count(closing), part


def test_an_odd_path_is_quoted() -> None:
    assert '"/a \\"b\\" \\\\ c/acp-agent"' in screen('/a "b" \\ c/acp-agent')


def test_the_command_is_named_by_its_absolute_path() -> None:
    path = command_path()
    assert os.path.isabs(path)
    assert os.path.basename(path) == "acp-agent"


async def test_it_is_what_the_command_alone_shows_on_a_terminal(workbench: Workbench) -> None:
    async with on_terminal(agent_command(), workbench.environment(), workbench.root) as terminal:
        await terminal.sees("acp-agent demo")
        await terminal.sees(re.escape(json.dumps(agent_command()[0])))
        assert await terminal.ended() == 0
