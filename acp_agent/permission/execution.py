"""Whether a command line is the program it claims to be, and does only what its words say."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from acp_agent.permission import repository
from acp_agent.permission.globs import expand
from acp_agent.permission.patterns import quoted
from acp_agent.permission.places import real
from acp_agent.permission.programs import examine, facts, program_name
from acp_agent.permission.protected import protected
from acp_agent.permission.script import Word
from acp_agent.permission.toolchains import decided_by_project
from acp_agent.permission.wrappers import FOUND

if TYPE_CHECKING:
    from acp_agent.permission.places import Places
    from acp_agent.permission.programs import Use

_OPERATORS = frozenset(("!", "&&", "||"))
_BRACKETS = frozenset(("[", "]", "[[", "]]"))
_ACTIVE = re.compile(r"\\(.)|([^\w*?~@%+=:,./-])", re.DOTALL)


def described(line: tuple[Word, ...], outside: str = "") -> str:
    """A command line as it can be typed; one that runs outside the roots says where."""
    operators = _OPERATORS if line[0].text == "[[" else frozenset[str]()
    text = " ".join(word.text if word.text in operators else _typed(word) for word in line)
    return f"cd {quoted(outside)} && {text}" if outside else text


def _typed(word: Word) -> str:
    if word.unknown or word.number or word.text in _BRACKETS:
        return word.text
    if word.pattern is None and not word.tilde:
        return quoted(word.text)
    # What is active must not look like what is quoted: `rm *` is not `rm '*'`.
    return _ACTIVE.sub(lambda found: "\\" + (found[1] or found[2]), word.pattern or word.text)


def outside_of(folders: tuple[str, ...], places: Places) -> str:
    """The first of `folders` that is outside the roots."""
    return next((folder for folder in folders if not places.inside(real(folder))), "")


def changes_what_follows(line: tuple[Word, ...]) -> bool:
    """Whether it is a part of the shell that gives the commands after it another meaning."""
    return line[0].text in facts().changes_what_follows


def distrust(
    line: tuple[Word, ...], folders: tuple[str, ...], places: Places
) -> tuple[tuple[Word, ...], str]:
    """The words as they will run, and why they may not be taken at face value."""
    program = line[0].text
    name = program_name(program)
    if name is None or line[0].tilde:
        return line, f"`{program}` is named by its path"
    if any(word.unknown for word in line) or "\0" in program:
        return line, "part of it is not known before it runs"
    by_path = "/" in program
    why = _foreign(program, places) if by_path else ""
    found = "" if by_path else _in_the_workspace(program, folders, places)
    if not found:
        return line, why or (_surprise(name, line, folders, places) if name in facts().reads else "")
    if name in facts().reads:
        line = (Word(found), *line[1:])
    return line, f"`{program}` would be {found}, in the workspace"


def _surprise(name: str, line: tuple[Word, ...], folders: tuple[str, ...], places: Places) -> str:
    """Why a command line of a program that only reads may do something else here."""
    if name == "git" and line[1:2] != (Word("-C"),):
        for folder in folders:
            danger = repository.danger(folder)
            if danger:
                return danger
    several = any(word.pattern is not None or word.text == FOUND for word in line[1:])
    if several and (facts().reads[name].counts_operands or name == "printf"):
        return "it may be given more files than it reads"
    use = examine((name, *(word.text for word in line[1:])))
    decided = decided_by_project(name, use, folders, places) if use else ""
    if decided:
        return decided
    unclear = _unclear_glob(use, places) if use else ""
    if unclear:
        return unclear
    for word in line[1:]:
        if word.text == "--":
            break
        if (
            word.pattern
            and word.pattern[0] in "*?"
            and any(_an_option(word.pattern, each) for each in folders)
        ):
            return f"{word.text} names a file that would be taken for an option"
    return ""


def _unclear_glob(use: Use, places: Places) -> str:
    samples = protected(places.home).samples
    for pattern in use.globs:
        if pattern.startswith("!"):
            continue
        if any(char in pattern for char in "{}[]\\"):
            return f"{pattern} is not understood"
        if any(fnmatch(each.casefold(), os.path.basename(pattern).casefold()) for each in samples):
            return f"{pattern} also names files that hold secrets"
    return ""


def _an_option(pattern: str, folder: str) -> bool:
    matches = expand(pattern, folder)
    return matches is None or any(match.startswith("-") for match in matches)


def _in_the_workspace(name: str, folders: tuple[str, ...], places: Places) -> str:
    """The file in the workspace that `name` would run instead of an installed program."""
    if name in facts().builtins or name in _BRACKETS:
        return ""
    # Without PATH bash looks where it was told to when it was built, which may be here too.
    for entry in os.environ.get("PATH", f"{os.defpath}:.").split(os.pathsep):
        for place in (entry,) if entry.startswith("/") else [os.path.join(each, entry) for each in folders]:
            path = f"{place}/{name}"
            if os.access(path, os.X_OK) and os.path.isfile(path):
                # A link in the workspace to an installed program is the workspace's as well.
                return path if places.inside(real(place)) or places.inside(real(path)) else ""
    return ""


def _foreign(program: str, places: Places) -> str:
    """Why a program in one of the system's folders may not be the system's."""
    folder = os.path.dirname(program)
    try:
        found = os.stat(folder)
    except OSError:
        return f"there is no {folder}"
    if found.st_uid != 0 or found.st_mode & 0o002 or (found.st_mode & 0o020 and found.st_gid != 0):
        return f"others than the system can change {folder}"
    if places.inside(real(folder)) or places.inside(real(program)):
        return f"`{program}` is in the workspace"
    return ""
