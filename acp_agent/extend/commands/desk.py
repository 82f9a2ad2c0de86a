"""What a command is given to work with, and what it gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from acp_agent.content import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from acp_agent.config.trust import Trust
    from acp_agent.content import Part
    from acp_agent.events import Event, Option, PutBack
    from acp_agent.extend.commands.table import Entry
    from acp_agent.extend.servers import ServerStatus
    from acp_agent.health import Finding
    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.stream import Model
    from acp_agent.permission.claims import Operation
    from acp_agent.permission.explaining import Explained
    from acp_agent.permission.gate import Remembered, Rule
    from acp_agent.turn.allowance import Allowance
    from acp_agent.turn.compaction import Compacted
    from acp_agent.turn.ledger import Ledger
    from acp_agent.workspace.snapshots import Snapshots
    from acp_agent.workspace.workspace import Workspace


class Words(NamedTuple):
    """What follows the name of a command."""

    text: str
    """The rest of the text that began with it."""
    others: tuple[Part, ...] = ()
    """The other blocks of the prompt."""

    @property
    def content(self) -> tuple[Part, ...]:
        return (Text(self.text), *self.others) if self.text else self.others


class Again(NamedTuple):
    """What a command gives back when the model is to be asked after it."""

    content: tuple[Part, ...]
    """What the user says to it; empty when it is to go on where it was."""
    note: str
    """What the person is told first."""


Answer = str | Again
"""Markdown for the person, or what to do next."""


class Run(Protocol):
    """The code of a command. An AgentError that it raises is told to the person."""

    async def __call__(self, desk: Desk, words: Words) -> Answer: ...


class PastTurn(NamedTuple):
    turn_id: str
    before: int
    """The number of the record that it follows, 0 for the beginning."""
    local: bool
    """Answered by a command."""
    prompt: tuple[Part, ...]
    events: tuple[Event, ...]


class Servers(Protocol):
    """The MCP servers of the session."""

    def status(self) -> Sequence[ServerStatus]: ...

    def retry(self, name: str) -> None:
        """Tries again to connect to one that has failed or ended."""
        ...


class Project(Protocol):
    """config.project.Project. Each of these may take a while and has to be called in a thread."""

    shown: str

    def look(self) -> Trust | None: ...

    def give(self, digest: str) -> Trust | None: ...

    def withdraw(self) -> bool: ...


class Permissions(Protocol):
    """permission.gate.Gate, as far as a person may look into it."""

    @property
    def decisions(self) -> tuple[Remembered, ...]: ...

    @property
    def grants(self) -> tuple[Rule, ...]: ...

    @property
    def project_grants(self) -> tuple[Rule, ...]: ...

    def grant(self, operation: Operation, pattern: str) -> Rule: ...

    async def grant_to_project(self, operation: Operation, pattern: str) -> Rule: ...

    async def revoke(self, rules: Iterable[Rule]) -> None: ...


class Desk(Protocol):
    """The session, as far as commands may see and touch it."""

    @property
    def session_id(self) -> str: ...

    @property
    def journal(self) -> Path: ...

    @property
    def workspace(self) -> Workspace: ...

    @property
    def snapshots(self) -> Snapshots: ...

    @property
    def permissions(self) -> Permissions: ...

    def consider(self, tool: str, text: str) -> Explained:
        """What would happen to a call now; `text` is JSON or the tool's first argument. Raises ToolError."""
        ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def allowance(self) -> Allowance:
        """The budgets, and what all sessions have spent."""
        ...

    @property
    def model(self) -> Model:
        """The one that is asked next. Raises AgentError when it cannot be."""
        ...

    @property
    def options(self) -> tuple[Option, ...]: ...

    def choose(self, option_id: str, value: str) -> None:
        """Raises InvalidParams for what there is not. Tells the editors by itself."""
        ...

    def commands(self) -> Sequence[Entry]:
        """Aliases last."""
        ...

    @property
    def servers(self) -> Servers | None:
        """None when there are none."""
        ...

    @property
    def project(self) -> Project:
        """The settings of the project, and the user's word on them."""
        ...

    def checks(self) -> Iterable[Callable[[], Sequence[Finding]]]:
        """What `acp-agent doctor` looks at. Each may take seconds and has to be called in a thread."""
        ...

    def request(self) -> ModelRequest:
        """What the model would be sent now."""
        ...

    def instructions(self) -> str:
        """The part of the system prompt that the project and the user have written."""
        ...

    def say(self, text: str) -> None:
        """Shows a piece of the answer at once."""
        ...

    async def past(self) -> Sequence[PastTurn]:
        """The turns before this one, without those that were taken back. Raises JournalError."""
        ...

    async def rewind(self, to: int | None, files: Sequence[PutBack] = (), takes_back: str = "") -> None:
        """Has the conversation go on from the record with that number; with None it stays as it is.

        `files` were put back before; `takes_back` is the turn in which something else was. Raises
        JournalError.
        """
        ...

    async def ask(self, question: Sequence[Part]) -> None:
        """Has the model answer beside the conversation, and shows it. Raises AgentError."""
        ...

    async def compact(self, focus: str) -> Compacted:
        """Raises AgentError when there is no summary; then nothing has changed."""
        ...
