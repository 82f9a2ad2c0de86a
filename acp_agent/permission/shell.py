"""What a shell command would do, as claims.

One execute claim for each simple command, with the words it will really get; edit claims for what
redirects and known programs write or remove; read claims for what they read outside the roots or
among secrets. Where anything is not understood, the first claim says so and can never be allowed
by a rule; what could be made out comes after it, so that denials still hold.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acp_agent.permission.claims import Claim
from acp_agent.permission.effects import Effects
from acp_agent.permission.execution import changes_what_follows, described, distrust, outside_of
from acp_agent.permission.places import places_of
from acp_agent.permission.programs import facts
from acp_agent.permission.script import Command, Script, Word
from acp_agent.permission.wrappers import ASSIGNMENT, peel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from acp_agent.permission.script import ShellParser, Step

MAX_PARTS = 50
"""Simple commands in one command line."""
MAX_DEPTH = 4
"""Commands within commands: `sudo sh -c 'env …'`."""
MAX_FOLDERS = 4
"""Folders a command may run in, depending on which `cd` before it succeeds."""
MAX_CHARACTERS = 200_000


def analyse(command: str, cwd: Path, roots: Sequence[Path], parse: ShellParser) -> tuple[Claim, ...]:
    """The claims of running `command` in the folder `cwd`. Looks at the disk, changes nothing."""
    analysis = _Analysis(roots, parse)
    if len(command) > MAX_CHARACTERS:
        analysis.unclear("longer than what is looked at")
    else:
        start = os.path.abspath(cwd)
        analysis.read(parse(command), tuple(dict.fromkeys((start, os.path.realpath(start)))), 0)
    claims = tuple(dict.fromkeys(analysis.claims))
    if not claims and not analysis.why:
        analysis.unclear("no command")
    if analysis.why:
        return (Claim("execute", command, None, False, f"not understood: {analysis.why}"), *claims)
    return claims


class _Analysis:
    def __init__(self, roots: Sequence[Path], parse: ShellParser) -> None:
        self._places = places_of(roots)
        self._parse = parse
        self._effects = Effects(self._places)
        self._parts = 0
        self.why = ""

    @property
    def claims(self) -> list[Claim]:
        return self._effects.claims

    def unclear(self, why: str) -> None:
        self.why = self.why or why

    def read(self, script: Script, folders: tuple[str, ...], depth: int) -> None:
        """Adds the claims of a script that starts in one of `folders`."""
        if script.unclear:
            self.unclear(script.unclear)
        self._parts += len(script.steps)
        if self._parts > MAX_PARTS:
            self.unclear(f"more than {MAX_PARTS} commands")
            return
        here, failed = folders, ()
        for index, step in enumerate(script.steps):
            if step.connector in (";", "&", "||"):
                here, failed = _either(here, failed), ()
            if len(here) > MAX_FOLDERS:
                self.unclear("too many changes of the folder")
                here = here[:1]
            self.command(step.command, here, depth)
            if not _is_cd(step.command):
                continue
            follower = script.steps[index + 1].connector if index + 1 < len(script.steps) else ""
            target = self._cd(step, here, piped=bool({step.connector, follower} & {"|", "|&"}))
            if target:
                failed = _either(failed, here)
                here = _either(target, here) if step.connector == "||" else target

    def _cd(self, step: Step, folders: tuple[str, ...], *, piped: bool) -> tuple[str, ...]:
        """Where a `cd` leads; nothing when that is not known."""
        words = step.command.words[1:]
        if words and words[0].text == "--":
            words = words[1:]
        target = words[0].text if words else "~"
        if piped:
            self.unclear("`cd` in a pipeline")
        elif step.background:
            self.unclear("`cd` in the background")
        elif len(words) > 1 or (words and not _literal(words[0], tilde=True)) or target[:1] in ("-", ""):
            self.unclear("`cd` to what is not a plain folder")
        elif not target.startswith(("/", ".", "~")) and os.environ.get("CDPATH"):
            self.unclear("`cd` with CDPATH set")
        elif not words or words[0].tilde:
            home = self._places.home + target[1:]
            if target[1:2] in ("", "/"):
                return (os.path.normpath(home),)
            self.unclear("`cd` to another user's folder")
        else:
            return tuple(dict.fromkeys(os.path.normpath(os.path.join(folder, target)) for folder in folders))
        return ()

    def command(self, command: Command, folders: tuple[str, ...], depth: int) -> None:
        """Adds the claims of one simple command, run in one of `folders`."""
        line = command.words
        if command.assignments:
            self._assigned(command, folders)
        if line:
            self._execute(line, folders)
            self._within(line, folders, depth)
            self._effects.of_program(line, folders)
        elif command.redirects:
            self._claim((Word(":"),), folders)
        for redirect in command.redirects:
            if not self._effects.of_redirect(redirect, folders):
                self.unclear(f"`{redirect.operator}` with a word")

    def _assigned(self, command: Command, folders: tuple[str, ...]) -> None:
        if not command.words:
            self.unclear("a variable is set")
        names = (word.text.partition("=")[0].rstrip("+") for word in command.assignments)
        why = f"sets {', '.join(dict.fromkeys(names))}"
        self._claim((Word("env"), *command.assignments, *command.words), folders, why)

    def _execute(self, line: tuple[Word, ...], folders: tuple[str, ...]) -> None:
        if changes_what_follows(line):
            self.unclear(f"`{line[0].text}` changes what commands mean")
        line, why = distrust(line, folders, self._places)
        self._claim(line, folders, why)

    def _claim(self, line: tuple[Word, ...], folders: tuple[str, ...], why: str = "") -> None:
        outside = outside_of(folders, self._places)
        if outside and not why:
            why = f"runs in {outside}"
        argv = tuple(word.text for word in line)
        self.claims.append(Claim("execute", described(line, outside), argv, not outside, why))

    # Commands within a command ----------------------------------------------------

    def _within(self, line: tuple[Word, ...], folders: tuple[str, ...], depth: int) -> None:
        argv = tuple(word.text for word in line)
        name = os.path.basename(argv[0])
        if name in facts().shells:
            self._shell(line, folders, depth)
        elif name == "find":
            self._find(line, folders, depth)
        wrapped = peel(argv)
        if wrapped is None:
            return
        if wrapped.unclear:
            self.unclear(f"what `{argv[0]}` runs")
            self._any_of(line[1:], folders, depth)
        elif wrapped.inner is not None:
            self._inner(line[wrapped.inner :], folders, depth)

    def _inner(self, line: tuple[Word, ...], folders: tuple[str, ...], depth: int) -> None:
        if depth >= MAX_DEPTH:
            self.unclear("commands within commands, too deep")
            self._any_of(line, folders, depth)
            return
        if ASSIGNMENT.match(line[0].text):
            self.unclear("an assignment in the place of a command")
            self._any_of(line[1:], folders, depth)
        if not _literal(line[0]):
            self.unclear("a pattern in the place of a command")
        if line[0].text == "cd":
            self.unclear("`cd` behind another command")
        self.command(Command(line), folders, depth + 1)

    def _any_of(self, line: tuple[Word, ...], folders: tuple[str, ...], depth: int) -> None:
        """Claims every command that these words could hold, so that a denial of one of them holds."""
        for index, word in enumerate(line[:MAX_PARTS]):
            if not word.text.startswith("-"):
                self._claim(line[index:], folders, "may be run")
                self._effects.of_program(line[index:], folders)
                if os.path.basename(word.text) in facts().shells:
                    self._shell(line[index:], folders, depth + 1)

    def _shell(self, line: tuple[Word, ...], folders: tuple[str, ...], depth: int) -> None:
        text = _script_of(line)
        if text is None:
            return
        if depth >= MAX_DEPTH or not _literal(text) or any(word.unknown for word in line):
            self.unclear(f"what `{line[0].text}` runs")
        if depth < MAX_DEPTH:
            self.read(self._parse(text.text), folders, depth + 1)

    def _find(self, line: tuple[Word, ...], folders: tuple[str, ...], depth: int) -> None:
        start = None
        for index, word in enumerate(line):
            if word.text in ("-exec", "-execdir", "-ok", "-okdir"):
                start = index + 1
            elif start is not None and word.text in (";", "+"):
                if index > start:
                    self._inner(line[start:index], folders, depth)
                start = None
        if start is not None:
            self.unclear("`find` without an end of what it runs")
            self._any_of(line[start:], folders, depth)


def _is_cd(command: Command) -> bool:
    return bool(command.words) and command.words[0].text == "cd"


def _literal(word: Word, *, tilde: bool = False) -> bool:
    return word.pattern is None and not word.unknown and (tilde or not word.tilde)


def _either(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))


def _script_of(line: tuple[Word, ...]) -> Word | None:
    """The script of `sh -c SCRIPT`; None when the shell is not given one."""
    runs, index = False, 1
    while index < len(line):
        text = line[index].text
        if text in ("--", "-"):
            index += 1
            break
        if not text.startswith(("-", "+")):
            break
        if text.startswith("--"):
            index += 2 if text in ("--rcfile", "--init-file") else 1
            continue
        runs = runs or "c" in text[1:]
        index += 2 if text[-1] in "oO" else 1
    return line[index] if runs and index < len(line) else None
