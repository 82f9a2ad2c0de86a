"""One end of a JSON-RPC 2.0 connection. Knows no method name but the one that cancels.

Requests run side by side, each in a task of its own; the reader never waits for one. What
must not overtake anything else is done in the synchronous part of a route: it runs in the
order of arrival, before the next line is looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import anyio

from acp_agent.errors import (
    AgentError,
    ConnectionClosed,
    InvalidRequest,
    PeerError,
    PeerTimeout,
    RequestCancelled,
)
from acp_agent.rpc.codec import (
    Malformed,
    Message,
    Notification,
    Request,
    Response,
    decode,
    encode,
    failure,
    result,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import TaskGroup

    from acp_agent.rpc.codec import Id, Params

log = logging.getLogger(__name__)

LAST_ANSWERS_S = 0.5
"""How long requests may take once the other side has ended the stream; it may yet read their answers."""


class Channel(Protocol):
    """Lines of bytes to and from the other side."""

    def send(self, line: bytes) -> None:
        """Queues a line; never blocks and never raises. Lines leave in the order they came."""
        ...

    async def drain(self) -> None:
        """Waits while more is queued than the other side should be behind with."""
        ...

    async def receive(self) -> list[bytes]:
        """The next lines; an empty list when the other side has ended the stream."""
        ...


Work = Callable[[], Awaitable[object]]
"""The rest of a request: gives the result or a Reply, or raises AgentError."""


class Reply(NamedTuple):
    """A result, and what is to happen right after it has been queued."""

    result: object
    then: Callable[[], None]


class Router(Protocol):
    """What a peer's user does with the messages that come in."""

    def request(self, request: Request) -> Work:
        """Begins a request, in the order of arrival. May raise AgentError. Must not block."""
        ...

    def notification(self, notification: Notification) -> None:
        """Takes a notification, in the order of arrival. Must not block."""
        ...

    def cancels_itself(self, request: Request) -> bool:
        """Told that the other side cancelled `request`: True when it will answer by itself, soon."""
        ...

    async def ended(self) -> None:
        """The other side has ended the stream: end what is running. Bounded by its implementer."""
        ...


class CancelMethod(NamedTuple):
    """The notification that cancels a request, and the parameter that holds its id."""

    method: str
    id_key: str


class _Incoming(NamedTuple):
    request: Request
    scope: anyio.CancelScope


class _Outgoing:
    """A request of ours that waits for its answer."""

    __slots__ = ("answer", "arrived")

    def __init__(self) -> None:
        self.arrived = anyio.Event()
        self.answer: Response | None = None


