"""A prompt that is a command: carried out here, shown and kept as a turn that the model is not told of."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio
import anyio.to_thread

from acp_agent.content import Blob, Text
from acp_agent.errors import AgentError
from acp_agent.events import (
    PlanChanged,
    Reminded,
    Rewound,
    TextDelta,
    ThoughtDelta,
    TitleChanged,
    TurnEnded,
    TurnStarted,
    UsageChanged,
    UserMessage,
)
from acp_agent.extend.commands.desk import Again, Words
from acp_agent.extend.commands.registry import Order
from acp_agent.session.journal import read
from acp_agent.session.turns import turns_of
from acp_agent.turn import estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from acp_agent.content import Part
    from acp_agent.events import Event, Option, PutBack, StopReason
    from acp_agent.extend.commands.desk import Desk, PastTurn, Permissions, Project, Servers
    from acp_agent.extend.commands.registry import Registry
    from acp_agent.extend.commands.table import Entry
    from acp_agent.health import Finding
    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.stream import Model
    from acp_agent.permission.explaining import Explained
    from acp_agent.session.journal import Contents
    from acp_agent.session.parts import Parts
    from acp_agent.session.prompt import Prompt
    from acp_agent.turn.allowance import Allowance
    from acp_agent.turn.aside import Aside
    from acp_agent.turn.compaction import Compacted
    from acp_agent.turn.feed import Feed
    from acp_agent.turn.ledger import Ledger
    from acp_agent.workspace.snapshots import Snapshots
    from acp_agent.workspace.workspace import Workspace

log = logging.getLogger(__name__)

FILES = "files"
"""The topic of what the model is told of files that were put back."""
NAMED = 20
"""Of them."""


class CommandParts(NamedTuple):
    """What commands need besides what a turn does."""

    registry: Registry
    beside: Feed
    """Reaches who watches, but neither journal nor history."""
    ledger: Ledger
    workspace: Workspace
    snapshots: Snapshots
    checks: Callable[[], Iterable[Callable[[], Sequence[Finding]]]]
    servers: Servers | None
    project: Project


class Host(Protocol):
    """The session that a command is typed in."""

    @property
    def id(self) -> str: ...

    def set_option(self, option_id: str, value: str) -> None: ...

    def new_id(self, kind: str) -> str: ...

    def request(self) -> ModelRequest: ...

    async def compact(self, feed: Feed, trace: Mapping[str, str], focus: str) -> Compacted: ...


class LocalTurn:
    """extend.commands.desk.Desk for one command. `run` it once."""

    def __init__(self, host: Host, parts: Parts, order: Order, prompt: Prompt) -> None:
        self._host = host
        self._parts = parts
        self._order = order
        self._prompt = prompt
        kept = order.entry.kept
        self._feed = parts.feed if kept else parts.for_commands.beside
        # What leaves no trace must not use up the numbers of what does.
        self._new_id = new_id = host.new_id if kept else _unnumbered
        self._begun = TurnStarted(new_id("turn"), local=True)
        shown = tuple(part for part in prompt.asked.content if not isinstance(part, Blob))
        self._said = UserMessage(new_id("m"), shown)
        self._message_id = new_id("m")
        self._to_tell: Reminded | None = None
        """What the model is told of it."""

    async def run(self) -> tuple[StopReason, Again | None]:
        """Carries the command out; what is to be run after it, if anything."""
        self._feed.emit(self._begun)
        self._feed.emit(self._said)
        stop: StopReason = "cancelled"
        try:
            answer = await self._answer()
            self._prompt.answer = answer.note if isinstance(answer, Again) else answer
            self.say(self._prompt.answer)
            stop = "end_turn"
        finally:
            self._feed.emit(TurnEnded(self._begun.turn_id, stop))
            if self._to_tell:
                self._feed.emit(self._to_tell)
        return stop, answer if isinstance(answer, Again) else None

    async def _answer(self) -> str | Again:
        try:
            return await (await self._ready()).carry_out(self)
        except (AgentError, OSError) as error:
            return f"/{self._order.entry.name} did not work: {error}"
        except Exception as error:  # a command with a bug must not take the session down
            log.exception("/%s failed", self._order.entry.name)
            return f"/{self._order.entry.name} failed with an internal error ({type(error).__name__})."

    async def _ready(self) -> Order:
        """The command with what follows it made ready for the model, if that is to have it."""
        entry, words = self._order
        if not entry.prepared or not words.content:
            return self._order
        prepared = await self._parts.prepare(words.content)
        for notice in prepared.notices:
            self._feed.emit(notice)
        text = prepared.content[0] if words.text else None
        rest = prepared.content[1:] if words.text else prepared.content
        return Order(entry, Words(text.text if isinstance(text, Text) else "", rest))

    # What a command may see --------------------------------------------------------------

    @property
    def session_id(self) -> str:
        return self._host.id

    @property
    def journal(self) -> Path:
        return self._parts.journal.path

    @property
    def workspace(self) -> Workspace:
        return self._parts.for_commands.workspace

    @property
    def snapshots(self) -> Snapshots:
        return self._parts.for_commands.snapshots

    @property
    def permissions(self) -> Permissions:
        return self._parts.gate

    def consider(self, tool: str, text: str) -> Explained:
        from acp_agent.turn.considering import arguments_of, consider

        toolset = self._parts.toolset
        return consider(toolset, self._parts.gate, tool, arguments_of(toolset, tool, text))

    @property
    def ledger(self) -> Ledger:
        return self._parts.for_commands.ledger

    @property
    def allowance(self) -> Allowance:
        return self._parts.allowance

    @property
    def model(self) -> Model:
        return self._parts.options.model

    @property
    def options(self) -> tuple[Option, ...]:
        return self._parts.options.all()

    def choose(self, option_id: str, value: str) -> None:
        self._host.set_option(option_id, value)

    def commands(self) -> Sequence[Entry]:
        return self._parts.for_commands.registry.entries

    @property
    def servers(self) -> Servers | None:
        return self._parts.for_commands.servers

    @property
    def project(self) -> Project:
        return self._parts.for_commands.project

    def checks(self) -> Iterable[Callable[[], Sequence[Finding]]]:
        return self._parts.for_commands.checks()

    def request(self) -> ModelRequest:
        return self._host.request()

    def instructions(self) -> str:
        return self._parts.context.instructions() if self._parts.options.project_instructions else ""

    async def past(self) -> Sequence[PastTurn]:
        return turns_of((await self._contents()).branch(), without=self._begun.turn_id)

    # What it may do ------------------------------------------------------------------------

    def say(self, text: str) -> None:
        if text:
            self._feed.emit(TextDelta(self._message_id, text))

    def think(self, text: str) -> None:
        """Shows a thought of the model."""
        self._feed.emit(ThoughtDelta(self._message_id, text))

    async def ask(self, question: Sequence[Part]) -> None:
        from acp_agent.turn.aside import ask_beside

        request = self.request()
        await ask_beside(self._aside(), request, question, self)
        # What fills the window is as before; what the session has cost is not.
        latest = self.ledger.latest or UsageChanged(_estimated(request), self.model.window)
        self._feed.emit(latest._replace(cost=self.ledger.cost))

    async def compact(self, focus: str) -> Compacted:
        return await self._host.compact(self._feed, self._prompt.asked.trace, focus)

    def _aside(self) -> Aside:
        parts = self._parts
        return parts.aside(self.model, parts.consent(self._feed, self._new_id), self._prompt.asked.trace)

    async def rewind(self, to: int | None, files: Sequence[PutBack] = (), takes_back: str = "") -> None:
        tip: int | None = None
        if to is not None:
            with anyio.CancelScope(shield=True):  # what was undone on disk must be undone here
                tip = await self._branch(to)
        elif named := [each.path for each in files if each.fate != "left alone"]:
            self._to_tell = Reminded(FILES, _told(named, takes_back))
        self._prompt.rewound = Rewound(self._begun.turn_id, tip, tuple(files), takes_back)
        self._feed.emit(self._prompt.rewound)

    async def _branch(self, to: int) -> int:
        """The conversation goes on from there; where it was."""
        contents = await self._contents()
        before, kept = contents.branch(), contents.branch(to)
        tip = next((each.parent for each in before if each.event == self._begun), 0)
        journal, history = self._parts.journal, self._parts.history
        history.restart(record.event for record in kept)
        journal.branch(to)
        titles = [each for each in contents.records if isinstance(each.event, TitleChanged)][-1:]
        title = [each.event for each in titles if each not in kept]
        for event in (*title, self._begun, self._said):
            journal(event)
            history(event)
        self.workspace.documents.forget()
        self._show_present([each.event for each in before], [each.event for each in kept])
        return tip

    def _show_present(self, before: Sequence[Event], kept: Sequence[Event]) -> None:
        """Plan and use of the window as they are now, after a branch was left for another."""
        was, now = (
            next((event for event in reversed(events) if isinstance(event, PlanChanged)), PlanChanged(()))
            for events in (before, kept)
        )
        if was != now:
            self._feed.emit(now)
        try:
            window = self.model.window
        except AgentError:
            return
        counted = (event.used for event in reversed(kept) if isinstance(event, UsageChanged))
        used = next(counted, _estimated(self.request()))
        self._feed.emit(UsageChanged(used, window, self.ledger.cost))

    async def _contents(self) -> Contents:
        self._parts.feed.flush()
        return await anyio.to_thread.run_sync(read, self.journal)


def _told(paths: Sequence[str], forth: str) -> str:
    named = ", ".join(paths[:NAMED]) + (f" and {len(paths) - NAMED} more" if len(paths) > NAMED else "")
    what = "has taken that back" if forth else "has put files back to what they were before an earlier turn"
    return f"The user {what}, the conversation stays. Changed: {named}. Read them again before you go on."


def _estimated(request: ModelRequest) -> int:
    return estimate.tokens(estimate.characters(request))


def _unnumbered(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(4)}"


if TYPE_CHECKING:

    def conforms(turn: LocalTurn) -> Desk:
        return turn
