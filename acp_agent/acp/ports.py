"""What the protocol needs of the agent behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acp_agent.acp.editor import Editor
    from acp_agent.acp.providers import Provider, Routing
    from acp_agent.content import Part
    from acp_agent.events import Event, Option, Rewound, StopReason, Tokens
    from acp_agent.extend.servers import ServerSpec

AccessState = Literal["authenticated", "unauthenticated", "not_required", "unknown"]
Shelf = Literal["exclude", "include", "only"]
"""Whether archived sessions are among those that are listed."""


class Prompt(Protocol):
    async def outcome(self) -> StopReason:
        """Waits for the end of the turn; raises AgentError when it failed."""
        ...

    @property
    def tokens(self) -> Tokens | None:
        """What it took, once it has ended; None when no provider has said."""
        ...

    @property
    def answer(self) -> str:
        """What a command has said at its end."""
        ...

    @property
    def rewound(self) -> Rewound | None:
        """Where a command has gone back to, if it has."""
        ...

    def cancel(self) -> None:
        """Ends it, whether it waits or runs."""
        ...


class TurnDone(Protocol):
    """A turn that can be taken back."""

    @property
    def turn_id(self) -> str: ...

    @property
    def prompt(self) -> str: ...

    @property
    def files(self) -> Mapping[str, str]:
        """What it has done to files, by path."""
        ...


class Past(Protocol):
    """A conversation until now."""

    @property
    def events(self) -> Sequence[Event]: ...

    @property
    def last(self) -> int:
        """The number of the last record that was read."""
        ...


class Session(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def closed(self) -> bool: ...

    @property
    def options(self) -> tuple[Option, ...]:
        """The settings the editor shows; one of them is of category "mode"."""
        ...

    def set_option(self, option_id: str, value: str | bool) -> None:
        """Raises InvalidParams for what there is not. Tells the editors by itself."""
        ...

    def expect(self, watcher: Editor) -> None:
        """`watcher` is about to attach: the session is not closed for want of watchers meanwhile."""
        ...

    def attach(self, watcher: Editor) -> None:
        """Called once the client knows the session; only from then on is `watcher` told of anything."""
        ...

    def detach(self, watcher: Editor) -> None:
        """`watcher` is told of nothing more."""
        ...

    async def past(self) -> Past:
        """The conversation so far, for an editor that is to show it. Raises JournalError."""
        ...

    def since(self, last: int) -> Sequence[Event]:
        """What has happened after the record with that number. Does not wait."""
        ...

    async def turns(self) -> Sequence[TurnDone]:
        """The turns of the conversation that can be taken back. Raises AgentError."""
        ...

    def submit(self, content: tuple[Part, ...], by: Editor, trace: Mapping[str, str]) -> Prompt:
        """Queues a prompt behind those that wait; `trace` is its trace context."""
        ...

    def cancel(self) -> None:
        """Ends the running turn and all that wait."""
        ...


class Opening(NamedTuple):
    """Where a session is to work."""

    cwd: str
    folders: tuple[str, ...] = ()
    """Further roots, absolute."""
    servers: tuple[ServerSpec, ...] = ()
    """MCP servers to connect, beside those of the settings."""


class Account(NamedTuple):
    """Something that models are reached through."""

    label: str
    active: bool


class Access(NamedTuple):
    """Whether sessions can be had without signing in first."""

    state: AccessState
    accounts: tuple[Account, ...] = ()


class Listed(Protocol):
    """A session in a list."""

    @property
    def session_id(self) -> str: ...
    @property
    def cwd(self) -> str: ...
    @property
    def folders(self) -> tuple[str, ...]: ...
    @property
    def title(self) -> str: ...
    @property
    def updated(self) -> float:
        """Seconds since the epoch."""
        ...

    @property
    def archived(self) -> bool: ...


class Listing(Protocol):
    """One page of a list."""

    @property
    def entries(self) -> Sequence[Listed]: ...
    @property
    def next_cursor(self) -> str | None: ...


class LiveSession(Protocol):
    """A session that is open in this process."""

    @property
    def id(self) -> str: ...
    @property
    def cwd(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def state(self) -> Literal["working", "waiting", "idle"]:
        """`waiting` is for a person's decision."""
        ...

    @property
    def watchers(self) -> int:
        """How many clients have it open."""
        ...

    @property
    def since(self) -> float:
        """When it was opened, in seconds since the epoch."""
        ...


class Agent(Protocol):
    def live(self) -> Sequence[LiveSession]:
        """The sessions that are open, whoever has opened them."""
        ...

    async def close_session(self, session_id: str) -> None:
        """Ends what runs, within a bound, and frees what the session holds; nothing if it is not open."""
        ...

    async def check_access(self) -> None:
        """Ends a logout. Raises AuthRequired, saying what to set, when no model can be used."""
        ...

    def log_out(self) -> None:
        """New sessions need `check_access` again."""
        ...

    async def access(self) -> Access: ...

    def providers(self) -> Sequence[Provider]:
        """Those a client may configure. Raises ConfigError."""
        ...

    def set_provider(self, provider_id: str, routing: Routing) -> None:
        """Sends requests there, in sessions opened from now on. Raises InvalidParams."""
        ...

    def disable_provider(self, provider_id: str) -> None:
        """Raises InvalidParams for one that is required."""
        ...

    async def new_session(self, opening: Opening) -> Session:
        """Raises AuthRequired, ConfigError or InvalidParams."""
        ...

    async def open_session(self, session_id: str, opening: Opening) -> Session:
        """One that is open already, or a saved one. Also raises NotFound and JournalError."""
        ...

    async def fork_session(self, session_id: str, opening: Opening) -> Session:
        """A new session that begins with another's conversation. Raises as `open_session` does."""
        ...

    async def leave(self, session_id: str, watcher: Editor, *, keep: bool) -> None:
        """`watcher` is gone; with `keep` the session goes on for a while when nobody is left."""
        ...

    async def delete_session(self, session_id: str) -> None:
        """Closes and removes it; nothing if there is none."""
        ...

    async def archive_session(self, session_id: str, *, archived: bool) -> None:
        """Closes and puts it away, or takes it out again. Raises NotFound."""
        ...

    async def title_session(self, session_id: str, title: str) -> str:
        """The title as it was stored. Raises NotFound, or InvalidParams for an empty one."""
        ...

    async def is_open(self, session_id: str) -> bool:
        """Whether this process has the session open. Raises NotFound. Changes nothing."""
        ...

    async def list_sessions(self, cwd: str | None, archived: Shelf, cursor: str | None) -> Listing:
        """Saved sessions, the one used last first. Raises InvalidParams for a bad cursor."""
        ...
