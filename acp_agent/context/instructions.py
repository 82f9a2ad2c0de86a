"""AGENTS.md and CLAUDE.md: what the user and the project ask of any agent."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from acp_agent.invisible import reveal, visible

NAMES = ("AGENTS.md", "CLAUDE.md")
MAX_BYTES = 32 * 1024
"""More than this of one file is cut: it would be paid for with every request."""


class Sections(NamedTuple):
    texts: tuple[str, ...]
    """Under their paths, the most general first, equal ones once."""
    remarks: tuple[str, ...]
    """What a person should know of them."""


class Instructions(NamedTuple):
    """Where instruction files are looked for."""

    user_dir: Path
    """The user's own."""
    cwd: Path
    home: Path

    def read(self) -> Sections:
        """What the files say, with what hides in them written out."""
        found: dict[str, Path] = {}
        remarks: list[str] = []
        project = project_folders(self.cwd, self.home)
        for folder in (self.user_dir, *project):
            for path in (folder / name for name in NAMES):
                within = None if folder == self.user_dir else project[0]
                text, hidden = reveal(_read(path, within))
                if not text or text in found:
                    continue
                found[text] = path
                if hidden:
                    remarks.append(
                        f"{visible(str(path))} has characters that cannot be seen, {hidden} of them. "
                        "The model is told of them as \\u{…}."
                    )
        texts = (f"\nInstructions from {path}:\n{text}\n" for text, path in found.items())
        return Sections(tuple(texts), tuple(remarks))


def project_folders(cwd: Path, home: Path) -> list[Path]:
    """From the root of the checkout down to the working directory: whose instructions are followed.

    Outside of a checkout only the working directory: what lies above it may be anybody's.
    """
    folders = [cwd, *cwd.parents]
    root = next((folder for folder in folders if (folder / ".git").exists()), cwd)
    if root == home and cwd != home:
        root = cwd  # dotfiles kept in a repository do not make the home a project
    return folders[folders.index(root) :: -1]


def _read(path: Path, within: Path | None) -> str:
    """The text of a regular file; a project's must not be a link out of it, to what is not the project's.

    Never waits, whatever the path names.
    """
    try:
        if within and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(within)):
            return ""
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return ""
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return ""
    text = data[:MAX_BYTES].decode("utf-8", "replace").strip()
    return f"{text}\n[cut at {MAX_BYTES >> 10} KiB]" if len(data) > MAX_BYTES else text
