"""What the model is told before the conversation: who it is, where it works, what the project asks.

Byte-stable within a session, so that providers can cache it. What changes meanwhile is said in
the conversation instead.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.events import Reminded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from acp_agent.context.instructions import Instructions

MODE = "mode"
"""The topic of what the model is told of the session's mode."""
PLANNING = (
    "The session is in plan mode: read, search and think, but change nothing. Edits, commands that do more "
    "than read, the network and other servers' tools are refused, whatever was allowed before. End your turn "
    "with the plan: what to change where, in which order, and how to check it. Then the user decides, and "
    "switches the mode to have it carried out."
)
PLANNED = (
    "The session is no longer in plan mode: you may make changes again. Carry the plan out if that is what "
    "the user wants."
)


class SessionContext:
    """The system prompt of one session, put together at the first request."""

    def __init__(
        self,
        cwd: Path,
        folders: Sequence[Path],
        instructions: Instructions,
        report: Callable[[str], None] | None = None,
    ) -> None:
        """`report` takes what a person should know of the instruction files."""
        self._cwd = cwd
        self._folders = folders
        self._instructions = instructions
        self._report = report
        self._about: str | None = None
        self._asked: str | None = None

    def system(self, *, instructions: bool = True) -> str:
        """The system prompt, with the instruction files or without."""
        if self._about is None:
            about = Path(__file__).with_name("system.md").read_text(encoding="utf-8")
            self._about = f"{about}\n{self._surroundings()}"
        if instructions and self._asked is None:
            texts, remarks = self._instructions.read()
            self._asked = "".join(f"\n{text}" for text in texts)
            if self._report:
                for remark in remarks:
                    self._report(remark)
        return self._about + (self._asked or "" if instructions else "")

    def instructions(self) -> str:
        """The part of it that the project and the user have written."""
        return self._asked or ""

    def reminders(self, mode: str, told: Callable[[str], str]) -> Iterator[Reminded]:
        """What is due before the next request; `told` is what the model was told last of a topic."""
        before = told(MODE)
        now = PLANNING if mode == "plan" else PLANNED if before else ""
        if now != before:
            yield Reminded(MODE, now)

    def _surroundings(self) -> str:
        in_git = any((folder / ".git").exists() for folder in (self._cwd, *self._cwd.parents))
        git = "git repository" if in_git else "no git"
        further = "".join(f"Further folder: {folder}\n" for folder in self._folders)
        return f"Working directory: {self._cwd}\n{further}System: {sys.platform}, {git}\n"
