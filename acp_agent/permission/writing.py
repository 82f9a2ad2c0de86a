"""The files that a simple command writes, removes and makes links of, as claims.

A claim names the file that is really written: links and `..` are followed, a copy into a folder is a
file in that folder, and a link that the same command line has made leads on.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acp_agent.permission.globs import expand
from acp_agent.permission.places import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.permission.changes import Target
    from acp_agent.permission.ledger import Ledger
    from acp_agent.permission.script import Word

MOST_COPIED = 1000
"""Files of a folder that is copied or moved that are looked at: some tens of milliseconds."""


def writes(ledger: Ledger, word: Word, folders: tuple[str, ...], reason: str, *, follow: bool = True) -> None:
    """Claims the change of what a word names."""
    text = word.text
    if ledger.harmless(text):
        return
    if word.tilde and text[1:2] in ("", "/"):
        text = ledger.places.home + text[1:]
    for folder in folders:
        if word.unknown or word.pattern is not None or (word.tilde and text[:1] == "~"):
            _unsure(ledger, word, text, folder, reason, follow=follow)
        elif text.endswith("/*"):
            _add(ledger, resolve(folder, text[:-1]).rstrip("/") + "/*", word, reason)
        else:
            path = resolve(folder, text, follow=follow)
            for real in ledger.lead(path) if follow else [path]:
                _add(ledger, real, word, reason)


def changes(ledger: Ledger, target: Target, folders: tuple[str, ...]) -> None:
    """Claims what one target of a program comes to."""
    if target.source is not None:
        for folder in folders:
            _copies(ledger, target, target.source, folder)
        return
    if target.only_there:
        folders = tuple(each for each in folders if os.path.lexists(os.path.join(each, target.word.text)))
    writes(ledger, target.word, folders, target.reason, follow=target.follow)
    if target.follow:
        return
    for folder in folders:
        # Where a repository is removed with its folder.
        path = resolve(folder, target.word.text, follow=False)
        inner = os.path.join(path, ".git")
        if target.word.pattern is None and os.path.lexists(inner) and not os.path.islink(path):
            _add(ledger, inner, target.word, target.reason)


def _add(ledger: Ledger, path: str, word: Word, reason: str) -> None:
    ledger.add("edit", path, inside=ledger.places.inside(path) and not word.tilde, reason=reason)


def _unsure(ledger: Ledger, word: Word, text: str, folder: str, reason: str, *, follow: bool) -> None:
    """What a pattern or a word that is not known will name, and what of it is there now."""
    path = "/" + os.path.normpath(os.path.join(os.path.realpath(folder), text)).lstrip("/")
    ledger.add("edit", path, inside=False, reason=reason)
    if word.pattern is None:
        return
    pattern = ledger.places.home + word.pattern[1:] if word.tilde else word.pattern
    for match in expand(pattern, folder) or ():
        for real in ledger.lead(resolve(folder, match, follow=follow)):
            if ledger.is_notable(real):
                _add(ledger, real, word, reason)


# Copies --------------------------------------------------------------------------------------------


def _copies(ledger: Ledger, target: Target, source: Word, folder: str) -> None:
    word = target.word
    text = ledger.places.home + word.text[1:] if word.tilde and word.text[1:2] in ("", "/") else word.text
    if word.unknown or word.pattern is not None or (word.tilde and text[:1] == "~"):
        _unsure(ledger, word, text, folder, target.reason, follow=True)
        return
    for name in _sources(ledger, source, folder):
        for path in ledger.lead(resolve(folder, text)):
            into = not target.spread and (os.path.isdir(path) or text.endswith("/"))
            base = os.path.basename(name.rstrip("/"))
            made = os.path.join(path, base) if into else path
            for real in ledger.lead(os.path.realpath(made)):
                _add(ledger, real, word, target.reason)
            _link(ledger, target, name, folder, os.path.normpath(made))
            if target.tree:
                _tree(ledger, resolve(folder, name), made, target)


def _sources(ledger: Ledger, source: Word, folder: str) -> list[str]:
    home = ledger.places.home
    if source.pattern is not None:
        pattern = home + source.pattern[1:] if source.tilde else source.pattern
        return expand(pattern, folder) or [source.text]
    return [home + source.text[1:] if source.tilde and source.text[1:2] in ("", "/") else source.text]


def _link(ledger: Ledger, target: Target, name: str, folder: str, made: str) -> None:
    """Notes that a path will lead elsewhere: a link that is made, copied or moved."""
    here = os.path.join(os.path.realpath(folder), name)
    if target.links:
        ledger.links[made] = os.path.join(os.path.dirname(made), name) if target.links == "beside" else here
        return
    if os.path.islink(here):
        ledger.links[made] = os.path.realpath(here)
    for behind in ledger.lead(os.path.normpath(here))[1:]:
        ledger.links[made] = behind


def _tree(ledger: Ledger, source: str, made: str, target: Target) -> None:
    """What is worth a claim of all the files that a folder which is copied or moved brings with it."""
    for number, inner in enumerate(_files_below(source)):
        if number > MOST_COPIED:
            ledger.add("edit", made, inside=False, reason="more files than can be looked at")
            return
        path = os.path.join(made, inner)
        real = os.path.realpath(path)
        if ledger.is_notable(real) or real != os.path.normpath(path):
            ledger.add("edit", real, inside=ledger.places.inside(real), reason=target.reason)
        gone = os.path.join(source, inner)
        if target.moves and ledger.places.inside(source) and ledger.is_notable(gone):
            ledger.add("edit", gone, inside=ledger.places.inside(gone), reason=target.reason)


def _files_below(source: str) -> Iterator[str]:
    for folder, _, names in os.walk(source):
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), source)
