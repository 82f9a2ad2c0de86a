"""What the model is told before the conversation: who it is, where it works, what the project asks.

Byte-stable within a session, so that providers can cache it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.context.instructions import Instructions


class SessionContext:
    """The system prompt of one session, put together at the first request."""

    def __init__(self, cwd: Path, folders: Sequence[Path], instructions: Instructions) -> None:
        self._cwd = cwd
        self._folders = folders
        self._instructions = instructions
        self._text: str | None = None

    def system(self) -> str:
        """The system prompt."""
        if self._text is None:
            about = Path(__file__).with_name("system.md").read_text(encoding="utf-8")
            self._text = "\n".join([about, self._surroundings(), *self._instructions.sections()])
        return self._text

    def _surroundings(self) -> str:
        in_git = any((folder / ".git").exists() for folder in (self._cwd, *self._cwd.parents))
        git = "git repository" if in_git else "no git"
        further = "".join(f"Further folder: {folder}\n" for folder in self._folders)
        return f"Working directory: {self._cwd}\n{further}System: {sys.platform}, {git}\n"
