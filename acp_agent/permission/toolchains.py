"""Where the project decides what a known program runs: pinned toolchains, shims, helpers on the path."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from acp_agent.permission.places import Places
    from acp_agent.permission.programs import Use

_VERSIONS = r"[\w.+\s-]*"
_SHIMMED = {
    # What a shim reads, and the content with which it runs nothing but an installed version.
    ".tool-versions": r"(?:\s*[\w-]+(?:[ \t]+(?:system|[\w.+-]+))+\s*|\s*#.*\n)*",
    ".python-version": _VERSIONS,
    ".ruby-version": _VERSIONS,
    ".node-version": _VERSIONS,
    ".nvmrc": _VERSIONS,
    ".mise.toml": None,
    "mise.toml": None,
    ".mise.local.toml": None,
    "mise.local.toml": None,
    ".mise/config.toml": None,
    "mise/config.toml": None,
    ".config/mise.toml": None,
    ".config/mise/config.toml": None,
}
MOST_BYTES = 4096
"""Of a file that names versions."""


def decided_by_project(name: str, use: Use, folders: tuple[str, ...], places: Places) -> str:
    """Why what lies in the workspace decides what `name` runs; empty when nothing does."""
    for path in _above(folders, use.unless):
        if os.path.lexists(path):
            return f"{path} decides what `{name}` runs"
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if any(
        entry.rstrip("/").endswith("shims") and os.path.lexists(os.path.join(entry, name)) for entry in path
    ):
        for file in _above(folders, _SHIMMED):
            if not _only_versions(file):
                return f"{file} decides what `{name}` runs"
    ours = [entry for entry in path if _ours(entry, places)] if use.calls else []
    return _helper(name, use, folders, ours)


def _ours(entry: str, places: Places) -> bool:
    return not os.path.isabs(entry) or places.inside(os.path.realpath(entry))


def _helper(name: str, use: Use, folders: tuple[str, ...], path: list[str]) -> str:
    for helper in use.calls if path else ():
        for folder in folders:
            for entry in path:
                found = os.path.join(folder, entry, helper)
                if os.path.lexists(found):
                    return f"`{name}` would run {found}"
    return ""


def _above(folders: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """These names in the folders and in every folder above them."""
    wanted = tuple(names)
    for folder in folders if wanted else ():
        at = os.path.realpath(folder)
        while True:
            yield from (os.path.join(at, name) for name in wanted)
            if at == os.path.dirname(at):
                break
            at = os.path.dirname(at)


def _only_versions(path: str) -> bool:
    """Whether the file is not there, or names nothing but versions."""
    form = _SHIMMED[next(name for name in _SHIMMED if path.endswith("/" + name))]
    try:
        with open(path, encoding="utf-8") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError):
        return False
    return form is not None and len(content) <= MOST_BYTES and bool(re.fullmatch(form, content))
