"""A connection until `initialize` is answered, without I/O.

Nothing here needs an event loop or anything slow to import, so the answer can leave before
the rest of the agent is loaded. Until a valid `initialize` has come, other requests are
refused and notifications ignored.
"""

from __future__ import annotations

from acp_agent.acp.initialize import Client, answer, client_of
from acp_agent.errors import InvalidParams, InvalidRequest
from acp_agent.rpc.codec import Malformed, Request, decode, failure, result


class Handshake:
    """`client` is set once `initialize` has been answered."""

    def __init__(self) -> None:
        self.client: Client | None = None

    def take(self, line: bytes) -> bytes | None:
        """The line to answer with, if any."""
        match decode(line):
            case Request(request_id, "initialize", params):
                version = params.get("protocolVersion") if isinstance(params, dict) else None
                if not isinstance(version, int) or isinstance(version, bool):
                    return failure(request_id, InvalidParams("initialize: protocolVersion must be a number"))
                self.client = client_of(params)
                return result(request_id, answer())
            case Request(request_id, method):
                return failure(request_id, InvalidRequest(f"{method} came before initialize"))
            case Malformed(error, request_id):
                return failure(request_id, error)
            case _:
                return None
