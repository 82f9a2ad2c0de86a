"""A workspace whose commands run in a real sandbox, with a home folder of its own beside it."""

from __future__ import annotations

import os
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from acp_adapters.syntax.bash import parse
from acp_agent.assembly.adapters import sandboxes
from acp_agent.permission.shell import analyse
from acp_agent.tools.registry import Limits, Toolset, builtin
from acp_agent.workspace.confining import Chosen, Confining, Surroundings
from acp_agent.workspace.terminals import Consoles
from acp_agent.workspace.workspace import open_workspace
from tests.unit.tools.bench import Seen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.permission.claims import Claim
    from acp_agent.tools.base import ToolResult

LIMIT_S = 30.0
"""For what should be over at once, on a busy machine."""
SECRETS = (".ssh/id_ed25519", ".aws/credentials", ".netrc", ".config/gh/hosts.yml")
WELL_KNOWN = sandboxes()
"""Tried once for all tests."""


class Cell:
    def __init__(self, top: Path, chosen: Chosen) -> None:
        self.top = top
        self.home = Path(os.path.expanduser("~"))
        self.root = top / "project"
        self.own = top / "data"
        self.confining = Confining(chosen, Surroundings((self.root,), (self.own,)), WELL_KNOWN.find)
        self.seen = Seen()

        def claims(command: str, cwd: Path) -> tuple[Claim, ...]:
            return analyse(command, cwd, [self.root], parse)

        self.tools = Toolset(
            builtin(
                open_workspace(self.root),
                claims,
                Limits(LIMIT_S, LIMIT_S),
                consoles=Consoles(confining=self.confining),
            )
        )

    async def run(self, command: str, **arguments: object) -> ToolResult:
        """As if somebody had allowed all that it claims."""
        with anyio.fail_after(LIMIT_S):
            call = self.tools.get("bash").bind({"command": command, **arguments})
            call.claims()
            return await call.run(self.seen)

    async def output(self, command: str, **arguments: object) -> str:
        return (await self.run(command, **arguments)).output

    async def works(self, command: str, **arguments: object) -> bool:
        return not (await self.run(command, **arguments)).failed

    def git(self, *words: str) -> str:
        """git, outside of any sandbox."""
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *words]
        return subprocess.run(
            command, cwd=self.root, check=True, capture_output=True, encoding="utf-8", timeout=LIMIT_S
        ).stdout


@asynccontextmanager
async def cell(top: Path, chosen: Chosen, *, repository: bool = True) -> AsyncGenerator[Cell]:
    """A project with a repository, a home folder with secrets. HOME has to lead there already."""
    made = Cell(top, chosen)
    for folder in (made.home, made.root, made.own):
        folder.mkdir(exist_ok=True)
    for name in SECRETS:
        path = made.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"secret of {name}", encoding="utf-8")
    (made.home / "notes.txt").write_text("no secret\n", encoding="utf-8")
    (made.home / ".ssh" / "known_hosts").write_text("a host\n", encoding="utf-8")
    (made.own / "key").write_text("secret of the agent", encoding="utf-8")
    (made.root / "a.txt").write_text("alpha\n", encoding="utf-8")
    if repository:
        made.git("init", "-q", "-b", "main")
        made.git("add", "-A")
        made.git("commit", "-q", "-m", "first")
    async with made.confining:
        await made.confining.ready()
        yield made
