"""Whether a git repository's own files could make a git command that only reads run a program.

Conservative: what is not known to be harmless counts. The user's own settings, outside the
repository, are the user's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from acp_agent.permission.places import real

MAX_CONFIG_BYTES = 256 * 1024
MAX_INDEX_BYTES = 64 * 1024 * 1024

_HARMLESS = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks"
    r"|autocrlf|eol|safecrlf|abbrev|quotepath|longpaths|protectntfs|protecthfs|compression|trustctime|checkstat)"
    r"|remote\..*\.(url|fetch|pushurl|push|tagopt|prune|mirror|gh-resolved|skipdefaultupdate|skipfetchall)"
    r"|branch\..*\.(remote|merge|rebase|pushremote|description|mergeoptions|vscode-merge-base|gh-merge-base"
    r"|github-pr-owner-number|base)"
    r"|user\.(name|email|signingkey)|author\.(name|email)|committer\.(name|email)"
    r"|pull\.(rebase|ff)|push\.(default|autosetupremote|followtags)|fetch\.(prune|prunetags)|rebase\.\w+"
    r"|init\.defaultbranch|merge\.(conflictstyle|ff)|rerere\.\w+|gc\.\w+|gui\.\w+|color\..*|advice\..*"
    r"|commit\.gpgsign|tag\.gpgsign|tag\.sort|lfs\.(repositoryformatversion|.*\.access)"
    r"|status\.(short|branch|showuntrackedfiles|showstash|relativepaths)|help\.autocorrect|gitflow\..*"
    r"|extensions\.(objectformat|refstorage)|index\.version|feature\.manyfiles|checkout\.\w+",
    re.DOTALL,
)
_SECTION = re.compile(r'\[\s*([\w.-]+)\s*(?:"((?:[^"\\\n]|\\.)*)")?\s*\]')
_KEY = re.compile(r"([A-Za-z][\w-]*)\s*(?:=.*)?")
_HEAD = re.compile(r"(?:ref: refs/[^\s]+|[0-9a-f]{40}(?:[0-9a-f]{24})?)\n")
SHORTEST_NAME = 20
"""Bytes by which an index names another one."""
_EXTENSION = re.compile(rb"[A-Za-z]{4}")
_GITLINK = b"\x00\x00\xe0\x00"
"""The mode of a submodule in the index: git would start another git in it, with its own settings."""

_Look = Callable[[str, int], str]


class _Found(NamedTuple):
    folder: str
    """Holds the index and the hooks."""
    common: str
    """Holds the settings; the same but in a worktree."""


def danger(cwd: str) -> str:
    """Why git run in the folder `cwd` might run a program; empty when nothing in the repository says so."""
    found = _discover(cwd)
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    for config in (os.path.join(found.common, "config"), os.path.join(found.folder, "config.worktree")):
        setting = _stat_cached(config, _setting)
        if setting:
            return f"the repository's own configuration has {setting}"
    hook = os.path.join(found.common, "hooks", "post-index-change")
    if os.path.exists(hook):
        return "the repository has a post-index-change hook"
    return _stat_cached(os.path.join(found.folder, "index"), _submodules)


def _discover(cwd: str) -> _Found | str | None:
    folder = real(cwd)
    while True:
        git = os.path.join(folder, ".git")
        if os.path.isdir(git):
            if not _is_repository(git):
                return f"{git} is no repository, and git would look on for another"
            if os.path.lexists(os.path.join(git, "commondir")):
                return f"the repository's own configuration has {git}/commondir"
            return _Found(git, git)
        if os.path.lexists(git):
            return _linked(folder, git)
        if _may_be_bare(folder):
            return f"{folder} looks like a bare repository"
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _is_repository(git: str) -> bool:
    """Narrower than git's own test: what only might be one does not end the search."""
    parts = (os.path.isdir(os.path.join(git, name)) for name in ("objects", "refs"))
    head = _text(os.path.join(git, "HEAD"))
    return all(parts) and _HEAD.fullmatch(head) is not None


def _may_be_bare(folder: str) -> bool:
    """Wider than git's own test: a link for HEAD, and objects that are elsewhere, count too."""
    has = (os.path.lexists(os.path.join(folder, name)) for name in ("objects", "commondir", "refs"))
    return os.path.lexists(os.path.join(folder, "HEAD")) and any(has)


def _linked(folder: str, git: str) -> _Found | str:
    target = re.fullmatch(r"gitdir: (.+)", _text(git).rstrip("\r\n"))
    if target is None:
        return f"{git} is not understood"
    found = real(os.path.join(folder, target[1]))
    common = _text(os.path.join(found, "commondir")).rstrip("\r\n")
    return _Found(found, real(os.path.join(found, common)) if common else found)


def _setting(path: str, size: int) -> str:
    """The first setting in a configuration file that is not known to be harmless."""
    if size > MAX_CONFIG_BYTES:
        return "more settings than are looked at"
    prefix = ""
    for line in _text(path).split("\n"):  # as git does; anything else could hide the section a key is in
        rest = line.strip()
        section = _SECTION.match(rest)
        if section:
            name = section[1].lower()
            prefix = name if section[2] is None else f"{name}.{section[2]}"
            rest = rest[section.end() :].strip()
        if not rest or rest[0] in "#;":
            continue
        key = _KEY.fullmatch(rest)
        if key is None or rest.endswith("\\"):
            return "a line that is not understood"
        if not _HARMLESS.fullmatch(f"{prefix}.{key[1].lower()}"):
            return f"{prefix}.{key[1]}"
        if prefix == "core" and key[1].lower() == "bare" and "true" in rest.lower():
            return "core.bare"
    return ""


def _submodules(path: str, size: int) -> str:
    if size > MAX_INDEX_BYTES:
        return "the repository's index is too large to look for submodules"
    with open(path, "rb") as file:
        content = file.read()
    # A shared index would have to be read too; the extension that names it is at the end.
    if _GITLINK in content or _is_split(content):
        return "the repository has submodules, with settings of their own"
    return ""


def _is_split(index: bytes) -> bool:
    """Whether the index names another one: an extension `link`, which is followed by others or the end."""
    at = index.find(b"link")
    while at >= 0:
        size = int.from_bytes(index[at + 4 : at + 8], "big")
        end = at + 8 + size
        left = len(index) - end
        follows = left in (20, 32) or (left > 32 and _EXTENSION.fullmatch(index[end : end + 4]))
        if size >= SHORTEST_NAME and follows:
            return True
        at = index.find(b"link", at + 1)
    return False


def _stat_cached(path: str, look: _Look) -> str:
    """What `look` says of a file, looked at again when it has changed. Empty when there is none."""
    try:
        now = os.stat(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path}: {error.strerror}"
    return _looked(look, path, now.st_size, (now.st_mtime_ns, now.st_ino, now.st_ctime_ns))


@lru_cache(maxsize=64)
def _looked(look: _Look, path: str, size: int, version: tuple[int, ...]) -> str:
    try:
        return look(path, size)
    except OSError as error:
        return f"{path}: {error.strerror}"


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read(MAX_CONFIG_BYTES)
    except OSError:
        return ""
