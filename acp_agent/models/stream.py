"""What a model is: a stream of events for a request. Failures are events too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.models.messages import ModelRequest

FailureKind = Literal[
    "auth",  # the key is not taken
    "billing",  # the account has no money or quota left
    "rate_limit",  # too much at once, or until a limit is lifted
    "overloaded",  # the service has too much to do
    "context_length",
    "network",
    "timeout",
    "server",
    "not_found",  # there is no such model
    "request",  # it will never be taken as it is
    "protocol",  # what came cannot be read
    "runaway",  # it thought and thought
]

Reason = Literal["end", "tools", "length", "refusal"]
"""Why an answer is complete."""


class TextPiece(NamedTuple):
    text: str


class ThoughtPiece(NamedTuple):
    text: str


class KeptPiece(NamedTuple):
    """Something of the thoughts that has to be given back with the history; see messages.Kept."""

    data: dict[str, object]


class CallStarted(NamedTuple):
    """The model begins a tool call; `slot` tells the calls of one answer apart."""

    slot: int
    name: str


class CallArguments(NamedTuple):
    """More of a call's arguments, as JSON text."""

    slot: int
    piece: str


class Usage(NamedTuple):
    """Tokens of one request. `input` includes `cached` and `written`, `output` includes `reasoning`."""

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0
    written: int = 0
    """Of the input, what was put into the service's cache, where that has a price of its own."""


class Finished(NamedTuple):
    """The answer is complete; nothing follows."""

    reason: Reason
    usage: Usage | None = None
    model: str = ""
    """`alias/model` of who has answered, where that may be another than was asked."""
    cost: int | None = None
    """Micro-dollars; None when the price is not known."""


class Failed(NamedTuple):
    """The request failed; nothing follows. `message` is for a person and says what to do."""

    kind: FailureKind
    message: str
    details: str = ""
    """What the provider said."""
    wait_s: float | None = None
    """The provider says that it will answer again after so many seconds."""


class Delayed(NamedTuple):
    """A request failed before anything of an answer was to be seen; it is made again after a while."""

    failed: Failed
    seconds: float
    attempt: int
    """The one to come, from 2 on."""
    attempts: int
    """How many there will be at most."""


class Rerouted(NamedTuple):
    """Another model, or the same by another key, goes on in place of one that failed."""

    model: str
    """`alias/model` of who goes on."""
    failed: Failed
    key: str = ""
    """The source of the key, when that is what has changed."""


class Free(NamedTuple):
    """What follows costs nothing, whatever becomes of it. Said before anything of an answer."""


StreamEvent = (
    TextPiece
    | ThoughtPiece
    | KeptPiece
    | CallStarted
    | CallArguments
    | Delayed
    | Rerouted
    | Free
    | Finished
    | Failed
)


class Model(Protocol):
    """One model at one provider, ready to be asked."""

    @property
    def name(self) -> str:
        """`alias/model`, as the model option shows it."""
        ...

    @property
    def window(self) -> int:
        """The context window in tokens; a guess when the model is unknown."""
        ...

    @property
    def sees(self) -> bool:
        """Whether it takes images; one that does not is told of them in words."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        """The answer, ending in exactly one Finished or Failed. Raises nothing but cancellation."""
        ...
