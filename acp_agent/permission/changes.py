"""Which files a command line of a known program changes, removes and copies from."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.data import as_table, flag, load, only, text, words
from acp_agent.permission.floor import RECURSES, REMOVES
from acp_agent.permission.usage import Allowed, scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.permission.script import Word
    from acp_agent.permission.usage import Scan

WRITES = "written by"


class Target(NamedTuple):
    """A file that a command touches, as the command names it."""

    word: Word
    reason: str
    """Why it is claimed; empty for a file that is only read."""
    follow: bool = True
    """A link at the end of the path is followed."""
    into: str = ""
    """Where `word` names a folder that is there, the name of the file in it."""


class _Changer(NamedTuple):
    targets: str
    removes: bool
    moves: bool
    reads: bool
    recursive: tuple[str, ...]
    into: tuple[str, ...]
    keyed: tuple[str, ...]
    allowed: Allowed


def changed(line: tuple[Word, ...]) -> Iterator[Target]:
    """What the command line changes. A rough reading: what is not known of an option is not guessed."""
    argv = tuple(word.text for word in line)
    name = os.path.basename(argv[0])
    if name == "find":
        yield from _found(line, argv)
    elif name in ("sed", "gsed", "perl"):
        yield from _in_place(line, argv, name)
    changer = _table().get(name)
    if changer is None:
        return
    found = scan(argv, 1, changer.allowed)
    for option, value in found.given:
        if option in changer.into:
            yield Target(_named(line[0], value), f"{WRITES} {name}")
    for key in changer.keyed:
        for word in line[1:]:
            if word.text.startswith(key):
                yield Target(word._replace(text=word.text[len(key) :]), f"{WRITES} {name}")
    operands = [line[index] for index in found.operands]
    if changer.targets in ("all", "rest"):
        yield from _each(operands, changer, found, name)
    elif changer.targets == "last":
        yield from _destination(operands, changer, found, name)


def _each(operands: list[Word], changer: _Changer, found: Scan, name: str) -> Iterator[Target]:
    reason = f"{REMOVES} ({name})" if changer.removes else f"{WRITES} {name}"
    if found.value_of(*changer.recursive) is not None:
        reason = f"{RECURSES} ({name})"
    skipped = changer.targets == "rest" and found.value_of("--reference") is None
    for word in operands[1 if skipped else 0 :]:
        yield Target(word, reason, follow=not changer.removes)


def _destination(operands: list[Word], changer: _Changer, found: Scan, name: str) -> Iterator[Target]:
    if not operands:
        return
    if name == "install" and found.value_of("-d", "--directory") is not None:
        yield from (Target(word, f"{WRITES} {name}") for word in operands)
        return
    folder = found.value_of("-t", "--target-directory")
    if folder is None and len(operands) > 1:
        *sources, destination = operands
    else:
        sources, destination = operands, _named(operands[0], (folder or ".") + "/")
    for word in sources:
        if changer.moves:
            yield Target(word, f"{REMOVES} ({name})", follow=False)
        elif changer.reads:
            yield Target(word, "")
        yield Target(destination, f"{WRITES} {name}", into=os.path.basename(word.text.rstrip("/")))


def _found(line: tuple[Word, ...], argv: tuple[str, ...]) -> Iterator[Target]:
    end = next((i for i, word in enumerate(argv) if i and word.startswith(("-", "(", "!"))), len(argv))
    for index, word in enumerate(argv[:-1]):
        if word in ("-fprint", "-fprint0", "-fprintf", "-fls"):
            yield Target(line[index + 1], f"{WRITES} find")
    if "-delete" not in argv:
        return
    for place in line[1:end] or (_named(line[0], "."),):
        yield Target(place._replace(text=place.text.rstrip("/") + "/*"), f"{REMOVES} (find -delete)")


def _in_place(line: tuple[Word, ...], argv: tuple[str, ...], name: str) -> Iterator[Target]:
    def edits(word: str) -> bool:
        return word.startswith("--in-place") or (word[:1] == "-" and word[:2] != "--" and "i" in word)

    if not any(edits(word) for word in argv[1:]):
        return
    for word in line[1:]:
        if not word.text.startswith("-"):
            yield Target(word, f"{WRITES} {name}")


def _named(like: Word, value: str) -> Word:
    return like._replace(text=value, pattern=None, tilde=value.startswith("~"), unknown=False)


@cache
def _table() -> dict[str, _Changer]:
    table = load("changes.json")
    return {name: _changer(value, name) for name, value in table.items() if name != "about"}


def _changer(value: object, name: str) -> _Changer:
    entry = as_table(value, name)
    only(entry, name, "targets", "removes", "moves", "reads", "recursive", "into", "keyed", "options")
    targets = text(entry, "targets")
    if targets not in ("all", "rest", "last", "none"):
        raise ValueError(f"{name}: targets cannot be {targets!r}")
    return _Changer(
        targets,
        flag(entry, "removes"),
        flag(entry, "moves"),
        flag(entry, "reads"),
        words(entry, "recursive"),
        words(entry, "into"),
        words(entry, "keyed"),
        Allowed(words(entry, "options")),
    )
