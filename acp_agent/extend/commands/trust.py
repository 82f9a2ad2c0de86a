"""/trust: what the project's settings ask for, and the user's word on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio.to_thread

from acp_agent.console import fenced
from acp_agent.extend.commands.markdown import code, plain

if TYPE_CHECKING:
    from acp_agent.config.trust import Trust
    from acp_agent.extend.commands.desk import Answer, Desk, Words

NOTHING = "This project's settings ask for nothing that needs your trust."
LATER = "It counts for sessions that are begun or loaded from now on; this one goes on as it began."
LIMITS = (
    "Files that these programs load beside those listed are not watched. `/trust yes` trusts exactly this, "
    "`/trust no` withdraws it."
)


async def trust(desk: Desk, words: Words) -> Answer:
    project = desk.project
    match words.text.strip().lower():
        case "":
            now = await anyio.to_thread.run_sync(project.look)
            project.shown = now.demands.digest if now else ""
            return shown(now) if now else NOTHING
        case "yes":
            return await _yes(desk)
        case "no":
            withdrawn = await anyio.to_thread.run_sync(project.withdraw)
            return f"Withdrawn. {LATER}" if withdrawn else "There was nothing to withdraw."
        case _:
            return f"{code(words.text)} is not known. Type `/trust`, `/trust yes` or `/trust no`."


async def _yes(desk: Desk) -> str:
    """Only what was shown is trusted."""
    project = desk.project
    digest = project.shown
    now = await anyio.to_thread.run_sync(project.give, digest)
    project.shown = now.demands.digest if now else ""
    if now is None:
        return NOTHING
    if now.holds and now.demands.digest == digest:
        return f"Trusted. {LATER}"
    why = "It has changed since it was shown." if digest else "Look at it first."
    return f"{why} Nothing was trusted.\n\n{shown(now)}"


def shown(now: Trust) -> str:
    """All of what is asked for, before it what has changed."""
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(now.kept.at)) if now.kept else ""
    asks = f"{plain(str(now.file))} asks for:\n\n{fenced(chr(10).join(now.demands.lines))}"
    match now.state:
        case "refused":
            return f"{asks}\n\nThis cannot be trusted: {plain(now.reason)}."
        case "trusted":
            since = f"Trusted since {at}." if at else "Trusted in this run."
            return f"{asks}\n\n{since} `/trust no` withdraws it."
        case "changed":
            changes = fenced("\n".join(now.changes), "diff")
            return f"Changed since you trusted it on {at}:\n\n{changes}\n\n{asks}\n\nIt is ignored. {LIMITS}"
        case "untrusted":
            return f"{asks}\n\nIt is ignored. {LIMITS}"
