"""One conversation: its prompts one after the other, its options, and who watches it.

Prompts queue first in, first out; a turn runs in the session's own task, so that whoever
asked may go away without ending it, and cancelling is cancelling its scope.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

import anyio
import anyio.to_thread

from acp_agent.errors import AgentError
from acp_agent.events import (
    CommandsChanged,
    ModeChanged,
    NoticeRaised,
    OptionsChanged,
    Reminded,
    TitleChanged,
    TurnEnded,
    TurnStarted,
    UsageChanged,
    UserMessage,
)
from acp_agent.models.messages import ModelRequest
from acp_agent.session.journal import read
from acp_agent.session.judging import asked_last
from acp_agent.session.local import LocalTurn
from acp_agent.session.prompt import Asked, Prompt
from acp_agent.session.titles import title_of
from acp_agent.session.turns import TurnDone, done
from acp_agent.turn.loop import Turn, run_turn
from acp_agent.turn.parking import Parking
from acp_agent.turn.recovery import Aids

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from acp_agent.content import Part
    from acp_agent.events import Archived, Event, Option, StopReason
    from acp_agent.models.stream import Model
    from acp_agent.session.audience import Watcher
    from acp_agent.session.parts import Parts
    from acp_agent.turn.compaction import Compacted
    from acp_agent.turn.feed import Feed

log = logging.getLogger(__name__)

GO_ON = Reminded("answer", "The user asks you to go on where you stopped.")
CLOSE_LIMIT_S = 1.5
"""How long a cancelled turn may take to end its tools when the session is closed."""


class Past(NamedTuple):
    """The conversation until now."""

    events: tuple[Event, ...]
    last: int
    """The number of the last record that was read."""


class Before(NamedTuple):
    """What a session that is taken up again begins with."""

    past: Past | None = None
    title: TitleChanged | None = None
    last_id: int = 0
    """The highest number in an id; see restore.last_id."""


State = Literal["working", "waiting", "idle"]


class Session:
    """Run `run` in a task of the owner's; the rest may be called from anywhere in the loop."""

    def __init__(self, session_id: str, cwd: str, parts: Parts, before: Before | None = None) -> None:
        """`before` is what there was of a session that is taken up again."""
        before = before or Before()
        self.id = session_id
        self.cwd = cwd
        self._title = before.title
        self._past = before.past
        self._parts = parts
        self._queue: deque[Prompt] = deque()
        self._wake = anyio.Event()
        self._running: tuple[Prompt, anyio.CancelScope] | None = None
        self._closed = False
        self._ended = anyio.Event()
        self._at_rest = anyio.Event()
        self._ids = count(before.last_id + 1)
        parts.audience(CommandsChanged(parts.for_commands.registry.announced))

    # Who watches --------------------------------------------------------------------

    @property
    def watchers(self) -> int:
        return len(self._parts.audience)

    def expect(self, watcher: Watcher) -> None:
        """`watcher` is about to attach and counts already; `detach` takes that back."""
        self._parts.audience.expect(watcher)

    def attach(self, watcher: Watcher) -> None:
        """`watcher` is told of everything from now on; first of the calls and questions that are open."""
        self._parts.audience.attach(watcher)

    def detach(self, watcher: Watcher) -> None:
        self._parts.audience.detach(watcher)

    # What the editor sees and changes -------------------------------------------

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def state(self) -> State:
        """Whether a turn runs, and whether it is a person's turn to answer."""
        if self._parts.audience.waiting:
            return "waiting"
        return "working" if self._running or self._queue else "idle"

    @property
    def title(self) -> str:
        """Empty before the first prompt."""
        return self._title.title if self._title else ""

    def note(self, event: TitleChanged | Archived) -> None:
        """Writes down what is said about the session, and tells who watches."""
        if isinstance(event, TitleChanged):
            self._title = event
        self._parts.feed.emit(event)

    @property
    def options(self) -> tuple[Option, ...]:
        """The settings of this session, with what each may be."""
        return self._parts.options.all()

    def set_option(self, option_id: str, value: str | bool) -> None:
        """Changes a setting from the next model request on; raises InvalidParams naming what there is."""
        options = self._parts.options
        if changed := options.choose(option_id, value):
            if options.MODE in changed:
                self._parts.feed.emit(ModeChanged(self._parts.gate.mode))
            self._parts.feed.emit(OptionsChanged(options.all(), changed))

    # What was said before --------------------------------------------------------------

    async def past(self) -> Past:
        """What is shown of what the journal holds, for an editor that has not seen it."""
        journal, shows = self._parts.journal, self._parts.options.shows
        past = self._past
        if past is None or past.last != journal.number:
            contents = await anyio.to_thread.run_sync(read, journal.path)
            past = Past(tuple(record.event for record in contents.branch()), contents.end.number)
        return past._replace(events=tuple(self._now(event) for event in past.events if shows(event)))

    def _now(self, event: Event) -> Event:
        """What the session has cost is said as it is now: since then there may have been more beside it."""
        if isinstance(event, UsageChanged):
            return event._replace(cost=self._parts.for_commands.ledger.cost)
        return event

    def since(self, last: int) -> tuple[Event, ...]:
        """What has been journalled after that record; at once, so that nothing comes in between."""
        journal, shows = self._parts.journal, self._parts.options.shows
        if journal.number == last:
            return ()
        new = (record.event for record in read(journal.path).branch() if record.number > last)
        return tuple(event for event in new if shows(event))

    async def turns(self) -> Sequence[TurnDone]:
        """The turns that can be taken back, and what each has done to files. Raises AgentError."""
        contents = await anyio.to_thread.run_sync(read, self._parts.journal.path)
        return await done(contents.branch(), self._parts.for_commands.snapshots)

    # Prompts ------------------------------------------------------------------------

    def submit(
        self,
        content: tuple[Part, ...],
        by: Watcher | None = None,
        trace: Mapping[str, str] = MappingProxyType({}),
    ) -> Prompt:
        """Queues a prompt; see Asked."""
        self._past = None  # it will not be all of it any more
        prompt = Prompt(Asked(content, by, trace), self._cancel_prompt)
        if self._closed:
            prompt.end("cancelled")
            return prompt
        self._queue.append(prompt)
        self._wake.set()
        return prompt

    def cancel(self) -> None:
        """Ends the running turn and every queued prompt; does nothing when there are none."""
        while self._queue:
            self._queue.popleft().end("cancelled")
        if self._running:
            self._running[1].cancel()

    def _cancel_prompt(self, prompt: Prompt) -> None:
        if self._running and self._running[0] is prompt:
            self._running[1].cancel()
        elif prompt in self._queue:
            self._queue.remove(prompt)
            prompt.end("cancelled")

    async def run(self) -> None:
        """Works through the prompts until the session is closed."""
        try:
            async with AsyncExitStack() as services:
                for service in self._parts.services:
                    await services.enter_async_context(service)
                while not self._closed:
                    if self._queue:
                        await self._run_prompt(self._queue.popleft())
                    else:
                        self._wake = anyio.Event()
                        self._at_rest.set()
                        await self._wake.wait()
                        self._at_rest = anyio.Event()
        finally:
            self._closed = True
            self.cancel()
            self._parts.journal.close()
            self._at_rest.set()
            self._ended.set()

    async def settled(self) -> None:
        """Waits until nothing runs and nothing waits to."""
        while self.state != "idle":
            await self._at_rest.wait()

    async def close(self) -> None:
        """Cancels what runs and waits, for a bounded time, until it has ended."""
        self._closed = True
        self.cancel()
        self._wake.set()
        with anyio.move_on_after(CLOSE_LIMIT_S, shield=True):
            await self._ended.wait()

    async def _run_prompt(self, prompt: Prompt) -> None:
        ledger = self._parts.for_commands.ledger
        outcome: StopReason | Exception = "cancelled"
        scope = anyio.CancelScope()
        self._running = (prompt, scope)
        self._parts.audience.asking = prompt.asked.by
        ledger.begin_prompt()
        try:
            with scope:
                outcome = await self._answer(prompt, scope)
        finally:
            self._running = None
            prompt.end(outcome, ledger.spent)

    async def _answer(self, prompt: Prompt, scope: anyio.CancelScope) -> StopReason | Exception:
        """A command answers by itself, or says what the model is to be asked."""
        asked = prompt.asked
        if order := self._parts.for_commands.registry.find(asked.content):
            stop, again = await LocalTurn(self, self._parts, order, prompt).run()
            if again is None:
                return stop
            asked = asked._replace(content=again.content)
        return await self._ask_model(asked, scope)

    async def _ask_model(self, asked: Asked, scope: anyio.CancelScope) -> StopReason | Exception:
        feed = self._parts.feed
        turn_id = self.new_id("turn")
        outcome: StopReason | Exception = "cancelled"
        feed.emit(TurnStarted(turn_id))
        try:
            if asked.content:
                await self._tell(asked.content)
            else:
                feed.emit(GO_ON)
            self._choose_model()
            outcome = await run_turn(self._turn(asked))
        except Exception as error:  # the prompt's answer carries it; the session goes on
            if not isinstance(error, AgentError):
                log.exception("the turn failed")
            if not scope.cancel_called:
                outcome = error
        finally:
            if isinstance(outcome, Exception):
                feed.emit(TurnEnded(turn_id, None, str(outcome)))
            else:
                feed.emit(TurnEnded(turn_id, outcome))
        return outcome

    async def _tell(self, content: tuple[Part, ...]) -> None:
        """Adds a prompt to the conversation. One that is cancelled before that leaves no trace."""
        prepared = await self._parts.prepare(content)
        self._parts.feed.emit(UserMessage(self.new_id("m"), prepared.content))
        for notice in prepared.notices:
            self._parts.feed.emit(notice)
        if self._title is None and (title := title_of(content)):
            self.note(TitleChanged(title))

    def _choose_model(self) -> None:
        parts = self._parts
        if why := parts.options.begin_prompt(asked_last(parts.history.messages(), parts.allowance.strain)):
            parts.feed.emit(NoticeRaised("info", why, always=True))

    def _turn(self, asked: Asked) -> Turn:
        parts = self._parts
        consent = parts.consent(parts.feed, self.new_id)

        async def make_room() -> None:
            await self.compact(parts.feed, asked.trace)

        return Turn(
            aids=Aids(Parking(consent, parts.consulting.when_limited), make_room),
            conversation=self.id,
            feed=parts.feed,
            history=parts.history,
            system=self._system,
            reminders=self._reminders,
            toolset=parts.toolset,
            gate=parts.gate,
            model=self._model,
            new_id=self.new_id,
            max_requests=parts.max_requests,
            sign_of_life_s=parts.sign_of_life_s,
            trace=asked.trace,
            may_ask=partial(parts.allowance.may_ask, consent),
            cost=lambda: parts.for_commands.ledger.cost,
        )

    def _system(self) -> str:
        return self._parts.context.system(instructions=self._parts.options.project_instructions)

    def _reminders(self) -> Iterable[Reminded]:
        return self._parts.context.reminders(self._parts.gate.mode, self._parts.history.told)

    def _model(self) -> Model:
        return self._parts.options.model

    async def compact(self, feed: Feed, trace: Mapping[str, str], focus: str = "") -> Compacted:
        """Sums the conversation up. Raises AgentError when there is no summary; then nothing has changed."""
        from acp_agent.turn.compaction import compact

        parts = self._parts
        aside = parts.aside(parts.options.model_for("summarization"), parts.consent(feed, self.new_id), trace)
        taken = await compact(aside, self.request, self.new_id("compaction"), focus)
        parts.for_commands.workspace.documents.forget()
        return taken

    def request(self) -> ModelRequest:
        """What the model would be sent now."""
        parts = self._parts
        return ModelRequest(self._system(), parts.history.messages(), parts.toolset.specs)

    def new_id(self, kind: str) -> str:
        """An id that nothing else in the session has."""
        return f"{kind}-{next(self._ids)}"
