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
    TextDelta,
    ThoughtDelta,
    TitleChanged,
    TurnEnded,
    TurnStarted,
    UsageChanged,
    UserMessage,
)
from acp_agent.extend.commands.desk import Again, PastTurn, Words
from acp_agent.extend.commands.registry import Order
from acp_agent.session.journal import read
from acp_agent.turn import estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from acp_agent.content import Part
    from acp_agent.events import Event, Option, StopReason
    from acp_agent.extend.commands.desk import Desk, Permissions, Project, Servers
    from acp_agent.extend.commands.registry import Registry
    from acp_agent.extend.commands.table import Entry
    from acp_agent.health import Finding
    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.stream import Model
    from acp_agent.permission.explaining import Explained
    from acp_agent.session.journal import Record
    from acp_agent.session.parts import Parts
    from acp_agent.session.session import Asked
    from acp_agent.turn.allowance import Allowance
    from acp_agent.turn.aside import Aside
    from acp_agent.turn.compaction import Compacted
    from acp_agent.turn.feed import Feed
    from acp_agent.turn.ledger import Ledger
    from acp_agent.workspace.workspace import Workspace

log = logging.getLogger(__name__)


class CommandParts(NamedTuple):
    """What commands need besides what a turn does."""

    registry: Registry
    beside: Feed
    """Reaches who watches, but neither journal nor history."""
    ledger: Ledger
    workspace: Workspace
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

    def __init__(self, host: Host, parts: Parts, order: Order, asked: Asked) -> None:
        self._host = host
        self._parts = parts
        self._order = order
        self._asked = asked
        kept = order.entry.kept
        self._feed = parts.feed if kept else parts.for_commands.beside
        # What leaves no trace must not use up the numbers of what does.
        self._new_id = new_id = host.new_id if kept else _unnumbered
        self._begun = TurnStarted(new_id("turn"), local=True)
        shown = tuple(part for part in asked.content if not isinstance(part, Blob))
        self._said = UserMessage(new_id("m"), shown)
        self._message_id = new_id("m")

    async def run(self) -> tuple[StopReason, Again | None]:
        """Carries the command out; what is to be run after it, if anything."""
        self._feed.emit(self._begun)
        self._feed.emit(self._said)
        stop: StopReason = "cancelled"
        try:
            answer = await self._answer()
            self.say(answer.note if isinstance(answer, Again) else answer)
            stop = "end_turn"
        finally:
            self._feed.emit(TurnEnded(self._begun.turn_id, stop))
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
        return turns_of(await self._records(), without=self._begun.turn_id)

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
        return await self._host.compact(self._feed, self._asked.trace, focus)

    def _aside(self) -> Aside:
        parts = self._parts
        return parts.aside(self.model, parts.consent(self._feed, self._new_id), self._asked.trace)

    async def rewind(self, before: int) -> None:
        records: Sequence[Record] = ()
        with anyio.CancelScope(shield=True):  # what was undone on disk must be undone here
            records = await self._records()
        kept = [record.event for record in records if record.number <= before]
        taken_back = [record.event for record in records if record.number > before]
        journal, history = self._parts.journal, self._parts.history
        history.restart(kept)
        journal.branch(before)
        title = [event for event in taken_back if isinstance(event, TitleChanged)][-1:]
        for event in (*title, self._begun, self._said):
            journal(event)
            history(event)
        self.workspace.documents.forget()
        self._show_present(kept, taken_back)

    def _show_present(self, kept: Sequence[Event], taken_back: Sequence[Event]) -> None:
        """Plan and use of the window as they are after something was taken back."""
        if any(isinstance(event, PlanChanged) for event in taken_back):
            plans = (event for event in reversed(kept) if isinstance(event, PlanChanged))
            self._feed.emit(next(plans, PlanChanged(())))
        try:
            window = self.model.window
        except AgentError:
            return
        counted = (event.used for event in reversed(kept) if isinstance(event, UsageChanged))
        used = next(counted, _estimated(self.request()))
        self._feed.emit(UsageChanged(used, window, self.ledger.cost))

    async def _records(self) -> Sequence[Record]:
        self._parts.feed.flush()
        contents = await anyio.to_thread.run_sync(read, self.journal)
        return contents.branch()


def _estimated(request: ModelRequest) -> int:
    return estimate.tokens(estimate.characters(request))


def _unnumbered(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(4)}"


def turns_of(records: Iterable[Record], without: str = "") -> list[PastTurn]:
    """The turns that `records` tell of, but for the one with the id `without`."""
    found: list[PastTurn] = []
    begun: Record | None = None
    events: list[Event] = []

    def end() -> None:
        if begun and isinstance(begun.event, TurnStarted) and begun.event.turn_id != without:
            said = (event.content for event in events if isinstance(event, UserMessage))
            found.append(PastTurn(begun.parent, begun.event.local, next(said, ()), tuple(events)))

    for record in records:
        if isinstance(record.event, TurnStarted):
            end()
            begun = record
            events.clear()
        events.append(record.event)
    end()
    return found


if TYPE_CHECKING:

    def conforms(turn: LocalTurn) -> Desk:
        return turn
