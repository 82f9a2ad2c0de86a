"""/usage and /context: what has been spent, and what fills the window."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from acp_agent.errors import AgentError, SpendingError
from acp_agent.extend.commands.markdown import code, number, plain, table
from acp_agent.models.messages import AssistantTurn, ToolOutput, UserTurn
from acp_agent.spending.amounts import exact, said
from acp_agent.turn import estimate
from acp_agent.turn.history import SUMMED_UP
from acp_agent.turn.transcript import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.extend.commands.desk import Answer, Desk, Words
    from acp_agent.models.messages import Message, ModelRequest, ToolSpec
    from acp_agent.turn.budget import Limit
    from acp_agent.turn.ledger import Account

NOTHING_USED = "No model has been asked in this session yet."
SILENT = "Requests marked \\* came without a count from the provider; the tokens are without them."
NO_PRICE = (
    "What is unknown is left out of the sums: no price is known for these models. "
    "`providers.NAME.model_info` in the settings can say it."
)
ELSEWHERE = "What fills the window: `/context`. Other days and sessions: `acp-agent usage`."
MCP_PREFIX = "mcp__"
FIXED = ("system prompt", "project instructions", "tools", "tools of MCP servers")
"""What comes before the conversation."""
HEAD = ("requests", "in", "of it cached", "of it written", "out", "of it reasoning", "cost")


async def usage(desk: Desk, words: Words) -> Answer:
    """`in` holds what was read from a cache and written to one, whichever the provider."""
    del words
    ledger = desk.ledger
    found: list[str] = []
    if accounts := ledger.accounts():
        rows = [(plain(each.model), *_cells(each)) for each in accounts]
        found.append(table(("model", *HEAD), rows, numbers=len(HEAD)))
        spans = [("last turn", ledger.turn), ("this session", ledger.session)]
        rows = [(name, *_cells(each)) for name, each in spans if each.requests]
        found.append(table(("", *HEAD), rows, numbers=len(HEAD)))
        found += _remarks(ledger.session, ledger.turn)
    else:
        found.append(NOTHING_USED)
    found += await _budget(desk)
    found.append(ELSEWHERE)
    return "\n\n".join(found)


def _cells(account: Account) -> Sequence[str]:
    mark = f" ({account.silent}\\*)" if account.silent else ""
    count = account.tokens
    counts = (count.input, count.cached, count.written, count.output, count.reasoning)
    return (f"{number(account.requests)}{mark}", *map(number, counts), said(account.cost))


def _remarks(session: Account, turn: Account) -> list[str]:
    found: list[str] = []
    if (share := session.from_cache) is not None:
        last = turn.from_cache
        of_last = f", of the last turn's {last:.0%}" if last is not None else ""
        found.append(f"Cache: {share:.0%} of the input came from the services' caches{of_last}.")
    if session.silent:
        found.append(SILENT)
    if session.cost.unknown:
        found.append(NO_PRICE)
    return found


async def _budget(desk: Desk) -> list[str]:
    limits, spent = desk.allowance.limits, desk.ledger.session.cost
    found: list[str] = []
    if limits.session:
        found.append(f"Budget of this session: {said(spent)} of {_limit(limits.session)}.")
    try:
        today = said(await desk.allowance.today())
    except SpendingError as error:
        return [*found, f"Today: {error}"]
    of_budget = f", of a budget of {_limit(limits.day)}" if limits.day else ""
    return [*found, f"Today, all sessions together: {today}{of_budget}."]


def _limit(limit: Limit) -> str:
    warn = f"warned at {exact(limit.warn)}" if limit.warn is not None else "never warned"
    return f"{exact(limit.stop)} ({warn})" if limit.stop is not None else f"no end ({warn})"


async def context(desk: Desk, words: Words) -> Answer:
    del words
    request = desk.request()
    filling = _filling(request, desk.instructions())
    sizes = {what: estimate.tokens(characters) for what, characters in filling.items() if characters}
    total = sum(sizes.values())
    rows = [(what, f"≈{number(size)}", _share(size, total)) for what, size in sizes.items()]
    rows.append(("**all of it**", f"**≈{number(total)}**", ""))
    fixed = sum(sizes.get(what, 0) for what in FIXED)
    told = f"Sent with every request, before the conversation: ≈{number(fixed)}. What it costs: `/usage`."
    return "\n\n".join([table(("what", "tokens", "share"), rows, numbers=2), told, *_compared(desk, total)])


def _compared(desk: Desk, total: int) -> list[str]:
    """With the window, and with what the provider last counted."""
    found: list[str] = []
    try:
        model = desk.model
    except AgentError as error:
        return [f"The window is not known: {error}"]
    free = max(0, model.window - total)
    found.append(
        f"Window of {code(model.name)}: {number(model.window)}, free ≈{number(free)} "
        f"({_share(free, model.window)})."
    )
    if latest := desk.ledger.latest:
        found.append(f"Last known to be in use, with the model's answer: {number(latest.used)}.")
    found.append("≈ is an estimate: four characters a token.")
    return found


def _filling(request: ModelRequest, instructions: str) -> dict[str, int]:
    """Characters by what they are, the fixed part first."""
    found: dict[str, int] = {
        "system prompt": len(request.system) - len(instructions),
        "project instructions": len(instructions),
        "tools": sum(_length(tool) for tool in request.tools if not tool.name.startswith(MCP_PREFIX)),
        "tools of MCP servers": sum(
            _length(tool) for tool in request.tools if tool.name.startswith(MCP_PREFIX)
        ),
    }
    spoken: Counter[str] = Counter()
    results: Counter[str] = Counter()
    names: dict[str, str] = {}
    for message in request.messages:
        _count(message, spoken, results, names)
    return {**found, **spoken, **dict(results.most_common())}


def _length(tool: ToolSpec) -> int:
    return len(tool.name) + len(tool.description) + len(json.dumps(tool.parameters))


def _count(message: Message, spoken: Counter[str], results: Counter[str], names: dict[str, str]) -> None:
    match message:
        case UserTurn(content):
            text = text_of(content)
            spoken["summary" if text.startswith(SUMMED_UP) else "you"] += len(text)
        case AssistantTurn(text, _, calls):
            spoken["model"] += len(text)
            for call in calls:
                names[call.id] = call.name
                spoken["model's tool calls"] += len(call.name) + len(call.arguments)
        case ToolOutput(call_id, output):
            results[f"results of {names.get(call_id, 'a tool')}"] += len(output)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""
