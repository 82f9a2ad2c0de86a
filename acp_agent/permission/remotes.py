"""The addresses of a repository's remotes, from its settings as they are written. Runs no git."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Literal, NamedTuple

MOST_BYTES = 256 * 1024
_SECTION = re.compile(r'\[\s*([\w.-]+)\s*(?:"((?:[^"\\\n]|\\.)*)")?\s*\]')
_DEFAULT = re.compile(r"(?:push)?(?:remote|default)\s*=\s*(.*)", re.IGNORECASE)
_URL = re.compile(r"(?:push)?url\s*=\s*(.*)", re.IGNORECASE)


def urls_of(remote: str, folder: str) -> tuple[str | None, ...]:
    """The addresses that git in `folder` reaches for a remote, or an address itself.

    "" stands for the remote that git takes by itself, "*" for all; None for an address that cannot be told.
    """
    if remote and (":" in remote or "/" in remote or remote.startswith(".")):
        return (remote,)
    config = _config(folder)
    if config is None:
        return (None,)
    try:
        now = os.stat(config)
        found = _remotes(config, now.st_mtime_ns, now.st_size)
    except OSError:
        return (None,)
    wanted = {remote} if remote else {name for kind, name, _ in found if kind == "default"} | {"origin"}
    remotes = [(name, url) for kind, name, url in found if kind == "remote"]
    if remote == "*" or (not remote and len({name for name, _ in remotes}) == 1):
        wanted = {name for name, _ in remotes}
    return tuple(url for name, url in remotes if name in wanted) or (None,)


class _Setting(NamedTuple):
    kind: Literal["remote", "default"]
    name: str
    url: str | None = None


@lru_cache(maxsize=32)
def _remotes(config: str, _version: int, size: int) -> tuple[_Setting, ...]:
    """The addresses of remotes, and the names of those that git takes by itself."""
    if size > MOST_BYTES:
        return ()
    with open(config, encoding="utf-8", errors="replace") as file:
        lines = file.read(MOST_BYTES).split("\n")
    found: list[_Setting] = []
    kind = name = ""
    for line in lines:
        rest = line.strip()
        section = _SECTION.match(rest)
        if section:
            kind, name = section[1].lower(), section[2] or ""
            rest = rest[section.end() :].strip()
        if kind in ("url", "include", "includeif"):
            return ()  # addresses are rewritten, or stand elsewhere
        url, default = _URL.match(rest), _DEFAULT.match(rest)
        if kind == "remote" and name and url:
            plain = url[1].strip().strip('"')
            odd = not plain or re.search(r'[\\";#]', plain)
            found.append(_Setting("remote", name, None if odd else plain))
        elif default:
            found.append(_Setting("default", default[1].strip().strip('"')))
    return tuple(found)


def _config(folder: str) -> str | None:
    """The settings of the repository that git in `folder` would use."""
    at = os.path.realpath(folder)
    while True:
        git = os.path.join(at, ".git")
        if os.path.isdir(git):
            return os.path.join(git, "config")
        if os.path.isfile(git):
            return _of_worktree(at, git)
        if at == os.path.dirname(at):
            return None
        at = os.path.dirname(at)


def _of_worktree(folder: str, git: str) -> str | None:
    with open(git, encoding="utf-8", errors="replace") as file:
        found = re.fullmatch(r"gitdir: (.+?)\s*", file.read(4096))
    if not found:
        return None
    real = os.path.join(folder, found[1])
    try:
        with open(os.path.join(real, "commondir"), encoding="utf-8", errors="replace") as file:
            common = file.read(4096).strip()
    except OSError:
        common = "."
    return os.path.join(real, common, "config")
