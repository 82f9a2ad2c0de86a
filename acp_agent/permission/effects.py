"""The files that a simple command reads and writes, as claims."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from acp_agent.permission.changes import changed
from acp_agent.permission.claims import Claim
from acp_agent.permission.globs import expand
from acp_agent.permission.places import resolve
from acp_agent.permission.programs import examine, program_name
from acp_agent.permission.protected import protected
from acp_agent.permission.usage import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acp_agent.permission.changes import Target
    from acp_agent.permission.places import Places
    from acp_agent.permission.programs import Use
    from acp_agent.permission.script import Redirect, Word

MOST_LOOKED_AT = 20_000
"""Files below the folders that a recursive reader is given: some tens of milliseconds."""
_DESCRIPTOR = re.compile(r"/dev/fd/\d+")


class Effects:
    """Collects claims; `claims` may be added to by its owner."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._protected = protected(places.home)
        self.claims: list[Claim] = []

    def of_redirect(self, redirect: Redirect, folders: tuple[str, ...]) -> bool:
        """Adds the claim of one redirect; False when it is not understood."""
        operator, word = redirect
        if operator == "<":
            self._reads(word, folders)
        elif operator in ("<&", ">&") and (word.text == "-" or is_number(word.text.rstrip("-"))):
            return True
        elif operator == "<&":
            return False
        else:
            self._writes(word, folders, "redirect target")
        return True

    def of_program(self, line: tuple[Word, ...], folders: tuple[str, ...]) -> None:
        """Adds what a known program does with the files that its words name."""
        argv = tuple(word.text for word in line)
        for target in changed(line):
            if target.reason:
                self._changes(target, folders)
            else:
                self._reads(target.word, folders)
        name = program_name(argv[0]) or os.path.basename(argv[0])
        use = examine((name, *argv[1:]))
        if use is None:
            self._mentions(line[1:], folders)
            return
        for index in use.names:
            self._reads(line[index], folders, shown=False)
        for index in use.contents:
            self._reads(line[index], folders)
        for word in line[1:]:
            if word.pattern is not None:
                self._reads(word, folders, shown=False)
        if use.recursive:
            places = [line[index].text for index in use.contents] or ["."]
            tops = [resolve(folder, place) for folder in folders for place in places]
            self._below(tops, use, follows=_follows_links(line))

    # Reading ------------------------------------------------------------------------

    def _reads(self, word: Word, folders: tuple[str, ...], *, shown: bool = True) -> None:
        if word.text in ("-", "") or self._harmless(word.text):
            return
        for folder in folders:
            paths = self._paths(word, folder)
            if paths is None:
                self._add("read", word.text, inside=False, reason="cannot be told before it runs")
                continue
            for path in paths:
                inside = self._places.inside(path)
                if not inside or (shown and self._protected.is_secret(path)):
                    self._add("read", path, inside=inside)
            if shown and ":" in word.text:
                # A file in a revision: HEAD:path
                named = resolve(folder, word.text.rpartition(":")[2])
                if self._protected.is_secret(named):
                    self._add("read", named, inside=self._places.inside(named))

    def _mentions(self, line: tuple[Word, ...], folders: tuple[str, ...]) -> None:
        """Secrets among the words given to a program of which nothing is known."""
        for word in line:
            for text in dict.fromkeys((word.text, word.text.rpartition("=")[2], word.text.removeprefix("@"))):
                for folder in folders if text and "\0" not in text else ():
                    for path in self._paths(word._replace(text=text), folder) or ():
                        if self._protected.is_secret(path):
                            self._add("read", path, inside=self._places.inside(path))

    def _below(self, folders: Iterable[str], use: Use, *, follows: bool) -> None:
        """Secrets below folders all of whose files are shown. More than can be looked at is asked about."""
        wanted = [glob.casefold() for glob in use.globs if not glob.startswith("!")]
        budget = MOST_LOOKED_AT
        for top in folders:
            for folder, inner, names in os.walk(top):
                budget -= len(inner) + len(names)
                if budget < 0:
                    self._add(
                        "read", top, inside=False, reason="more files than can be looked at for secrets"
                    )
                    return
                inner[:] = [each for each in inner if use.shows_hidden or not each.startswith(".")]
                for each in (*inner, *names) if follows else ():
                    path = os.path.join(folder, each)
                    if os.path.islink(path) and not self._places.inside(os.path.realpath(path)):
                        self._add("read", os.path.realpath(path), inside=False, reason="a link leads to it")
                for name in names:
                    hidden = name.startswith(".") and not use.shows_hidden
                    if hidden or (wanted and not any(fnmatch(name.casefold(), glob) for glob in wanted)):
                        continue
                    path = os.path.join(folder, name)
                    if self._protected.is_secret(path):
                        self._add("read", path, inside=self._places.inside(path))

    # Writing ------------------------------------------------------------------------

    def _changes(self, target: Target, folders: tuple[str, ...]) -> None:
        self._writes(target.word, folders, target.reason, follow=target.follow, into=target.into)

    def _writes(
        self, word: Word, folders: tuple[str, ...], reason: str, *, follow: bool = True, into: str = ""
    ) -> None:
        text = word.text
        if self._harmless(text):
            return
        if text.startswith(("/dev/tcp/", "/dev/udp/")):
            self._add("network", text.split("/")[3], inside=False, reason=reason)
        if word.tilde and text[1:2] in ("", "/"):
            text = self._places.home + text[1:]
        for folder in folders:
            if word.unknown or word.pattern is not None or (word.tilde and text[:1] == "~"):
                path = "/" + os.path.normpath(os.path.join(os.path.realpath(folder), text)).lstrip("/")
                self._add("edit", path, inside=False, reason=reason)
                continue
            if text.endswith("/*"):
                path = resolve(folder, text[:-1]).rstrip("/") + "/*"
            else:
                path = resolve(folder, text, follow=follow)
                if into and (text.endswith("/") or os.path.isdir(path)):
                    path = resolve(path, into)
            self._add("edit", path, inside=self._places.inside(path) and not word.tilde, reason=reason)

    # Paths --------------------------------------------------------------------------

    def _paths(self, word: Word, folder: str) -> list[str] | None:
        """What a word names from `folder`; None when that cannot be told."""
        if word.unknown or "\0" in word.text:
            return None
        text, pattern = word.text, word.pattern
        if word.tilde:
            if text[1:2] not in ("", "/"):
                return None
            text = self._places.home + text[1:]
            pattern = pattern and self._places.home + pattern[1:]
        if pattern is not None:
            matches = expand(pattern, folder)
            if matches is None:
                return None
            if matches:
                return [resolve(folder, match) for match in matches]
        return [resolve(folder, text)]

    def _harmless(self, text: str) -> bool:
        return text in self._protected.harmless or bool(_DESCRIPTOR.fullmatch(text))

    def _add(self, operation: str, resource: str, *, inside: bool, reason: str = "") -> None:
        if operation == "edit":
            self.claims.append(Claim("edit", resource, None, inside, reason))
        elif operation == "network":
            self.claims.append(Claim("network", resource, None, inside, reason))
        else:
            self.claims.append(Claim("read", resource, None, inside, reason))


def _follows_links(line: tuple[Word, ...]) -> bool:
    """Whether a recursive reader goes where links lead: grep -R and diff do, grep -r and rg do not."""
    options = [word.text for word in line[1:] if word.text.startswith("-")]
    spelled = any("R" in each for each in options if not each.startswith("--"))
    return line[0].text.endswith("diff") or spelled or "--dereference-recursive" in options
