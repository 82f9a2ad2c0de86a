"""Every error that acp-agent raises on purpose, and the one table of wire codes.

    AgentError                  -32603  something went wrong that a person can act on
    ├── ParseError              -32700  a line that is not JSON
    ├── InvalidRequest          -32600  JSON that is no JSON-RPC message, or one out of order
    ├── MethodNotFound          -32601
    ├── InvalidParams           -32602
    ├── RequestCancelled        -32800
    ├── AuthRequired            -32000  no usable model; the message says what to set
    ├── NotFound                -32002  a session or file that is not there
    ├── ConfigError             -32603  data: file, key, hint
    ├── ModelError              -32603  the provider failed; data.details says how
    ├── BudgetReached           -32603  no model may be asked: what may be spent is spent
    ├── SpendingError           -32603  what was spent cannot be told
    ├── JournalError            -32603  a session that cannot be written or read
    ├── ContentError                    a part of a prompt that cannot be used; person and model are told
    ├── ToolError                       goes back to the model, never over the wire
    ├── ScriptError             -32603  a scripted model's file that cannot be used
    ├── ServerError                     a server of tools that cannot be reached or does not do its part
    │   └── ServerGone                  its connection is lost
    ├── HttpError                       a machine was not asked over HTTP, or has not answered
    │   ├── NotAsked                    the address, the settings or the environment will not do
    │   ├── Unreachable                 no connection came about
    │   ├── BrokenOff                   the connection did not hold
    │   └── TookTooLong                 it kept silent
    └── PeerError                       what the other side answered to a request of ours
        ├── PeerTimeout                 it did not answer in time
        └── ConnectionClosed            it is gone

Exceptions are for what ends an operation. A failing provider, a failing tool and a denied
call are values in the stream of events; `acp_agent.rpc.peer` is the one place where
exceptions become JSON-RPC errors.
"""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """An expected failure. `str(error)` is a sentence for a person; `data` goes over the wire."""

    code: ClassVar[int] = -32603

    def __init__(self, message: str, *, data: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.data = data


class ParseError(AgentError):
    code = -32700


class InvalidRequest(AgentError):
    code = -32600


class MethodNotFound(AgentError):
    code = -32601


class InvalidParams(AgentError):
    code = -32602


class RequestCancelled(AgentError):
    code = -32800


class AuthRequired(AgentError):
    code = -32000


class NotFound(AgentError):
    code = -32002


class ConfigError(AgentError):
    """The settings cannot be used; `data` names file, key and hint."""


class ModelError(AgentError):
    """A provider failed; `data["details"]` is what an editor shows."""


class BudgetReached(AgentError):
    """What may be spent on models is spent. `answered`: a person was asked, and does not want to go on."""

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class SpendingError(AgentError):
    """The record of what was spent cannot be read or written."""


class JournalError(AgentError):
    """A session's journal cannot be written or read."""


class ScriptError(AgentError):
    """A scripted model's file cannot be used."""


class ContentError(AgentError):
    """A part of a prompt that cannot be used; the message is what is wrong with "it"."""


class ToolError(AgentError):
    """A tool call that cannot be done; the message goes to the model and says what to do instead."""


class ServerError(AgentError):
    """A server of tools cannot be started or reached, or answered with an error."""


class ServerGone(ServerError):
    """The connection to a server of tools is lost. `unsent`: what was asked of it has not been done."""

    def __init__(self, message: str, *, unsent: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent


class HttpError(AgentError):
    """Another machine could not be asked over HTTP; the message says which one and what happened."""


class NotAsked(HttpError):
    """Nothing was sent: the address, the settings or the environment will not do."""


class Unreachable(HttpError):
    """No connection came about."""


class BrokenOff(HttpError):
    """The connection did not hold, or what came over it was no HTTP."""


class TookTooLong(HttpError):
    """There was no answer, or no more of it, in time."""


class PeerError(AgentError):
    """The other side answered a request of ours with an error."""

    def __init__(self, message: str, peer_code: int = 0, *, data: dict[str, object] | None = None) -> None:
        super().__init__(message, data=data)
        self.peer_code = peer_code


class PeerTimeout(PeerError):
    """The other side did not answer within the deadline."""


class ConnectionClosed(PeerError):
    """The other side is gone."""
