"""One server of tools: the task that owns its connection, starts it again and says how it is."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

import anyio

from acp_agent.errors import ServerError, ServerGone, ToolError
from acp_agent.extend.servers import ServerStatus, UnusableServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.extend.servers import Connect, Connection, Host, Outcome, ServerSpec, ServerTool, State

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""So often in a row a server may fail; a call that it answers begins a new row."""
BACKOFF_S = (0.2, 2.0, 5.0)
"""Before the next attempt, by the failures so far."""
NUDGE_S = 10.0
"""A server that has never been ready is tried again with a prompt, after so long."""
LEAVE_LIMIT_S = 2.0
"""For taking leave of a server whose connection is lost."""
RELIST_PAUSE_S = 0.5
"""Between two looks at a list of tools that keeps changing."""


class Signals:
    """servers.Watch for one connection."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Why the connection is lost; None while it is not."""
        self.changed = False
        self._news = anyio.Event()

    def lost(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason
        self.wake()

    def tools_changed(self) -> None:
        self.changed = True
        self.wake()

    def wake(self) -> None:
        self._news.set()

    async def news(self) -> None:
        """Waits until something has happened since the last time."""
        await self._news.wait()
        self._news = anyio.Event()


class Server:
    """Run `run` in a task of the owner's; the rest may be called from anywhere in the loop."""

    def __init__(self, spec: ServerSpec, connect: Connect, host: Host, report: Callable[[str], None]) -> None:
        """`report` takes what a person should know."""
        self.name = spec.name
        self.tools: Sequence[ServerTool] = ()
        self.spec = spec
        self._connect = connect
        self._host = host
        self._report = report
        self._state: State = "connecting"
        self._reason = ""
        self._since = time.time()
        self._connection: Connection | None = None
        self._signals = Signals()
        self._known = False
        """Whether it has ever been ready."""
        self._failures = 0
        self._starts = 0
        self._ended_at = -math.inf
        self._closing = False
        self._scope = anyio.CancelScope()
        self._wanted = anyio.Event()
        self._moved = anyio.Event()

    @property
    def _given_up(self) -> bool:
        return self._failures >= ATTEMPTS

    def status(self) -> ServerStatus:
        tools = tuple(tool.name for tool in self.tools)
        return ServerStatus(self.name, self._state, self._reason, tools, self._since)

    # The owner's task -----------------------------------------------------------------------

    async def run(self) -> None:
        """Keeps the server connected, or ready to be started, until `close`. Only cancelling it raises."""
        if isinstance(self.spec, UnusableServer):
            self._fail(self.spec.reason, for_good=True)
            return
        while not self._closing:
            self._starts += 1
            reason = await self._live()
            if self._closing:
                break
            self._ended_at = anyio.current_time()
            self._failures += 1
            self._fail(reason, for_good=self._given_up)
            if self._given_up:
                self._wanted = anyio.Event()  # a call that asked for another attempt came too late
            await self._wanted.wait()
            if not self._closing:
                self._move("connecting", self._reason)
                pause = BACKOFF_S[min(self._failures, len(BACKOFF_S)) - 1] if self._failures else 0.0
                await anyio.sleep_until(self._ended_at + pause)
        self._move("stopped", "the session is closed")

    async def _live(self) -> str:
        """Connects and stays until the connection is lost or not wanted any more; why it has ended."""
        signals = self._signals = Signals()
        self._wanted = anyio.Event()
        limit_s = self._host.times.start_s
        try:
            # Entered before the connection and left after it, as scopes have to be; once the
            # server is ready it has no end.
            with anyio.CancelScope(deadline=anyio.current_time() + limit_s) as scope:
                self._scope = scope
                async with self._connect(self.spec, self._host, signals) as connection:
                    self.tools = await connection.tools()
                    scope.deadline = math.inf
                    self._connection = connection
                    self._known = True
                    self._move("ready")
                    await self._attend(connection, signals)
                    self._connection = None
                    scope.deadline = anyio.current_time() + LEAVE_LIMIT_S
        except ServerError as error:
            return signals.reason or str(error)
        except Exception as error:  # of whatever sort, it ends this server and must not end the session
            log.exception("%s: the connection failed", self.name)
            return signals.reason or f"{type(error).__name__}: {error}"
        finally:
            self._connection = None
        return signals.reason or f"it was not ready within {limit_s:g} s"

    async def _attend(self, connection: Connection, signals: Signals) -> None:
        """Until the connection is lost or to be closed; follows the list of tools."""
        while signals.reason is None and not self._closing:
            if not signals.changed:
                await signals.news()
                continue
            signals.changed = False
            try:
                with anyio.fail_after(self._host.times.start_s):
                    self.tools = await connection.tools()
            except ServerGone as error:
                signals.lost(str(error))
            except (ServerError, TimeoutError) as error:
                log.warning("%s: its tools may have changed, but were not listed: %s", self.name, error)
            await anyio.sleep(RELIST_PAUSE_S)

    def _fail(self, reason: str, *, for_good: bool) -> None:
        self._move("failed" if for_good or not self._known else "stopped", reason)
        if for_good:
            self.tools = ()
        if (self._failures <= 1 and not self._known) or (for_good and self._known):
            self._report(f"MCP server {self.name} is not available: {reason}")

    def _move(self, state: State, reason: str = "") -> None:
        log.info("%s: %s %s", self.name, state, reason)
        self._state, self._reason, self._since = state, reason, time.time()
        self._moved.set()
        self._moved = anyio.Event()

    # What others ask for -----------------------------------------------------------------------

    def close(self) -> None:
        """Has `run` end the connection and return."""
        self._closing = True
        self._wanted.set()
        if self._connection is None:
            self._scope.cancel()
        self._signals.wake()

    def retry(self) -> None:
        """Another row of attempts, for a server that is not connected."""
        if self._connection is None:
            self._failures = 0
            self._wanted.set()

    def nudge(self) -> None:
        """Another attempt, for a server that has not been ready yet and has some left."""
        waited = anyio.current_time() - self._ended_at
        if self._state == "failed" and not self._known and not self._given_up and waited >= NUDGE_S:
            self._wanted.set()

    async def answered(self) -> None:
        """Waits until it is no longer connecting."""
        while self._state == "connecting":
            await self._moved.wait()

    async def call(
        self, tool: str, arguments: dict[str, object], on_progress: Callable[[str], None]
    ) -> Outcome:
        """Calls a tool, starting the server again where it has ended. Raises ToolError."""
        note = ""
        while True:
            if self._connection is None:
                note = await self._restart()
            connection, signals = self._connection, self._signals
            assert connection is not None
            try:
                outcome = await connection.call(tool, arguments, on_progress)
            except ServerGone as error:
                signals.lost(str(error))
                self._connection = None
                if error.unsent and not note:
                    continue
                raise ToolError(
                    f"The MCP server {self.name} was lost during the call: {signals.reason}. Whether the "
                    "call has had an effect is not known. Calling one of its tools starts the server again."
                ) from error
            except ServerError as error:
                raise ToolError(f"{note}{error}") from error
            self._failures = 0
            return outcome._replace(text=note + outcome.text)

    async def _restart(self) -> str:
        """Has the server started, and waits for that; what the model should know of it."""
        reason = self._reason or self._signals.reason or "its connection was lost"
        if self._given_up:
            raise ToolError(self._gone(reason))
        starts = self._starts + (self._state != "connecting")
        self._wanted.set()
        with anyio.move_on_after(self._host.times.start_s + max(BACKOFF_S)):
            while self._connection is None:
                tried = self._starts >= starts and self._state in ("failed", "stopped")
                if tried or self._given_up or self._closing:
                    break
                await self._moved.wait()
        if self._connection is None:
            raise ToolError(self._gone(self._reason))
        return f"(The MCP server {self.name} had ended and was started again; what it remembered is lost.)\n"

    def _gone(self, reason: str) -> str:
        again = " It will not be started again; do without it." if self._given_up else ""
        return f"The MCP server {self.name} is not available: {reason}.{again}"
