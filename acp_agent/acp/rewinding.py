"""Going back over the wire: methods of ours until the protocol has some. Commands do the work."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio

from acp_agent.content import Text
from acp_agent.errors import InvalidParams

if TYPE_CHECKING:
    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.params import Json, Params
    from acp_agent.acp.ports import Prompt, Session
    from acp_agent.rpc.peer import Work

TURNS = "_acp-agent/turns"
REWIND = "_acp-agent/rewind"
REDO = "_acp-agent/redo"
WHAT = ("files", "conversation", "both")


def methods(connection: Connection) -> dict[str, Method]:
    def turns(params: Params) -> Work:
        return partial(_turns, connection.session(params).session)

    def rewind(params: Params) -> Work:
        turn, what = params.optional_text("turnId") or "last", params.optional_text("what") or "both"
        if what not in WHAT:
            raise params.refuse("what", f"must be one of {', '.join(WHAT)}")
        if len(turn.split()) != 1:
            raise params.refuse("turnId", "must be the id of a turn")
        return _begin(connection, params, f"/rewind {turn} {what}")

    def redo(params: Params) -> Work:
        return _begin(connection, params, "/redo")

    return {TURNS: turns, REWIND: rewind, REDO: redo}


async def _turns(session: Session) -> Json:
    listed = await session.turns()
    return {
        "turns": [
            {
                "turnId": turn.turn_id,
                "prompt": turn.prompt,
                "files": [{"path": path, "change": change} for path, change in turn.files.items()],
            }
            for turn in listed
        ]
    }


def _begin(connection: Connection, params: Params, command: str) -> Work:
    """Queues the command at once, behind the prompts that wait."""
    session, editor = connection.session(params)
    return partial(_done, session.submit((Text(command),), editor, {}))


async def _done(prompt: Prompt) -> Json:
    try:
        stop_reason = await prompt.outcome()
    except anyio.get_cancelled_exc_class():
        prompt.cancel()
        raise
    if stop_reason == "cancelled":
        return {"stopReason": stop_reason}
    rewound = prompt.rewound
    if rewound is None:
        raise InvalidParams(prompt.answer)
    files = [{"path": file.path, "result": file.fate, "reason": file.why} for file in rewound.files]
    moved = rewound.tip is not None
    return {"stopReason": stop_reason, "conversation": moved, "files": files, "text": prompt.answer}
