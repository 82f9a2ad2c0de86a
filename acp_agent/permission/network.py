"""Which hosts a command line of a known program reaches."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.changes import is_remote
from acp_agent.permission.data import as_table, only, text, words
from acp_agent.permission.hosts import ANY_HOST, ODD_HOST, host_of, host_of_url
from acp_agent.permission.programs import facts
from acp_agent.permission.remotes import urls_of
from acp_agent.permission.usage import Allowed, by_name, scan, subcommand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from acp_agent.permission.data import Table


class Reached(NamedTuple):
    """What a command line reaches outside the machine's files."""

    host: str
    """A host as `hosts` spells it, ANY_HOST or ODD_HOST; empty when `file` says what is read instead."""
    by: str
    """The program and subcommand."""
    file: str = ""
    """A file that is named by an address."""


class _Reacher(NamedTuple):
    name: str
    hosts: str
    allowed: Allowed
    given: tuple[str, ...]
    any_if: tuple[str, ...]
    unless: tuple[str, ...]
    subcommands: dict[str, _Reacher]


def reached(argv: Sequence[str], folders: Iterable[str]) -> Iterator[Reached]:
    """The hosts that the command line reaches, as far as its words and the repository's settings tell."""
    name = os.path.basename(argv[0])
    reacher, start, said = _reacher_of(name), 1, name
    if reacher is not None and reacher.subcommands:
        reacher, start = subcommand(argv, reacher.allowed, reacher.subcommands)
        said = " ".join((name, *argv[start - 1 : start]))
    if reacher is None:
        return
    found = scan(argv, start, reacher.allowed)
    if found.has(reacher.unless):
        return
    words_ = [argv[index] for index in found.operands]
    hosts = [*_HOSTS[reacher.hosts](words_, folders), *_hosts(found.values_of(reacher.given))]
    if found.has(reacher.any_if):
        hosts.append(ANY_HOST)
    for host in dict.fromkeys(hosts):
        file = host.removeprefix("file:") if host.startswith("file:") else ""
        yield Reached("" if file else host, said, file)


# How the words name hosts --------------------------------------------------------------------------


def _hosts(words_: Iterable[str]) -> Iterator[str]:
    """Of addresses, or of what programs take for one."""
    for word in words_:
        local = re.match(r"file:(?://[^/]*)?(/?[^?#]*)", word, re.IGNORECASE)
        if local:
            yield f"file:{local[1]}"
        else:
            yield host_of_url(word) or ODD_HOST


def _any(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    yield ANY_HOST


def _none(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    yield from ()


def _installed(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    """A package of the project runs as it is; any other is fetched."""
    name = re.split(r"(?<=.)@", words_[0], maxsplit=1)[0] if words_ else ""
    for folder in folders:
        if not name or "/" in name or not any(os.path.lexists(path) for path in _programs(folder, name)):
            yield ANY_HOST


def _programs(folder: str, name: str) -> Iterator[str]:
    at = os.path.realpath(folder)
    while True:
        yield os.path.join(at, "node_modules", ".bin", name)
        if at == os.path.dirname(at):
            return
        at = os.path.dirname(at)


def _addresses(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    yield from _hosts(words_) if words_ else (ANY_HOST,)


def _first(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    yield _host(words_[0]) if words_ else ANY_HOST


def _last(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    yield _host(words_[-1]) if words_ else ANY_HOST


def _every(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    yield from (_host(word) for word in words_) if words_ else (ANY_HOST,)


def _host(word: str) -> str:
    return (host_of_url(word) if "://" in word else host_of(word)) or ODD_HOST


_TYPES = re.compile(
    r"(?:a|aaaa|any|axfr|caa|cname|dnskey|ds|hinfo|https|mx|naptr|ns|ptr|soa|srv|svcb|txt|in|ch|hs)", re.I
)


def _queries(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    """The names that are asked for, which a name server of somebody's choice gets to see, and `@server`."""
    names = [
        word.removeprefix("@") for word in words_ if not word.startswith("+") and not _TYPES.fullmatch(word)
    ]
    yield from _every(names, folders)


def _copies(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    for word in words_:
        if is_remote(word):
            yield _host(word if "://" in word else word.partition(":")[0])


def _remote(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    """Of a remote of the repository, or of an address."""
    for folder in folders:
        for url in urls_of(words_[0] if words_ else "", folder):
            yield from _of_git(url)


def _remotes(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    yield from _remote(words_ or ["*"], folders)


def _clone(words_: list[str], folders: Iterable[str]) -> Iterator[str]:
    yield from _of_git(words_[0]) if words_ else (ANY_HOST,)


def _of_git(url: str | None) -> Iterator[str]:
    if url is None or "::" in url:
        yield ANY_HOST
    elif re.match(r"[a-z][a-z0-9+.-]*://", url, re.IGNORECASE):
        yield from _hosts((url,)) if not url.lower().startswith("file:") else ()
    elif is_remote(url):
        yield _host(url.partition(":")[0])


_HOSTS = {
    "any": _any,
    "none": _none,
    "installed": _installed,
    "addresses": _addresses,
    "first": _first,
    "last": _last,
    "every": _every,
    "queries": _queries,
    "copies": _copies,
    "remote": _remote,
    "remotes": _remotes,
    "clone": _clone,
}


# The table -----------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _reacher_of(name: str) -> _Reacher | None:
    entry = facts().programs.get(name, {}).get("reaches")
    return None if entry is None else _reacher(as_table(entry, name), name)


def _reacher(entry: Table, name: str) -> _Reacher:
    only(entry, name, "hosts", "options", "given", "any_if", "unless", "subcommands")
    hosts = text(entry, "hosts", "any")
    if hosts not in _HOSTS:
        raise ValueError(f"{name}: hosts cannot be {hosts!r}")
    named = [*words(entry, "any_if"), *words(entry, "unless")]
    return _Reacher(
        name,
        hosts,
        Allowed(words(entry, "options")).with_plain(named),
        words(entry, "given"),
        words(entry, "any_if"),
        words(entry, "unless"),
        by_name(as_table(entry.get("subcommands", {}), name), _reacher),
    )
