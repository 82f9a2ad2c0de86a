"""The claims of running one command line, and whatever it runs itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.claims import Claim
from acp_agent.permission.effects import Effects
from acp_agent.permission.execution import changes_what_follows, described, distrust, outside_of
from acp_agent.permission.folders import directed, literal
from acp_agent.permission.found import Source, read_by
from acp_agent.permission.places import places_of
from acp_agent.permission.script import Command, Word
from acp_agent.permission.variables import ASSIGNMENT, Unknown, harmless, known, obeyed, values_in
from acp_agent.permission.within import Runs, put_in, runs
from acp_agent.permission.wrappers import feeding, peel, sets_how_it_ends

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from acp_agent.permission.script import Redirect

MAX_DEPTH = 4
"""Commands within commands: `sudo sh -c 'env …'`."""
MOST_GUESSED = 50
"""Words of a command line any of which may be the command that it runs."""
MOST_WALKS = 4
"""Times that files are looked for whose names xargs is given; each takes up to some tens of milliseconds."""
_PRINTS = frozenset(("echo", "printf", ":", "true", "false", "test", "[", "[[", "exit"))
"""To these a number that is not known is as good as any other."""


class Scene(NamedTuple):
    """What a command finds when it runs."""

    folders: tuple[str, ...]
    """It runs in one of these; as the shell names them."""
    depth: int = 0
    added: tuple[Word, ...] = ()
    """What was exported before."""
    assigned: tuple[Word, ...] = ()
    """What was set before without being exported; the commands after it are guesses."""
    why: str = ""
    """Why nothing in it may be allowed unasked."""
    given: str | None = None
    """The text on its standard input, when that is known."""
    source: Source | None = None
    """The names of files on its standard input, when it is that."""
    changed: bool = False
    """Its environment may not be that of the first shell."""
    mark: str = ""
    """What in its words is replaced by something that is not known."""

    def at(self, folders: tuple[str, ...]) -> Scene:
        return self._replace(folders=folders)


class Running:
    """Collects claims. Whoever derives from it says how the text of a script is read."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.places = places_of(roots)
        self._effects = Effects(self.places)
        self._walks = 0
        self.why = ""

    @property
    def claims(self) -> list[Claim]:
        return self._effects.claims

    def unclear(self, why: str) -> None:
        self.why = self.why or why

    def read_text(self, text: str, scene: Scene) -> None:
        """Adds the claims of a script."""
        raise NotImplementedError

    # Variables --------------------------------------------------------------------------

    def known(self, command: Command, scene: Scene) -> Command:
        """The command with the values of its variables, as far as they are known."""
        words = (*command.words, *command.assignments, *(each.target for each in command.redirects))
        if scene.changed and any(word.pieces or word.tilde for word in words):
            self.unclear("a variable or ~ in another environment")
        if not any(word.pieces for word in words):
            return command
        values = values_in(scene.folders)
        number = bool(command.words) and command.words[0].text in _PRINTS

        def of(word: Word, *, splits: bool = True, number: bool = False) -> Word:
            try:
                found = known(word, values, splits=splits)
            except Unknown as unknown:
                self.unclear(str(unknown))
                return self._guessed(word, values, scene)
            if found.number and not number:
                self.unclear(f"the variable {word.pieces[0].text}")
            return found

        return command._replace(
            words=tuple(of(word, number=number) for word in command.words),
            assignments=tuple(of(word, splits=False) for word in command.assignments),
            redirects=tuple(each._replace(target=of(each.target)) for each in command.redirects),
        )

    @staticmethod
    def _guessed(word: Word, values: Mapping[str, str], scene: Scene) -> Word:
        """What the word will be if what was set before it was."""
        added = (each.text.partition("=") for each in (*scene.added, *scene.assigned))
        try:
            return known(word, {**values, **{name: value for name, _, value in added}})
        except Unknown:
            return word

    def exported(self, command: Command, scene: Scene) -> tuple[Word, ...]:
        """What `export NAME=value …` sets for the commands after it; nothing for any other command."""
        words = command.words
        if words[0].text != "export" or command.assignments or len(words) == 1:
            return ()
        before = {word.text.partition("=")[0] for word in scene.added}
        for word in words[1:]:
            name = word.text.partition("=")[0]
            if not ASSIGNMENT.match(word.text) or name.endswith("+") or name in before:
                return ()
            if not literal(word) or obeyed(word.text):
                return ()
            before.add(name)
        return words[1:]

    # One command ------------------------------------------------------------------------

    def command(self, command: Command, scene: Scene, *, exported: bool = False) -> None:
        """Adds the claims of one simple command. `exported` says that what it sets is kept in mind."""
        line = command.words
        if exported:
            if not all(harmless(word.text) for word in line[1:]):
                self._claim(line, scene)
        elif line:
            self._line(command, scene)
        elif command.assignments:
            self.unclear("a variable is set")
            self._assigned(command.assignments, (), scene)
        elif command.redirects:
            self._claim((Word(":"),), scene)
        self.redirects(command.redirects, scene)

    def redirects(self, redirects: Sequence[Redirect], scene: Scene) -> None:
        for redirect in redirects:
            if not self._effects.of_redirect(redirect, scene.folders):
                self.unclear(f"`{redirect.operator}` with a word")

    def _line(self, command: Command, scene: Scene) -> None:
        line = command.words
        given = scene.given if command.given is None else command.given
        if scene.mark and scene.mark in line[0].text:
            self.unclear("what is found in the place of a command")
        if line[0].text in ("[", "test") and any(word.pattern is not None for word in line):
            self.unclear("a pattern in a test")
        assignments = (*scene.added, *command.assignments)
        if assignments:
            self._assigned(assignments, line, scene)
        self._execute(line, scene)
        if [word.text for word in line[:2]] == ["git", "-C"]:
            self._elsewhere(line, scene)
            return
        changed = scene.changed or not all(harmless(word.text) for word in command.assignments)
        self._within(line, scene._replace(given=given, source=None, changed=changed))
        self._effects.of_program(line, scene.folders)
        if os.path.basename(line[0].text) == "xargs":
            self._fed(line, scene)

    def _elsewhere(self, line: tuple[Word, ...], scene: Scene) -> None:
        """Adds the claims of `git -C FOLDER …`: those of going there first."""
        inner, folders, why = directed(line, scene.folders, self.places)
        if why or len(inner) == len(line):
            self.unclear(why or "`git -C` without a folder")
            return
        if scene.mark and any(scene.mark in word.text for word in line[1 : 1 + len(line) - len(inner)]):
            self.unclear("`git -C` to what is found")
        for folder in folders:
            self._effects.of_program((Word("cd"), Word(folder)), scene.folders)
        self._line(Command(inner), scene.at(folders))

    def _assigned(self, assignments: tuple[Word, ...], line: tuple[Word, ...], scene: Scene) -> None:
        names = dict.fromkeys(
            word.text.partition("=")[0].rstrip("+") for word in assignments if not harmless(word.text)
        )
        self._claim((Word("env"), *assignments, *line), scene, f"sets {', '.join(names)}" if names else "")

    def _execute(self, line: tuple[Word, ...], scene: Scene) -> None:
        if changes_what_follows(line) and not sets_how_it_ends([word.text for word in line]):
            self.unclear(f"`{line[0].text}` changes what commands mean")
        line, why = distrust(line, scene.folders, self.places)
        self._claim(line, scene, why)

    def _claim(self, line: tuple[Word, ...], scene: Scene, why: str = "") -> None:
        outside = outside_of(scene.folders, self.places)
        if outside and not why:
            why = f"runs in {outside}"
        argv = tuple(word.text for word in line)
        self.claims.append(Claim("execute", described(line, outside), argv, not outside, why or scene.why))

    def _fed(self, line: tuple[Word, ...], scene: Scene) -> None:
        """Adds what a program reads that xargs gives the names of files to."""
        fed = feeding(tuple(word.text for word in line))
        if fed is None:
            return
        self._walks += 1
        if scene.source is None or self._walks > MOST_WALKS:
            self.claims.append(
                Claim("read", "what xargs is given", None, False, "cannot be told before it runs")
            )
            return
        for folder in scene.folders:
            self.claims.extend(read_by(fed, scene.source, folder, self.places))

    # Commands within a command ------------------------------------------------------------

    def _within(self, line: tuple[Word, ...], scene: Scene) -> None:
        for each in runs(line, scene.given):
            if each.unclear:
                self.unclear(each.unclear)
            if each.script is not None:
                self._script(each.script, scene)
            elif each.may_be:
                self._any_of(each.line, scene)
            else:
                self._inner(each, scene)

    def _inner(self, inner: Runs, scene: Scene) -> None:
        line = inner.line
        if scene.depth >= MAX_DEPTH:
            self.unclear("commands within commands, too deep")
            self._any_of(line, scene)
            return
        if ASSIGNMENT.match(line[0].text):
            self.unclear("an assignment in the place of a command")
            self._any_of(line[1:], scene)
        if not literal(line[0]):
            self.unclear("a pattern in the place of a command")
        if line[0].text == "cd":
            self.unclear("`cd` behind another command")
        self._line(Command(line), self._behind(inner, scene))
        for word in inner.on[:MOST_GUESSED]:
            self._changes(put_in(line, inner.mark, word), scene)

    def _behind(self, inner: Runs, scene: Scene) -> Scene:
        given = None if inner.fed else scene.given
        changed = scene.changed or inner.changes
        return scene._replace(
            depth=scene.depth + 1, mark=inner.mark or scene.mark, given=given, changed=changed
        )

    def _changes(self, line: tuple[Word, ...], scene: Scene) -> None:
        """Adds what a line changes, whichever commands stand in front of it."""
        for _ in range(MAX_DEPTH):
            wrapped = peel([word.text for word in line])
            if wrapped is None or wrapped.inner is None:
                break
            line = line[wrapped.inner :]
        self._effects.of_program(line, scene.folders)

    def _any_of(self, line: tuple[Word, ...], scene: Scene) -> None:
        """Claims every command that these words could hold, so that a denial of one of them holds."""
        for index, word in enumerate(line[:MOST_GUESSED]):
            if not word.text.startswith("-"):
                self._claim(line[index:], scene, "may be run")
                self._effects.of_program(line[index:], scene.folders)
            if " " in word.text.strip():
                self._script(word, scene)
            elif scene.depth < MAX_DEPTH:
                for each in runs(line[index:], None):
                    if each.script is not None:
                        self._script(each.script, scene)

    def _script(self, text: Word, scene: Scene) -> None:
        if scene.depth >= MAX_DEPTH:
            self.unclear("commands within commands, too deep")
            return
        if scene.mark and scene.mark in text.text:
            self.unclear("a script in which something is replaced")
        self.read_text(text.text, scene._replace(depth=scene.depth + 1, mark="", given=None))
