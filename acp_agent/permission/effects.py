"""What a simple command does with files and the network, as claims."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acp_agent.permission.changes import changed
from acp_agent.permission.hosts import ODD_HOST, about, host_of
from acp_agent.permission.ledger import Ledger
from acp_agent.permission.network import reached
from acp_agent.permission.programs import examine, program_name
from acp_agent.permission.reading import mentions, reads, shows
from acp_agent.permission.usage import is_number
from acp_agent.permission.writing import changes, writes

if TYPE_CHECKING:
    from acp_agent.permission.claims import Claim
    from acp_agent.permission.places import Places
    from acp_agent.permission.script import Redirect, Word


class Effects:
    """Collects claims; `claims` may be added to by its owner."""

    def __init__(self, places: Places) -> None:
        self._ledger = Ledger(places)

    @property
    def claims(self) -> list[Claim]:
        return self._ledger.claims

    def of_redirect(self, redirect: Redirect, folders: tuple[str, ...]) -> bool:
        """Adds the claim of one redirect; False when it is not understood."""
        operator, word = redirect
        if word.text.startswith(("/dev/tcp/", "/dev/udp/")):
            self._host(host_of(word.text.split("/")[3]) or ODD_HOST, "redirect target")
        if operator == "<":
            reads(self._ledger, word, folders)
        elif operator in ("<&", ">&") and (word.text == "-" or is_number(word.text.rstrip("-"))):
            return True
        elif operator == "<&":
            return False
        else:
            writes(self._ledger, word, folders, "redirect target")
        return True

    def of_program(self, line: tuple[Word, ...], folders: tuple[str, ...]) -> None:
        """Adds what a known program does with the files and hosts that its words name."""
        argv = tuple(word.text for word in line)
        ledger = self._ledger
        ledger.argv = argv
        for target in changed(line):
            if target.reason:
                changes(ledger, target, folders)
            else:
                reads(ledger, target.word, folders)
        self._reaches(line, argv, folders)
        ledger.argv = None
        name = program_name(argv[0]) or os.path.basename(argv[0])
        use = examine((name, *argv[1:]))
        if use is not None:
            shows(ledger, use, line, folders)
        if use is None or use.refused:
            mentions(ledger, line[1:], folders)

    def _reaches(self, line: tuple[Word, ...], argv: tuple[str, ...], folders: tuple[str, ...]) -> None:
        unknown = any(word.unknown for word in line)
        for one in reached(argv, folders):
            if one.file:
                reads(self._ledger, line[0]._replace(text=one.file, pattern=None), folders)
            else:
                self._host(ODD_HOST if unknown else one.host, f"`{one.by}` reaches it")

    def _host(self, host: str, reason: str) -> None:
        known = about(host)
        why = f"{reason}; it is {known}" if known else reason
        self._ledger.add("network", host, inside=False, reason=why)
