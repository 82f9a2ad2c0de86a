"""Who watches a session: the editors that have it open, as one listener, one asker and one file system.

Editors come and go while a turn runs. One that comes is told of the calls that are open and of
the questions that wait; with nobody there, questions wait for somebody to come.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import anyio

from acp_agent.errors import ConnectionClosed, PeerError
from acp_agent.events import (
    CommandsChanged,
    NoticeRaised,
    ToolCallFinished,
    ToolCallStarted,
    ToolCallUpdated,
    UserMessage,
)
from acp_agent.permission.gate import Answer
from acp_agent.tools.question import Forms
from acp_agent.workspace.documents import EditorFiles
from acp_agent.workspace.terminals import METHOD_NOT_FOUND, Terminals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anyio.abc import TaskGroup

    from acp_agent.events import Event
    from acp_agent.permission.gate import AskOption
    from acp_agent.permission.gate import Question as GateQuestion
    from acp_agent.workspace.terminals import Program, Terminal

KEPT_NOTICES = 20
"""Of those raised while nobody watched."""


class Watcher(EditorFiles, Terminals, Forms, Protocol):
    """An editor that has the session open."""

    def __call__(self, event: Event, /) -> None: ...

    async def drain(self) -> None:
        """Waits while it is too far behind."""
        ...

    async def request_permission(
        self, call_id: str, options: Sequence[AskOption], explanation: str
    ) -> tuple[str | None, str]:
        """The id of the chosen option, None for no choice, and the words that came with it.

        Raises PeerError.
        """
        ...


class Audience:
    """All watchers as one listener, permission.gate.Asker and as each of the services of Watcher."""

    def __init__(self) -> None:
        self.asking: Watcher | None = None
        """Who sent the prompt that runs: it knows what it said, and its files come first."""
        self.answer_within_s: float | None = None
        """How long a question waits that somebody has been shown; None for ever."""
        self._watchers: list[Watcher] = []
        self._expected: list[Watcher] = []
        self._questions: list[_Question] = []
        self._open_calls: dict[str, list[Event]] = {}
        self._commands: CommandsChanged | None = None
        self._notices: list[NoticeRaised] = []

    def __len__(self) -> int:
        return len(self._watchers) + len(self._expected)

    @property
    def waiting(self) -> bool:
        """Whether somebody has to answer before the turn goes on."""
        return bool(self._questions)

    def expect(self, watcher: Watcher) -> None:
        """It counts from now on, but is told and asked nothing until it attaches."""
        self._expected.append(watcher)

    def attach(self, watcher: Watcher) -> None:
        """From now on it is told of everything, first of what it has to know of the present."""
        for events in self._open_calls.values():
            for event in events:
                watcher(event)
        if self._commands:
            watcher(self._commands)
        for notice in self._notices:
            watcher(notice)
        self._notices.clear()
        if watcher in self._expected:
            self._expected.remove(watcher)
        self._watchers.append(watcher)
        for question in self._questions:
            question.put_to(watcher)

    def detach(self, watcher: Watcher) -> None:
        if watcher in self._expected:
            self._expected.remove(watcher)
        if watcher in self._watchers:
            self._watchers.remove(watcher)
        for question in self._questions:
            question.withdraw(watcher)
        if self.asking is watcher:
            self.asking = None

    def __call__(self, event: Event) -> None:
        self._remember(event)
        for watcher in tuple(self._watchers):
            if not (isinstance(event, UserMessage) and watcher is self.asking):
                watcher(event)

    def _remember(self, event: Event) -> None:
        match event:
            case ToolCallStarted():
                self._open_calls[event.call_id] = [event]
            case ToolCallUpdated() if event.call_id in self._open_calls:
                self._open_calls[event.call_id].append(event)
            case ToolCallFinished():
                self._open_calls.pop(event.call_id, None)
            case CommandsChanged():
                self._commands = event
            case NoticeRaised() if not self._watchers:
                self._notices = [*self._notices[1 - KEPT_NOTICES :], event]
            case _:
                pass

    async def drain(self) -> None:
        """Waits for the one that is furthest behind; its connection ends it if that takes too long."""
        for watcher in tuple(self._watchers):
            await watcher.drain()

    # permission.gate.Asker -----------------------------------------------------------

    async def ask(self, question: GateQuestion) -> Answer:
        """Asks everybody; the first answer counts and the others are withdrawn. Raises PeerError.

        What nobody answers in time is refused. Time only goes by while somebody is there.
        """
        asked = _Question(question, self.answer_within_s)
        async with anyio.create_task_group() as asked.tasks:
            self._questions.append(asked)
            try:
                for watcher in self._watchers:
                    asked.put_to(watcher)
                with asked.patience:
                    await asked.settled.wait()
            finally:
                self._questions.remove(asked)
                asked.tasks.cancel_scope.cancel()
        if asked.error:
            raise asked.error
        if not asked.settled.is_set():
            return Answer(None, _nobody_answered(self.answer_within_s or 0))
        return asked.answer

    # workspace.documents.EditorFiles ----------------------------------------------------

    @property
    def reads(self) -> bool:
        return any(watcher.reads for watcher in self._watchers)

    @property
    def writes(self) -> bool:
        return any(watcher.writes for watcher in self._watchers)

    async def read_text(self, path: str) -> str:
        for watcher in self._by_preference():
            if watcher.reads:
                return await watcher.read_text(path)
        raise ConnectionClosed(f"{path} was not read: the editor is gone")

    async def write_text(self, path: str, text: str) -> None:
        for watcher in self._by_preference():
            if watcher.writes:
                return await watcher.write_text(path, text)
        raise ConnectionClosed(f"{path} was not written: the editor is gone")

    # workspace.terminals.Terminals and tools.question.Forms -------------------------------

    @property
    def runs_terminals(self) -> bool:
        return any(watcher.runs_terminals for watcher in self._watchers)

    @property
    def shows_terminals(self) -> bool:
        return any(watcher.shows_terminals for watcher in self._watchers)

    async def create_terminal(self, call_id: str, program: Program) -> Terminal:
        for watcher in self._by_preference():
            if watcher.runs_terminals:
                return await watcher.create_terminal(call_id, program)
        raise PeerError("no editor runs terminals any more", METHOD_NOT_FOUND)

    @property
    def shows_forms(self) -> bool:
        return any(watcher.shows_forms for watcher in self._watchers)

    async def elicit_form(
        self, message: str, schema: dict[str, object], call_id: str | None = None
    ) -> tuple[str, dict[str, object]]:
        for watcher in self._by_preference():
            if watcher.shows_forms:
                return await watcher.elicit_form(message, schema, call_id)
        raise ConnectionClosed("nobody is there to be asked")

    def _by_preference(self) -> Iterator[Watcher]:
        if self.asking in self._watchers:
            yield self.asking
        yield from (watcher for watcher in tuple(self._watchers) if watcher is not self.asking)


class _Question:
    """One question, put to everybody who watches."""

    tasks: TaskGroup

    def __init__(self, question: GateQuestion, answer_within_s: float | None) -> None:
        self.settled = anyio.Event()
        self.answer = Answer(None)
        self.error: PeerError | None = None
        self.patience = anyio.CancelScope()
        """Ends when somebody has had the question for as long as they may take."""
        self._answer_within_s = answer_within_s
        self._question = question
        self._asked = 0
        self._scopes: dict[Watcher, anyio.CancelScope] = {}

    def put_to(self, watcher: Watcher) -> None:
        self._asked += 1
        if self._answer_within_s is not None:
            self.patience.deadline = anyio.current_time() + self._answer_within_s
        self._scopes[watcher] = anyio.CancelScope()
        self.tasks.start_soon(self._ask, watcher, self._scopes[watcher])

    def withdraw(self, watcher: Watcher) -> None:
        """It watches no more: its person is not to answer something that is asked again."""
        if scope := self._scopes.pop(watcher, None):
            scope.cancel()
        if not self._scopes:
            self.patience.deadline = math.inf

    async def _ask(self, watcher: Watcher, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                question = self._question
                chosen = await watcher.request_permission(
                    question.call.call_id, question.options, question.explanation
                )
                if not self.settled.is_set():
                    self.answer = Answer(*chosen)
            if scope.cancelled_caught:
                self._asked -= 1
                return
        except ConnectionClosed:
            self._asked -= 1  # somebody else may come
            return
        except PeerError as error:
            self._asked -= 1
            if self._asked:
                return  # another editor may yet answer
            self.error = error
        self.settled.set()


def _nobody_answered(within_s: float) -> str:
    minutes = round(within_s / 60)
    time = f"{minutes} minute{'s' * (minutes != 1)}" if within_s >= 60 else f"{within_s:g} seconds"
    return f"nobody answered in {time}"
