"""elicitation/*: questions to the person that the client shows as a form, or as a page to visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.acp.params import as_object

if TYPE_CHECKING:
    from acp_agent.acp.params import Json
    from acp_agent.rpc.peer import Peer

Action = Literal["accept", "decline", "cancel"]


class Elicited(NamedTuple):
    """What the person did. Nobody has checked `content` against the schema."""

    action: Action
    content: Json


async def elicit(peer: Peer, session_id: str, call_id: str | None, request: Json) -> Elicited:
    """Asks with the fields of `request` and waits as long as the person takes. Raises PeerError.

    An action that is not known counts as `cancel`: it is no consent.
    """
    params: Json = {"sessionId": session_id, **({"toolCallId": call_id} if call_id else {}), **request}
    answer = as_object(await peer.request("elicitation/create", params, timeout_s=None))
    action = answer.get("action")
    if action == "accept":
        return Elicited("accept", as_object(answer.get("content")))
    return Elicited("decline" if action == "decline" else "cancel", {})
