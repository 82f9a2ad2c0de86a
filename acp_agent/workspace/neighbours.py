"""What to say of a path that is not there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

SUGGESTIONS = 3
LOOKED_AT = 5000
"""Entries of a folder that are compared at most."""


def missing(path: Path) -> ToolError:
    """Says that `path` does not exist, and what is near it."""
    folder = path.parent
    if not folder.is_dir():
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        return ToolError(f"{path} does not exist, nor does its folder; {folder} does.")
    near = _near(folder, path.name)
    if not near:
        return ToolError(f"{path} does not exist. Use glob or list to find it.")
    return ToolError(
        f"{path} does not exist. Did you mean {' or '.join(str(folder / name) for name in near)}?"
    )


def _near(folder: Path, name: str) -> list[str]:
    from difflib import get_close_matches

    names: dict[str, str] = {}
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(LOOKED_AT), strict=False):
                names[entry.name.lower()] = entry.name
    except OSError:
        return []
    return [names[match] for match in get_close_matches(name.lower(), names, SUGGESTIONS)]
