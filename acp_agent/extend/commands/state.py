"""/mcp and /doctor: the state of what the session depends on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from acp_agent.extend.commands.markdown import code, plain, table

if TYPE_CHECKING:
    from acp_agent.extend.commands.desk import Answer, Desk, Words
    from acp_agent.health import Finding

DOCTOR_LIMIT_S = 20.0
"""For all checks together; each has shorter limits of its own."""
NO_SERVERS = "No MCP servers."


async def mcp(desk: Desk, words: Words) -> Answer:
    servers = desk.servers
    if servers is None or not servers.status():
        return NO_SERVERS
    verb, _, name = words.text.partition(" ")
    if verb == "retry":
        for each in [name.strip()] if name else [status.name for status in servers.status()]:
            servers.retry(each)
        return "Trying again. `/mcp` says what has come of it."
    if verb:
        return f"{code(words.text)} is not known. `/mcp` lists the servers, `/mcp retry NAME` tries again."
    rows = [(plain(s.name), s.state, str(len(s.tools)), plain(s.reason)) for s in servers.status()]
    return table(("server", "state", "tools", ""), rows)


async def doctor(desk: Desk, words: Words) -> Answer:
    """Each finding is shown as soon as it is there."""
    del words
    deadline = time.monotonic() + DOCTOR_LIMIT_S
    for check in desk.checks():
        left = deadline - time.monotonic()
        with anyio.move_on_after(max(0.0, left)) as limit:
            for finding in await anyio.to_thread.run_sync(check, abandon_on_cancel=True):
                desk.say(_line(finding))
        if limit.cancelled_caught:
            return f"\nNot all was looked at: it took longer than {DOCTOR_LIMIT_S:g} s."
    return ""


def _line(finding: Finding) -> str:
    mark = {"ok": "ok", "warn": "**warning**", "fail": "**failure**"}[finding.status]
    advice = f" {plain(finding.advice)}" if finding.advice else ""
    return f"- {mark}, {finding.name}: {plain(finding.detail)}{'.' if advice else ''}{advice}\n"
