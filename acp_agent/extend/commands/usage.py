"""/usage and /context: what has been spent, and what fills the window."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from acp_agent.errors import AgentError
from acp_agent.extend.commands.markdown import code, number, plain, table
from acp_agent.models.messages import AssistantTurn, ToolOutput, UserTurn
from acp_agent.turn import estimate
from acp_agent.turn.history import SUMMED_UP
from acp_agent.turn.transcript import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.extend.commands.desk import Answer, Desk, Words
    from acp_agent.models.messages import Message, ModelRequest
    from acp_agent.turn.ledger import Account

NOTHING_USED = "No model has been asked in this session yet."
NO_PRICES = "Cost: unknown, there is no price table."
SILENT = "Requests marked \\* came without a count from the provider; the tokens are without them."


async def usage(desk: Desk, words: Words) -> Answer:
    del words
    accounts = desk.ledger.accounts()
    if not accounts:
        return NOTHING_USED
    head = ("model", "requests", "in", "of it cached", "out", "of it reasoning")
    rows = [_account(each) for each in accounts]
    notes = [NO_PRICES, *([SILENT] if any(each.silent for each in accounts) else [])]
    return "\n\n".join([table(head, rows, numbers=5), *notes])


def _account(account: Account) -> Sequence[str]:
    mark = f" ({account.silent}\\*)" if account.silent else ""
    counts = (account.tokens.input, account.tokens.cached, account.tokens.output, account.tokens.reasoning)
    return (plain(account.model), f"{number(account.requests)}{mark}", *map(number, counts))


async def context(desk: Desk, words: Words) -> Answer:
    del words
    request = desk.request()
    filling = _filling(request, desk.instructions())
    sizes = {what: estimate.tokens(characters) for what, characters in filling.items() if characters}
    total = sum(sizes.values())
    rows = [(what, f"≈{number(size)}", _share(size, total)) for what, size in sizes.items()]
    rows.append(("**all of it**", f"**≈{number(total)}**", ""))
    return "\n\n".join([table(("what", "tokens", "share"), rows, numbers=2), *_compared(desk, total)])


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
        "tools": sum(len(t.name) + len(t.description) + len(json.dumps(t.parameters)) for t in request.tools),
    }
    spoken: Counter[str] = Counter()
    results: Counter[str] = Counter()
    names: dict[str, str] = {}
    for message in request.messages:
        _count(message, spoken, results, names)
    return {**found, **spoken, **dict(results.most_common())}


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
