"""The commands of one session: finding the one that a prompt begins with."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.content import Text
from acp_agent.events import Command
from acp_agent.extend.commands.desk import Words
from acp_agent.extend.commands.table import COMMANDS, NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acp_agent.content import Part
    from acp_agent.extend.commands.desk import Answer, Desk, Run
    from acp_agent.extend.commands.table import Entry


class Order(NamedTuple):
    """A command as somebody typed it."""

    entry: Entry
    words: Words

    async def carry_out(self, desk: Desk) -> Answer:
        module, _, function = self.entry.code.partition(":")
        run: Run = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        return await run(desk, self.words)


class Registry:
    def __init__(self, aliases: Mapping[str, str], entries: Sequence[Entry] = COMMANDS) -> None:
        """`aliases` are further names; what is a command already, or leads to none, is no alias."""
        known = {entry.name: entry for entry in entries}
        further = {
            alias: known[target]._replace(name=alias, about=f"/{target}: {known[target].about}")
            for alias, target in ((alias, target.removeprefix("/")) for alias, target in aliases.items())
            if NAME.fullmatch(alias) and alias not in known and target in known
        }
        self._entries = known | further

    @property
    def entries(self) -> Sequence[Entry]:
        """Aliases last."""
        return tuple(self._entries.values())

    @property
    def announced(self) -> tuple[Command, ...]:
        return tuple(Command(entry.name, entry.about, entry.hint) for entry in self._entries.values())

    def find(self, content: Sequence[Part]) -> Order | None:
        """The command that the first text of a prompt begins with; None when it is meant for the model."""
        at, text = next(
            ((at, part.text) for at, part in enumerate(content) if isinstance(part, Text)), (0, "")
        )
        word, rest = _split(text.removeprefix("/")) if text.startswith("/") else ("", "")
        entry = self._entries.get(word)
        if entry is None:
            return None
        return Order(entry, Words(rest, (*content[:at], *content[at + 1 :])))


def _split(text: str) -> tuple[str, str]:
    """The first word, empty when there is white space before it, and the rest."""
    found = NAME.match(text)
    if not found or (text[found.end() :] and not text[found.end()].isspace()):
        return "", ""
    return found.group(), text[found.end() :].strip()
