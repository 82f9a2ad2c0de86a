"""Paths that ask whatever the mode: secrets, and files that somebody else executes or obeys."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.permission.data import as_table, load, only, text, words
from acp_agent.permission.patterns import any_of, literal, path_pattern
from acp_agent.permission.places import real

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from acp_agent.permission.data import Table


class Guarded(NamedTuple):
    """Files of one kind that are never changed without asking."""

    name: str
    pattern: re.Pattern[str]


class Protected(NamedTuple):
    """The table, compiled for one home folder and environment."""

    secrets: re.Pattern[str]
    excepted: re.Pattern[str]
    samples: tuple[str, ...]
    guarded: tuple[Guarded, ...]
    harmless: frozenset[str]
    harmless_to_read: frozenset[str]

    def is_secret(self, path: str) -> bool:
        """Whether what is at this absolute path usually is a secret."""
        plain = plain_path(path)
        return bool(self.secrets.fullmatch(plain)) and not self.excepted.fullmatch(plain)

    def guarded_as(self, path: str) -> str | None:
        """What kind of guarded file the absolute path names; None for any other file."""
        plain = plain_path(path)
        return next((kind.name for kind in self.guarded if kind.pattern.fullmatch(plain)), None)


_IGNORED = re.compile(r"[. ](?:/|\Z)|:")


def protected(home: str) -> Protected:
    """The table for `home` and the configuration folders that the environment names now."""
    config = _folder("CONFIG", ".config", home)
    auth = real(os.environ.get("ACP_AGENT_AUTH_FILE") or os.path.join(config, "auth.json"))
    return _compiled(home, config, _folder("DATA", ".local/share", home), auth)


def plain_path(path: str) -> str:
    """A path without what some file systems ignore in names.

    Invisible characters, dots and blanks at the end, and what follows a colon: a stream of the file.
    """
    if path.isascii() and not _IGNORED.search(path):
        return path
    visible = "".join(c for c in unicodedata.normalize("NFKC", path) if unicodedata.category(c) != "Cf")
    return "/".join(_plain_name(part) for part in visible.split("/"))


def _plain_name(part: str) -> str:
    return part.partition(":")[0].rstrip(" .") or part


def _folder(kind: str, default: str, home: str) -> str:
    own = os.environ.get(f"ACP_AGENT_{kind}_DIR")
    if own:
        return real(own)
    return real(os.path.join(os.environ.get(f"XDG_{kind}_HOME") or os.path.join(home, default), "acp-agent"))


@cache
def _compiled(home: str, config: str, data: str, auth: str) -> Protected:
    table = load("protected.json")
    only(table, "protected.json", "secrets", "guarded", "harmless", "harmless_to_read")
    secrets = as_table(table.get("secrets"), "secrets")
    only(secrets, "secrets", "paths", "except", "samples")
    folders = {"~": home, "{config}": config, "{data}": data, "{auth}": auth}

    def compile_all(patterns: Iterable[str]) -> re.Pattern[str]:
        return any_of(path_pattern(_absolute(pattern, folders), fold=True) for pattern in patterns)

    return Protected(
        compile_all(words(secrets, "paths")),
        compile_all(words(secrets, "except")),
        words(secrets, "samples"),
        tuple(Guarded(text(kind, "name"), compile_all(words(kind, "paths"))) for kind in _kinds(table)),
        frozenset(words(table, "harmless")),
        frozenset(words(table, "harmless_to_read")),
    )


def _kinds(table: Table) -> Iterator[Table]:
    for kind in cast(list[object], table["guarded"]):
        one = as_table(kind, "guarded")
        only(one, "guarded", "name", "paths")
        yield one


def _absolute(pattern: str, folders: dict[str, str]) -> str:
    head, slash, rest = pattern.partition("/")
    return literal(folders[head]) + slash + rest if head in folders else pattern
