"""What a shell command would do, as claims.

One execute claim for each simple command, with the words it will really get; edit claims for what
redirects and known programs write or remove; read claims for what they read outside the roots or
among secrets. Where anything is not understood, the first claim says so and can never be allowed
by a rule; what could be made out comes after it, so that denials still hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.permission.claims import Claim
from acp_agent.permission.folders import either, folder_after, start_folders
from acp_agent.permission.found import passes, source_of
from acp_agent.permission.running import Running, Scene
from acp_agent.permission.script import Group
from acp_agent.permission.variables import obeyed
from acp_agent.permission.within import prints

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from acp_agent.permission.script import Command, Script, ShellParser, Step, Word

MAX_PARTS = 50
"""Simple commands in one command line."""
MAX_FOLDERS = 4
"""Folders a command may run in, depending on which `cd` before it succeeds."""
MAX_CHARACTERS = 200_000
_MOST_CLAIMED = 200
"""Steps that are still looked at where there are too many to be understood."""
_PIPES = frozenset(("|", "|&"))


def analyse(command: str, cwd: Path, roots: Sequence[Path], parse: ShellParser) -> tuple[Claim, ...]:
    """The claims of running `command` in the folder `cwd`. Looks at the disk, changes nothing."""
    analysis = _Analysis(roots, parse)
    if len(command) > MAX_CHARACTERS:
        analysis.unclear("longer than what is looked at")
    else:
        analysis.read(parse(command), Scene(start_folders(cwd)))
    claims = tuple(dict.fromkeys(analysis.claims))
    if not claims and not analysis.why:
        analysis.unclear("no command")
    if analysis.why:
        return (Claim("execute", command, None, False, f"not understood: {analysis.why}"), *claims)
    return claims


class _Analysis(Running):
    """Follows the steps of scripts: in which folder, with which variables and with which input each runs."""

    def __init__(self, roots: Sequence[Path], parse: ShellParser) -> None:
        super().__init__(roots)
        self._parse = parse
        self._parts = 0

    def read_text(self, text: str, scene: Scene) -> None:
        if self._parts > _MOST_CLAIMED:
            self.unclear("more commands than are looked at")
        else:
            self.read(self._parse(text), scene)

    def read(self, script: Script, scene: Scene) -> None:
        """Adds the claims of a script that starts in one of the scene's folders."""
        if script.unclear:
            self.unclear(script.unclear)
        self._steps(script.steps, scene)

    def _steps(self, steps: Sequence[Step], scene: Scene) -> Scene:
        """Adds the claims of steps in order; returns the scene for what comes after them."""
        here, failed = scene, ()
        if len(steps) > MAX_PARTS:
            self.unclear(f"more than {MAX_PARTS} commands")
        for index, step in enumerate(steps[:_MOST_CLAIMED]):
            if step.connector in (";", "&", "||"):
                here, failed = here.at(either(here.folders, failed)), ()
            if len(here.folders) > MAX_FOLDERS:
                self.unclear("too many changes of the folder")
                here = here.at(here.folders[:1])
            piped = step.connector in _PIPES
            if not piped:
                here = here._replace(given=scene.given, source=None)
            feeds = index + 1 < len(steps) and steps[index + 1].connector in _PIPES
            alone = not (piped or feeds or step.background)
            after = self._step(step, here, alone=alone)
            if feeds and not isinstance(step.command, Group):
                after = self._written(self.known(step.command, here), here)
            if alone and after.folders != here.folders:
                failed = either(failed, here.folders)
                if step.connector == "||" or step.negated or isinstance(step.command, Group):
                    after = after.at(either(after.folders, here.folders))
            here = after
        return here.at(either(here.folders, failed))

    def _step(self, step: Step, scene: Scene, *, alone: bool) -> Scene:
        """Adds the claims of one step; returns the scene for the next, when it has succeeded."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            self.unclear(f"more than {MAX_PARTS} commands")
            if self._parts > _MOST_CLAIMED:
                return scene
        if isinstance(step.command, Group):
            return self._group(step.command, scene, alone=alone)
        command = self.known(step.command, scene)
        if _reads_elsewhere(command):
            scene = scene._replace(source=None, given=command.given)
        exported = self._exported(command, scene) if alone and step.connector != "||" else ()
        self.command(command, scene, exported=bool(exported))
        if exported:
            return scene._replace(added=(*scene.added, *exported))
        if command.assignments and not command.words:
            return scene._replace(assigned=(*scene.assigned, *command.assignments))
        if _is_cd(command):
            return self._cd(step, command, scene, alone=alone)
        return scene._replace(given=None, source=None) if scene.given or scene.source else scene

    def _group(self, group: Group, scene: Scene, *, alone: bool) -> Scene:
        inner = scene._replace(
            why=scene.why or ("in a subshell" if group.subshell else "in a group"),
            given=scene.given if group.given is None else group.given,
            depth=scene.depth + 1,
        )
        after = self._steps(group.steps, inner)
        self.redirects(group.redirects, scene)
        if group.subshell or not alone:
            return scene._replace(given=None, source=None)
        return scene._replace(folders=after.folders, added=after.added, given=None, source=None)

    def _written(self, command: Command, scene: Scene) -> Scene:
        """The scene for a command that reads what this one writes."""
        line = command.words
        if not line:
            return scene._replace(given=None, source=None)
        if _reads_elsewhere(command):
            scene = scene._replace(source=None, given=command.given)
        source = scene.source if scene.source and passes(line) else source_of(line)
        return scene._replace(given=prints(line, scene.given), source=source)

    def _cd(self, step: Step, command: Command, scene: Scene, *, alone: bool) -> Scene:
        if not alone:
            self.unclear("`cd` in the background" if step.background else "`cd` in a pipeline")
            return scene
        folders, why = folder_after(command.words[1:], scene.folders, self.places)
        if any(obeyed(word.text) for word in command.assignments) or (
            scene.changed and not command.words[1:]
        ):
            why = "`cd` with variables of its own"
        if why:
            self.unclear(why)
        return scene.at(folders or scene.folders)._replace(given=None, source=None)

    def _exported(self, command: Command, scene: Scene) -> tuple[Word, ...]:
        return self.exported(command, scene) if command.words else ()


def _reads_elsewhere(command: Command) -> bool:
    """Whether its standard input is, or may be, something else than what the scene says."""
    return command.given is not None or any(
        redirect.operator.startswith("<")
        or (redirect.operator == ">&" and redirect.target.text not in ("1", "2"))
        for redirect in command.redirects
    )


def _is_cd(command: Command) -> bool:
    return bool(command.words) and command.words[0].text == "cd"
