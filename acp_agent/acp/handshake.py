"""A connection until `initialize` is answered, without I/O.

Nothing here needs an event loop or anything slow to import, so the answer can leave before
the rest of the agent is loaded. Until a valid `initialize` has come, other requests are
refused and notifications ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.acp.initialize import Client, answer, client_of
from acp_agent.acp.params import Json, as_object
from acp_agent.errors import AuthRequired, InvalidParams, InvalidRequest
from acp_agent.rpc.codec import Malformed, Notification, Request, decode, failure, result

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_ADMITTED = (
    "This agent wants its token: give it to `acp-agent connect` with --token-file or ACP_AGENT_TOKEN, "
    "or see docs/remote.md."
)


class Handshake:
    """`client` is set once `initialize` has been answered.

    `remote` is for clients on another machine, see `client_of`. `admit` looks at the `_meta` of a valid
    `initialize` and says whether its sender may come in; without it everybody may.
    """

    def __init__(self, *, remote: bool = False, admit: Callable[[Json], bool] | None = None) -> None:
        self.client: Client | None = None
        self.refusals = 0
        """How often somebody who may not come in has asked."""
        self.out_of_order = False
        """Whether something else came first, though it was a message as such."""
        self._remote = remote
        self._admit = admit

    def take(self, line: bytes) -> bytes | None:
        """The line to answer with, if any."""
        match decode(line):
            case Request(request_id, "initialize", params):
                version = params.get("protocolVersion") if isinstance(params, dict) else None
                if not isinstance(version, int) or isinstance(version, bool):
                    return failure(request_id, InvalidParams("initialize: protocolVersion must be a number"))
                if self._admit and not self._admit(as_object(as_object(params).get("_meta"))):
                    self.refusals += 1
                    return failure(request_id, AuthRequired(NOT_ADMITTED))
                self.client = client_of(params, remote=self._remote)
                return result(request_id, answer(self.client))
            case Request(request_id, method):
                self.out_of_order = True
                return failure(request_id, InvalidRequest(f"{method} came before initialize"))
            case Malformed(error, request_id):
                return failure(request_id, error)
            case Notification():
                self.out_of_order = True
                return None
            case _:
                return None
