"""One conversation with a server. Imported in a thread, and only when there is one: see `connecting`."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Literal, cast

import anyio
import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from pydantic import FileUrl, ValidationError

from acp_adapters.mcp.deadlines import Deadlines
from acp_adapters.mcp.remote import Refusals, remote
from acp_adapters.mcp.results import outcome, server_tool
from acp_adapters.mcp.stdio import stdio
from acp_agent import __version__
from acp_agent.errors import ServerError, ServerGone
from acp_agent.extend.servers import Elicitation, StdioServer, UnusableServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from mcp.client._transport import TransportStreams
    from mcp.client.session import ClientRequestContext, IncomingMessage

    from acp_agent.extend.servers import Connection, Host, Outcome, Reply, ServerSpec, ServerTool, Watch

log = logging.getLogger(__name__)

for _name in ("mcp", "client"):  # of their own servers' noise they log whole tracebacks
    logging.getLogger(_name).setLevel(logging.CRITICAL)

PAGES = 50
"""Of a list of tools."""
MOST_LISTED = 1000
"""Tools of one server; a list that goes on is cut there."""
_MODERN_ONLY = frozenset((types.UNSUPPORTED_PROTOCOL_VERSION, types.METHOD_NOT_FOUND))
"""How a server that knows no `initialize` answers it."""
NOT_FOUND = 404
"""The HTTP status for a session that the server does not know any more."""


@asynccontextmanager
async def connected(spec: ServerSpec, host: Host, watch: Watch) -> AsyncGenerator[Connection]:
    """Connects, with the handshake that nearly every server knows, or the newer one. Raises ServerError."""
    refusals, deadlines = Refusals(), Deadlines(host.times.call_s)

    def client(mode: Literal["legacy", "auto"]) -> Client:
        transport = _transport(spec, host, watch, refusals)
        asking = _Asking(spec.name, host.ask, deadlines) if host.ask else None
        return Client(
            transport,
            mode=mode,
            client_info=types.Implementation(name="acp-agent", version=__version__),
            list_roots_callback=_Roots(host),
            elicitation_callback=asking,
            message_handler=_Listening(watch),
            cache=None,
        )

    try:
        async with AsyncExitStack() as stack:
            try:
                found = await stack.enter_async_context(client("legacy"))
            except Exception as error:  # whatever the library makes of it, see `_cause`
                cause = _cause(error)
                if not (isinstance(cause, MCPError) and cause.code in _MODERN_ONLY):
                    raise
                found = await stack.enter_async_context(client("auto"))
            yield McpConnection(found, deadlines, refusals)
    except Exception as error:  # the library wraps what happens in groups of exceptions of any sort
        cause = _cause(error)
        if isinstance(cause, ServerError):
            raise cause from error
        raise ServerError(refusals.explained(_reason(cause))) from error


def _transport(
    spec: ServerSpec, host: Host, watch: Watch, refusals: Refusals
) -> AbstractAsyncContextManager[TransportStreams]:
    if isinstance(spec, UnusableServer):
        raise ServerError(spec.reason)
    return stdio(spec, host, watch) if isinstance(spec, StdioServer) else remote(spec, refusals)


# What a server may ask ---------------------------------------------------------------------------


class _Roots:
    def __init__(self, host: Host) -> None:
        self._roots = host.roots

    async def __call__(self, context: ClientRequestContext) -> types.ListRootsResult:
        return types.ListRootsResult(
            roots=[types.Root(uri=FileUrl(root.as_uri()), name=root.name) for root in self._roots]
        )


class _Listening:
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def __call__(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._watch.tools_changed()


class _Asking:
    """Questions to the person, of which only forms are passed on."""

    def __init__(
        self, server: str, ask: Callable[[Elicitation], Awaitable[Reply]], deadlines: Deadlines
    ) -> None:
        self._server = server
        self._ask = ask
        self._deadlines = deadlines

    async def __call__(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult:
        if not isinstance(params, types.ElicitRequestFormParams):
            return types.ElicitResult(action="decline")
        with self._deadlines.question():
            reply = await self._ask(Elicitation(self._server, params.message, params.requested_schema))
        return types.ElicitResult.model_validate({"action": reply.action, "content": reply.content})


# What we ask of it -------------------------------------------------------------------------------


class McpConnection:
    """extend.servers.Connection. May be used from any task while the one that made it is in its block."""

    def __init__(self, client: Client, deadlines: Deadlines, refusals: Refusals) -> None:
        self._client = client
        self._deadlines = deadlines
        self._refusals = refusals

    async def tools(self) -> Sequence[ServerTool]:
        found: list[ServerTool] = []
        cursor: str | None = None
        try:
            for _ in range(PAGES):
                page = await self._client.list_tools(cursor=cursor)
                found += map(server_tool, page.tools)
                cursor = page.next_cursor
                if not cursor or len(found) >= MOST_LISTED:
                    break
        except Exception as error:  # see `_failure`
            if isinstance(error, MCPError) and error.code == types.METHOD_NOT_FOUND:
                return ()  # it has none
            raise self._failure(error, "its tools cannot be listed") from error
        return found[:MOST_LISTED]

    async def call(
        self, tool: str, arguments: dict[str, object], on_progress: Callable[[str], None]
    ) -> Outcome:
        start = anyio.current_time()
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=tool, arguments=arguments))
        try:
            with self._deadlines.call() as prolong:

                async def progressed(progress: float, total: float | None, message: str | None) -> None:
                    prolong()
                    done = f"{progress:g} of {total:g}" if total else f"{progress:g}"
                    on_progress(f"{message} ({done})" if message else done)

                # Not `call_tool`, which refuses results that are not as their own server has said they are.
                result = await self._client.session.send_request(
                    request, types.CallToolResult, progress_callback=progressed
                )
                return outcome(result)
        except Exception as error:  # see `_failure`
            raise self._failure(error, f"{tool} failed") from error
        waited = anyio.current_time() - start
        raise ServerError(
            f"{tool} was given up after {waited:.0f} s without an answer or progress. "
            "It may have had an effect all the same. Ask for less, or do it another way."
        )

    def _failure(self, error: Exception, what: str) -> ServerError:
        """The library raises its own errors, those of its streams and those of the HTTP client."""
        cause = _cause(error)
        if isinstance(cause, ServerError):
            return cause
        if isinstance(cause, MCPError):
            if cause.code == types.CONNECTION_CLOSED:
                return ServerGone(self._refusals.explained("the connection was closed"))
            if self._refusals.status == NOT_FOUND and cause.code != types.METHOD_NOT_FOUND:
                return ServerGone("it has forgotten the session", unsent=True)
            return ServerError(self._refusals.explained(f"{what}: {cause.message} ({cause.code})"))
        if isinstance(cause, anyio.ClosedResourceError | anyio.BrokenResourceError | httpx2.TransportError):
            return ServerGone(_reason(cause))
        return ServerError(f"{what}: {_reason(cause)}")


def _cause(error: BaseException) -> BaseException:
    """The one of a group of exceptions that says most: what the library says of the others is only that."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [_cause(each) for each in cast("BaseExceptionGroup[BaseException]", error).exceptions]
    return next((each for each in causes if not isinstance(each, MCPError)), causes[0])


def _reason(error: BaseException) -> str:
    if isinstance(error, MCPError):
        return error.message
    if isinstance(error, httpx2.TransportError):
        return f"it cannot be reached: {str(error) or type(error).__name__}"
    if isinstance(error, ValidationError):
        return f"it does not keep to the protocol: {error.error_count()} mistakes in {error.title}"
    return f"{type(error).__name__}: {error}"
