"""The files that a simple command reads, where that is worth a claim: outside the roots, or secret."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from acp_agent.permission.places import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acp_agent.permission.ledger import Ledger
    from acp_agent.permission.programs import Use
    from acp_agent.permission.script import Word

MOST_LOOKED_AT = 20_000
"""Files below the folders that a recursive reader is given: some tens of milliseconds."""
MOST_SECRETS = 20
"""Named one by one for one command."""


def reads(ledger: Ledger, word: Word, folders: tuple[str, ...], *, shown: bool = True) -> None:
    """Claims the reading of what a word names; without `shown` only the names of files are told."""
    if word.text in ("-", "") or ledger.harmless(word.text):
        return
    for folder in folders:
        paths = ledger.paths(word, folder)
        if paths is None:
            ledger.add("read", word.text, inside=False, reason="cannot be told before it runs")
            continue
        for path in paths:
            inside = ledger.places.inside(path)
            if not inside or (shown and ledger.protected.is_secret(path)):
                ledger.add("read", path, inside=inside)
        if shown and ":" in word.text:
            # A file in a revision: HEAD:path
            named = resolve(folder, word.text.rpartition(":")[2])
            if ledger.protected.is_secret(named):
                ledger.add("read", named, inside=ledger.places.inside(named))


def shows(ledger: Ledger, use: Use, line: tuple[Word, ...], folders: tuple[str, ...]) -> None:
    """Claims what a program reads of which it is known how it does."""
    for index in use.names:
        reads(ledger, line[index], folders, shown=False)
    for index in use.contents:
        reads(ledger, line[index], folders)
    for value in use.files:
        reads(ledger, line[0]._replace(text=value, pattern=None, tilde=False), folders)
    for word in line[1:]:
        if word.pattern is not None:
            reads(ledger, word, folders, shown=bool(use.files))
    if use.recursive or (use.follows and _given_folders(use, line, folders)):
        places = [line[index].text for index in use.contents] or ["."]
        tops = [resolve(folder, place) for folder in folders for place in places]
        _below(ledger, tops, use)


def _given_folders(use: Use, line: tuple[Word, ...], folders: tuple[str, ...]) -> bool:
    """Whether it shows a folder that it is given, as diff does, which is not told to."""
    named = (resolve(folder, line[index].text) for index in use.contents for folder in folders)
    return any(os.path.isdir(path) for path in named)


def mentions(ledger: Ledger, line: tuple[Word, ...], folders: tuple[str, ...]) -> None:
    """Claims the reading of secrets that stand among the words of a program which may do anything."""
    for word in line:
        for text in dict.fromkeys((word.text, word.text.rpartition("=")[2], word.text.removeprefix("@"))):
            for folder in folders if text and "\0" not in text else ():
                for path in ledger.paths(word._replace(text=text), folder) or ():
                    if ledger.protected.is_secret(path):
                        ledger.add("read", path, inside=ledger.places.inside(path))


def _leads_on(ledger: Ledger, link: str, *, descends: bool) -> bool:
    """Whether a reader that follows the link would meet what is not looked at otherwise."""
    there = os.path.realpath(link)
    return (
        (descends and os.path.isdir(there))
        or not ledger.places.inside(there)
        or ledger.protected.is_secret(there)
    )


def _below(ledger: Ledger, folders: Iterable[str], use: Use) -> None:
    """Secrets below folders all of whose files are shown. More than can be looked at is asked about."""
    wanted = [glob.casefold() for glob in use.globs if not glob.startswith("!")]
    budget, found = MOST_LOOKED_AT, 0
    for top in folders:
        for folder, inner, names in os.walk(top):
            budget -= len(inner) + len(names)
            if budget < 0:
                ledger.add("read", top, inside=False, reason="more files than can be looked at for secrets")
                return
            inner[:] = [each for each in inner if use.shows_hidden or not each.startswith(".")]
            for each in (*inner, *names) if use.follows else ():
                path = os.path.join(folder, each)
                named = not wanted or any(fnmatch(each.casefold(), glob) for glob in wanted)
                if not named and not (use.descends and each in inner):
                    continue
                if os.path.islink(path) and _leads_on(ledger, path, descends=use.descends):
                    ledger.add("read", os.path.realpath(path), inside=False, reason="a link leads to it")
            for name in names:
                hidden = name.startswith(".") and not use.shows_hidden
                if hidden or (wanted and not any(fnmatch(name.casefold(), glob) for glob in wanted)):
                    continue
                path = os.path.join(folder, name)
                if not ledger.protected.is_secret(path):
                    continue
                found += 1
                if found > MOST_SECRETS:
                    ledger.add("read", top, inside=False, reason="more secrets are below than can be named")
                    return
                ledger.add("read", path, inside=ledger.places.inside(path))
