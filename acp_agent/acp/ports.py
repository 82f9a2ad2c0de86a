"""What the protocol needs of the agent behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from acp_agent.acp.editor import Editor
    from acp_agent.content import Part
    from acp_agent.events import Option, StopReason


class Prompt(Protocol):
    async def outcome(self) -> StopReason:
        """Waits for the end of the turn; raises AgentError when it failed."""
        ...

    def cancel(self) -> None:
        """Ends it, whether it waits or runs."""
        ...


class Session(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def options(self) -> tuple[Option, ...]:
        """The settings the editor shows; one of them is of category "mode"."""
        ...

    def set_option(self, option_id: str, value: str) -> None:
        """Raises InvalidParams for what there is not. Tells the editor by itself."""
        ...

    def announce(self) -> None:
        """Called once the client knows the session; only from then on are there events."""
        ...

    def submit(self, content: tuple[Part, ...]) -> Prompt:
        """Queues a prompt behind those that wait."""
        ...

    def cancel(self) -> None:
        """Ends the running turn and all that wait."""
        ...

    async def run(self) -> None:
        """Works through the prompts; runs in a task of the connection."""
        ...

    async def close(self) -> None:
        """Ends what runs, within a bound, and frees what the session holds."""
        ...


class NewSession(NamedTuple):
    """What a client asks for with `session/new`."""

    cwd: str
    editor: Callable[[str], Editor]
    """The editor as the session with this id sees it."""


class Agent(Protocol):
    async def check_access(self) -> None:
        """Raises AuthRequired, saying what to set, when no model can be used."""
        ...

    async def new_session(self, request: NewSession) -> Session:
        """Raises AuthRequired, ConfigError or InvalidParams."""
        ...
