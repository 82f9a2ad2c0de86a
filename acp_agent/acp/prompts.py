"""session/prompt and session/cancel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acp_agent.acp.content import parts_of
from acp_agent.acp.params import Params, as_object, as_text

if TYPE_CHECKING:
    from acp_agent.acp.connection import Connection
    from acp_agent.acp.params import Json
    from acp_agent.acp.ports import Prompt
    from acp_agent.events import Tokens
    from acp_agent.rpc.codec import Request
    from acp_agent.rpc.peer import Work

TRACE_KEYS = ("traceparent", "tracestate", "baggage")
TRACE_CHARACTERS = 8192
"""The longest baggage that has to be passed on (W3C Baggage)."""


def begin(connection: Connection, request: Request) -> Work:
    """Queues the prompt at once, so that prompts and cancels take effect in the order they were sent."""
    params = Params(request.method, request.params)
    session, editor = connection.session(params)
    prompt = session.submit(parts_of(params), editor, trace_of(params.values.get("_meta")))
    connection.prompts[request.id] = prompt
    return partial(_outcome, connection, request, prompt)


def trace_of(meta: object) -> dict[str, str]:
    """The W3C trace context in `_meta`, as far as it can be a header."""
    found = {key: as_text(as_object(meta).get(key)) for key in TRACE_KEYS}
    return {
        key: value
        for key, value in found.items()
        if value and len(value) <= TRACE_CHARACTERS and value.isascii() and value.isprintable()
    }


async def _outcome(connection: Connection, request: Request, prompt: Prompt) -> Json:
    try:
        result: Json = {"stopReason": await prompt.outcome()}
        return result | ({"usage": _usage(prompt.tokens)} if prompt.tokens else {})
    finally:
        connection.prompts.pop(request.id, None)


def _usage(tokens: Tokens) -> Json:
    """The protocol's total is the sum of its kinds, so each token is of one kind (not stable yet)."""
    cached, reasoning = min(tokens.cached, tokens.input), min(tokens.reasoning, tokens.output)
    written = min(tokens.written, tokens.input - cached)
    found: Json = {
        "totalTokens": tokens.input + tokens.output,
        "inputTokens": tokens.input - cached - written,
        "outputTokens": tokens.output - reasoning,
        "thoughtTokens": reasoning,
        "cachedReadTokens": cached,
    }
    return found | ({"cachedWriteTokens": written} if written else {})


def cancel(connection: Connection, params: object) -> None:
    """A session that is not known, or has nothing to cancel, is no error: there is nobody to tell."""
    if joined := connection.find(as_object(params).get("sessionId")):
        joined.session.cancel()
