"""Files of a session that are changed by its tools, its commands and others, and put back."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.events import TurnStarted
from acp_agent.workspace.restoring import restore
from acp_agent.workspace.snapshots import Snapshots, snapshots_file
from acp_agent.workspace.text import decode
from acp_agent.workspace.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from acp_agent.events import PutBack
    from acp_agent.workspace.changes import Changes
    from acp_agent.workspace.documents import EditorFiles

State = tuple[str, bytes, int] | None
"""Kind, bytes and permissions of what is at a path."""


def state(path: Path) -> State:
    if path.is_symlink():
        return "link", os.fsencode(path.readlink()), 0
    if not path.exists():
        return None
    return "file", path.read_bytes(), stat.S_IMODE(path.stat().st_mode)


class Work:
    """Turns in a folder `project`; the snapshots are in `data` beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "project"
        self.root.mkdir(exist_ok=True)
        self.file = snapshots_file(root / "data", "session")
        self.warnings: list[str] = []
        self.editor: EditorFiles | None = None
        self._turns = 0
        self.open(Snapshots)

    def open(self, make: Callable[[Path, Callable[[str], object]], Snapshots]) -> None:
        """As a process does that takes the session up."""
        self.snapshots = make(self.file, self.warnings.append)
        self.workspace = open_workspace(self.root, editor=self.editor, keeper=self.snapshots)
        self.snapshots(TurnStarted(f"turn-{self._turns}"))

    def turn(self) -> str:
        """Begins one; its id."""
        self._turns += 1
        self.snapshots(TurnStarted(f"turn-{self._turns}"))
        return f"turn-{self._turns}"

    async def write(self, name: str, data: bytes | None) -> None:
        """As our tools do."""
        place = self.workspace.roots.resolve(name)
        documents = self.workspace.documents
        before = await documents.read(place) if await documents.exists(place) else None
        if before:
            documents.mark_seen(before)
        if data is None:
            assert before
            await documents.remove(place, before)
        else:
            await documents.write(place, decode(data), before)

    async def run(self, changes: Changes, work: Callable[[], None], claimed: Iterable[str] = ()) -> None:
        """As our commands do: `work` says that it will change what is `claimed`."""
        before = await self.snapshots.ahead(str(self.root / name) for name in claimed)
        await changes.begin()
        work()
        found = await changes.end()
        assert not found.trouble
        await self.snapshots.changed(before, found.changes)

    async def back(self, turn: str) -> list[PutBack]:
        """Puts files back, in a turn of its own."""
        self.turn()
        return await restore(self.workspace, self.snapshots, turn)

    async def fates(self, turn: str) -> dict[str, str]:
        """What has come of each file by its name."""
        found = await self.back(turn)
        return {Path(file.path).name: f"{file.fate} {file.why}".strip() for file in found}
