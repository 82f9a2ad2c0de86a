"""In which folder a command runs: where it starts, `cd`, and `git -C`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acp_agent.permission.places import real
from acp_agent.permission.script import Word

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.permission.places import Places


def start_folders(cwd: Path) -> tuple[str, ...]:
    """The names that the shell may have for the folder it is started in."""
    start = os.path.abspath(cwd)
    inherited = os.environ.get("PWD", "")
    known = (start, real(start))
    if inherited in known or not os.path.isabs(inherited):
        return tuple(dict.fromkeys(known))
    try:
        same = os.path.samefile(inherited, start)
    except OSError:
        same = False
    return tuple(dict.fromkeys((*known, os.path.normpath(inherited)) if same else known))


def either(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))


def folder_after(
    operands: tuple[Word, ...], folders: tuple[str, ...], places: Places
) -> tuple[tuple[str, ...], str]:
    """Where a `cd` leads; nothing, and why, when that is not known."""
    if operands and operands[0].text == "--":
        operands = operands[1:]
    target = operands[0].text if operands else "~"
    if len(operands) > 1 or target[:1] in ("-", ""):
        return (), "`cd` to what is not a plain folder"
    if not target.startswith(("/", ".", "~")) and os.environ.get("CDPATH"):
        return (), "`cd` with CDPATH set"
    return _named(operands[0] if operands else Word("~", tilde=True), folders, places, "cd")


def directed(
    line: tuple[Word, ...], folders: tuple[str, ...], places: Places
) -> tuple[tuple[Word, ...], tuple[str, ...], str]:
    """The line without `git -C FOLDER`, the folders that it then runs in, and why they are not known."""
    rest, why = line[1:], ""
    while line[0].text == "git" and len(rest) > 1 and rest[0].text == "-C":
        found, strange = _named(rest[1], folders, places, "git -C")
        folders, why, rest = found or folders, why or strange, rest[2:]
    return (line[0], *rest), folders, why


def _named(word: Word, folders: tuple[str, ...], places: Places, what: str) -> tuple[tuple[str, ...], str]:
    target = word.text
    if not literal(word, tilde=True) or "\0" in target:
        return (), f"`{what}` to what is not a plain folder"
    if word.tilde:
        if target[1:2] not in ("", "/"):
            return (), f"`{what}` to another user's folder"
        return (os.path.normpath(places.home + target[1:]),), ""
    return _joined(folders, target, by_names=what == "cd"), ""


def _joined(folders: tuple[str, ...], target: str, *, by_names: bool) -> tuple[str, ...]:
    """Where the names lead, as a shell sees it, or the disk does: behind a link `..` is two things.

    A shell that finds nothing where the names lead goes where the disk does.
    """
    found: list[str] = []
    for folder in folders:
        path = os.path.join(folder, target)
        named, there = os.path.normpath(path), real(path)
        same = real(named) == there
        if by_names or same:
            found.append(named)
        if not same and not (by_names and os.path.isdir(named)):
            found.append(there)
    return tuple(dict.fromkeys(found))


def literal(word: Word, *, tilde: bool = False) -> bool:
    """Whether what the word will be is what is written."""
    return word.pattern is None and not word.unknown and not word.number and (tilde or not word.tilde)
