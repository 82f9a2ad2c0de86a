"""Programs of other people that are used where they are."""

from __future__ import annotations

import os
from typing import NamedTuple


class Programs(NamedTuple):
    """What makes searching fast; None for what is not there."""

    rg: str | None
    git: str | None


def on_path() -> Programs:
    return Programs(which("rg"), which("git"))


def which(name: str) -> str | None:
    """Where a program is. Like that of shutil, whose import takes longer than a tool call may."""
    for folder in os.get_exec_path():
        path = os.path.join(folder, name)
        if os.path.isabs(path) and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