class Peer:
    def __init__(self, channel: Channel, router: Router, cancel: CancelMethod) -> None:
        self._channel = channel
        self._router = router
        self._cancel = cancel
        self._ids = count(1)
        self._outgoing: dict[Id, _Outgoing] = {}
        self._late: dict[Id, Callable[[object], object]] = {}
        """Who is told of answers that nobody waits for."""
        self._incoming: dict[Id, _Incoming] = {}
        self._answered = anyio.Event()
        self._closed = False

    async def serve(self, first: Sequence[bytes] = ()) -> None:
        """Handles messages until the stream ends; what is not answered soon after that is cancelled.

        `first` are lines that were read before the peer took over.
        """
        async with anyio.create_task_group() as tasks:
            for line in first:
                self._accept(decode(line), tasks)
            while lines := await self._channel.receive():
                for line in lines:
                    self._accept(decode(line), tasks)
            self._closed = True
            for waiting in self._outgoing.values():
                waiting.arrived.set()
            for request_id in tuple(self._late):
                self._late.pop(request_id)(None)
            await self._router.ended()
            with anyio.move_on_after(LAST_ANSWERS_S):
                while self._incoming:
                    self._answered = anyio.Event()
                    await self._answered.wait()
            tasks.cancel_scope.cancel()

    def notify(self, method: str, params: dict[str, object]) -> None:
        """Queues a notification; a slow reader on the other side is waited for in `drain`."""
        self._channel.send(encode({"jsonrpc": "2.0", "method": method, "params": params}))

    async def drain(self) -> None:
        """Waits while the other side is too far behind."""
        await self._channel.drain()

    def post(self, method: str, params: dict[str, object], then: Callable[[object], object]) -> None:
        """Sends a request that is not waited for and never cancelled, and tells `then` its result.

        `then` gets None for an error, and when the other side ends the stream first. After that
        requests are still sent: who has nothing more to say may yet read.
        """
        request_id = self._send_request(method, params)
        if self._closed:
            then(None)
        else:
            self._late[request_id] = then

    async def request(
        self,
        method: str,
        params: dict[str, object],
        timeout_s: float | None,
        late: Callable[[object], object] | None = None,
    ) -> object:
        """Asks the other side; `timeout_s` None waits for ever, for answers that a person gives.

        Raises PeerError with the other side's code, PeerTimeout or ConnectionClosed. Cancelling
        the call, or its timeout, also cancels the request on the other side; a late result is
        ignored unless `late` takes it.
        """
        if self._closed:
            raise ConnectionClosed(f"{method} was not answered: the other side is gone")
        request_id = self._send_request(method, params)
        waiting = self._outgoing[request_id] = _Outgoing()
        answered = False
        try:
            with anyio.move_on_after(timeout_s):
                await waiting.arrived.wait()
                answered = True
        finally:
            del self._outgoing[request_id]
            if not answered:
                self._give_up(request_id, waiting, late)
        if not answered:
            raise PeerTimeout(f"{method} was not answered within {timeout_s:g} s")
        if waiting.answer is None:
            raise ConnectionClosed(f"{method} was not answered: the other side is gone")
        if waiting.answer.error is not None:
            raise _peer_error(method, waiting.answer.error)
        return waiting.answer.result

    def _give_up(self, request_id: int, waiting: _Outgoing, late: Callable[[object], object] | None) -> None:
        if waiting.answer is not None:  # it came just when we stopped waiting
            if late:
                late(_result(waiting.answer))
            return
        self.notify(self._cancel.method, {self._cancel.id_key: request_id})
        if late and not self._closed:
            self._late[request_id] = late

    def _send_request(self, method: str, params: dict[str, object]) -> int:
        request_id = next(self._ids)
        self._channel.send(encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}))
        return request_id

    def _accept(self, message: Message, tasks: TaskGroup) -> None:
        match message:
            case Request():
                self._begin(message, tasks)
            case Notification(method, params):
                if method == self._cancel.method:
                    self._cancel_incoming(params)
                else:
                    self._router.notification(message)
            case Response(response_id):
                if waiting := self._outgoing.get(response_id):
                    waiting.answer = waiting.answer or message  # the first counts
                    waiting.arrived.set()
                elif response_id in self._late:
                    self._late.pop(response_id)(_result(message))
            case Malformed(bare_id=bare_id) if bare_id in self._outgoing or bare_id in self._late:
                self._accept(Response(bare_id, None, None), tasks)
            case Malformed(error, request_id):
                self._channel.send(failure(request_id, error))

    def _begin(self, request: Request, tasks: TaskGroup) -> None:
        if request.id is not None and request.id in self._incoming:
            self._channel.send(failure(request.id, InvalidRequest("Invalid request: the id is in use")))
            return
        scope = anyio.CancelScope()
        incoming = _Incoming(request, scope)
        self._incoming[request.id] = incoming
        try:
            work = self._router.request(request)
        except Exception as error:  # the boundary, see _failure
            self._finish(incoming, _failure(request, error))
        else:
            tasks.start_soon(self._answer, incoming, work)

    async def _answer(self, incoming: _Incoming, work: Work) -> None:
        request, scope = incoming
        line = failure(request.id, RequestCancelled("Request cancelled"))
        value: object = None
        try:
            with scope:
                value = await work()
                line = result(request.id, value.result if isinstance(value, Reply) else value)
        except Exception as error:  # the boundary, see _failure
            line = _failure(request, error)
        self._finish(incoming, line)
        if isinstance(value, Reply):
            value.then()

    def _finish(self, incoming: _Incoming, line: bytes) -> None:
        if self._incoming.get(incoming.request.id) is incoming:
            del self._incoming[incoming.request.id]
        self._channel.send(line)
        self._answered.set()

    def _cancel_incoming(self, params: Params) -> None:
        wanted = params.get(self._cancel.id_key) if isinstance(params, dict) else None
        if not isinstance(wanted, str | int | float):
            return
        incoming = self._incoming.get(wanted)
        if incoming and not self._router.cancels_itself(incoming.request):
            incoming.scope.cancel()


def _result(answer: Response) -> object:
    return answer.result if answer.error is None else None


def _failure(request: Request, error: Exception) -> bytes:
    """The one place where an exception becomes a JSON-RPC error: a bug must not end the connection."""
    if isinstance(error, AgentError):
        return failure(request.id, error)
    log.error("%s failed", request.method, exc_info=error)
    details: dict[str, object] = {"details": f"{type(error).__name__}: {error}"}
    return failure(request.id, AgentError("Internal error; the log has the traceback", data=details))


def _peer_error(method: str, error: dict[str, object]) -> PeerError:
    code, message, data = error.get("code"), error.get("message"), error.get("data")
    return PeerError(
        f"{method}: {message}",
        code if isinstance(code, int) else 0,
        data=cast("dict[str, object]", data) if isinstance(data, dict) else None,
    )
