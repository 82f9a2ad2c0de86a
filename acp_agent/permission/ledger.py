"""Where the claims of one command line are written down, and where its words lead on the disk."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from acp_agent.permission.claims import Claim
from acp_agent.permission.globs import expand
from acp_agent.permission.places import is_inside, resolve
from acp_agent.permission.protected import protected

if TYPE_CHECKING:
    from acp_agent.permission.claims import Operation
    from acp_agent.permission.places import Places
    from acp_agent.permission.script import Word

MOST_LINKS = 8
"""Links to links that a command line makes, one behind the other."""
_OWN_PROCESS = re.compile(r"/proc/(?:self|thread-self)(?:/|\Z)")
_DESCRIPTOR = re.compile(r"/dev/fd/\d+")


class Ledger:
    """The claims, and the links that the command line has made so far."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.protected = protected(places.home)
        self.claims: list[Claim] = []
        self.links: dict[str, str] = {}
        """Paths that will lead to another one, once the commands before have run."""
        self.argv: tuple[str, ...] | None = None
        """The words of the command whose doing is written down; None for the shell's own doing."""

    def add(self, operation: Operation, resource: str, *, inside: bool, reason: str = "") -> None:
        argv = None if operation == "read" else self.argv
        self.claims.append(Claim(operation, resource, argv, inside, reason))

    def is_notable(self, path: str) -> bool:
        """Whether a path is worth a claim of its own where others are not named one by one."""
        known = self.protected
        return (
            not self.places.inside(path)
            or self.places.holds_a_root(path)
            or known.is_secret(path)
            or known.guarded_as(path) is not None
        )

    def harmless(self, text: str) -> bool:
        return text in self.protected.harmless or bool(_DESCRIPTOR.fullmatch(text))

    def paths(self, word: Word, folder: str) -> list[str] | None:
        """What a word names from `folder`; None when that cannot be told."""
        if word.unknown or "\0" in word.text:
            return None
        text, pattern = word.text, word.pattern
        if word.tilde:
            if text[1:2] not in ("", "/"):
                return None
            text = self.places.home + text[1:]
            pattern = pattern and self.places.home + pattern[1:]
        if _OWN_PROCESS.match(os.path.normpath(os.path.join(folder, text))):
            return None  # to the command it is another one than to us
        if pattern is not None:
            matches = expand(pattern, folder)
            if matches is None:
                return None
            if matches:
                return [path for match in matches for path in self.lead(resolve(folder, match))]
        return self.lead(resolve(folder, text))

    def lead(self, path: str) -> list[str]:
        """The path, and where links lead that the command line itself has made."""
        found = [path]
        for _ in range(MOST_LINKS if self.links else 0):
            ahead = next((link for link in self.links if is_inside(found[-1], link)), None)
            if ahead is None:
                break
            behind = os.path.realpath(self.links[ahead] + found[-1][len(ahead) :])
            if behind in found:
                break
            found.append(behind)
        return found
