"""/help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.extend.commands.markdown import bullets, code

if TYPE_CHECKING:
    from acp_agent.extend.commands.desk import Answer, Desk, Words
    from acp_agent.extend.commands.table import Entry

LATER = (
    "Everything else is for the model, also what begins with `/` and is not listed. "
    "A command that is typed while the model works waits for its turn."
)


async def help_(desk: Desk, words: Words) -> Answer:
    entries = desk.commands()
    wanted = words.text.removeprefix("/")
    if not wanted:
        return f"{bullets(_line(entry) for entry in entries)}\n\n{LATER}"
    entry = next((entry for entry in entries if entry.name == wanted), None)
    if entry is None:
        return f"There is no command {code(words.text)}. There are: {', '.join(e.name for e in entries)}."
    return "\n\n".join(filter(None, (_line(entry), entry.more)))


def _line(entry: Entry) -> str:
    usage = f"/{entry.name} {entry.hint}" if entry.hint else f"/{entry.name}"
    return f"{code(usage)}: {entry.about}"
