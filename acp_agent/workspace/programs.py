"""Programs of other people that are used where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Programs(NamedTuple):
    """What makes searching fast; None for what is not there."""

    rg: str | None
    git: str | None


def on_path(outside: Path | None = None) -> Programs:
    """What the path offers, but for what lies below `outside`."""
    return Programs(which("rg", outside), which("git", outside))


def which(name: str, outside: Path | None = None) -> str | None:
    """Where a program is, but not one below `outside`: a project's `rg` is not ours to run unasked.

    Like that of shutil, whose import takes longer than a tool call may.
    """
    for folder in os.get_exec_path():
        path = os.path.join(folder, name)
        if not (os.path.isabs(path) and os.path.isfile(path) and os.access(path, os.X_OK)):
            continue
        if outside is None or not Path(os.path.realpath(folder)).is_relative_to(outside):
            return path
    return None
