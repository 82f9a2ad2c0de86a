"""A conversation: starts the agent, takes the person's lines in turn, and ends in every case."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_agent.cli.client.agent import Agent, Trouble
from acp_agent.cli.client.commands import Commands
from acp_agent.cli.client.permission import Questions
from acp_agent.cli.client.settings import NoSuchSetting
from acp_agent.cli.client.view import View
from acp_agent.transport.child import open_child

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from acp_agent.cli.client.lines import Line, Lines
    from acp_agent.cli.client.permission import Policy
    from acp_agent.cli.client.screen import Screen
    from acp_agent.rpc.peer import Channel
    from acp_agent.transport.child import Child, Program

TWICE_S = 2.0
"""Two Ctrl-C within this time leave."""
CANCEL, QUIT = "/cancel", "/quit"


@dataclass(slots=True)
class Plan:
    """How to hold a conversation in a folder. `why` explains the answers that `permit` gives.

    `advice` is for when the agent has come to an untimely end. `resume` is the session to go on
    with, which others may have open too, instead of a new one.
    """

    cwd: Path
    permit: Policy
    mode: str | None = None
    model: str | None = None
    why: str = ""
    advice: str = "`acp-agent doctor` checks what it needs."
    resume: str = ""


class FarEnd(NamedTuple):
    """The agent, however it is reached."""

    channel: Channel
    fate: Callable[[], Awaitable[str]]
    """How it has ended, as a person would say it."""


class Surface(NamedTuple):
    """What the person sees, and what comes from the person."""

    screen: Screen
    lines: Lines


async def talk(
    program: Program, plan: Plan, surface: Surface, what: Callable[[Talk], Awaitable[None]]
) -> int:
    """Starts the agent, does `what` and ends the agent.

    Returns the exit status: 0 unless the last turn failed, or there could be none.
    """
    screen = surface.screen
    try:
        async with open_child(program) as child:
            return await Talk(plan, FarEnd(child, partial(_fate, child)), surface).hold(what)
    except OSError as error:
        command = program.command[0]
        screen.line(f"{command} cannot be started: {error.strerror or error}.", "red")
        screen.line("Check --agent and --cwd.")
        return 1


async def _fate(child: Child) -> str:
    """How a program ended, with what it said last."""
    status = await child.status()
    if status is None:
        how = "has closed its output and is still running"
    elif status < 0:
        how = f"was ended by {signal.Signals(-status).name}"
    else:
        how = f"has ended with exit status {status}"
    complaints = "".join(f"\n{line}" for line in child.complaints)
    return f"The agent {how}.{complaints}"


class Talk:
    """One conversation."""

    def __init__(self, plan: Plan, end: FarEnd, surface: Surface) -> None:
        screen, lines = surface
        self.view = View(screen, plan.cwd, prompts=bool(plan.resume))
        self.status = 0
        self._plan = plan
        self._end = end
        self._screen = screen
        self._lines = lines
        self._questions = Questions(self.view, screen, lines, plan.permit, why=plan.why)
        self.agent = Agent(end.channel, plan.cwd, self.view, self._questions)
        self._commands = Commands(self.agent, screen)
        self._scope = anyio.CancelScope()
        self._interrupted_at = -TWICE_S

    async def hold(self, what: Callable[[Talk], Awaitable[None]]) -> int:
        """Opens the session and does `what`, until it is done or the person leaves."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.agent.serve)
            tasks.start_soon(self._watch_signals)
            with self._scope:
                if await self._succeeds(self._open):
                    await what(self)
                else:
                    self.status = 1
            tasks.cancel_scope.cancel()
        self._screen.end_line()
        return self.status

    async def _open(self) -> None:
        introduction = await self.agent.introduce()
        await self.agent.open_session(self._plan.resume)
        if self._plan.mode:
            await self.agent.set_mode(self._plan.mode)
        if self._plan.model:
            await self.agent.set_model(self._plan.model)
        settings = self.agent.settings
        facts = (settings.current("model"), settings.current("mode"), str(self._plan.cwd))
        name = f"{introduction.name} {introduction.version}".strip()
        self._screen.line(" · ".join([name, *(fact for fact in facts if fact)]), "dim")

    async def converse(self) -> None:
        """Takes line after line, until there are no more or the agent has gone."""
        if self._lines.terminal:
            self._screen.line("/help says what can be typed. Ctrl-D leaves.", "dim")
        while not self._screen.gone and not self.agent.gone.is_set():
            text = await self._next_line()
            if text is None or text == QUIT:
                break
            if self._commands.knows(text):
                await self._succeeds(partial(self._commands.run, text))
            else:
                await self.turn(text)

    async def turn(self, text: str) -> None:
        """One prompt, to its end."""
        self.view.begin_turn()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_lines)
            self.status = 0 if await self._succeeds(partial(self._prompt, text)) else 1
            tasks.cancel_scope.cancel()

    async def _prompt(self, text: str) -> None:
        self.view.end_turn(await self.agent.prompt(text))

    async def _next_line(self) -> str | None:
        """The next line, or None; the agent's end is told at once."""
        text: str | None = None
        if self._lines.terminal:
            self._mark_prompt()
        async with anyio.create_task_group() as tasks:

            async def watch_agent() -> None:
                await self.agent.gone.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch_agent)
            text = await self._lines.take(self._is_prompt)
            tasks.cancel_scope.cancel()
        if text is not None:
            if not self._lines.terminal:
                self._mark_prompt()
            self._screen.entered(text, by_terminal=self._lines.terminal)
        elif self.agent.gone.is_set():
            self.status = 1
            await self._tell_of_the_end()
        return text

    def _is_prompt(self, line: Line) -> bool:
        """In a session that others use too, a person may be asked while no turn of theirs runs."""
        return not self._questions.pending or line.text.startswith("/")

    def _mark_prompt(self) -> None:
        self._screen.end_line()
        self._screen.line()
        self._screen.write("> ", "bold")

    async def _succeeds(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Does `work`; trouble is told."""
        try:
            await work()
        except NoSuchSetting as error:
            self.view.problem(str(error))
        except Trouble as error:
            if self.agent.gone.is_set():
                await self._tell_of_the_end()
            else:
                self.view.problem(str(error), error.hint)
        else:
            return True
        return False

    async def _tell_of_the_end(self) -> None:
        self.view.problem(await self._end.fate(), self._plan.advice)

    # While a turn runs -------------------------------------------------------------------

    async def _watch_lines(self) -> None:
        """Obeys what must not wait for the turn's end; everything else stays in the queue."""

        def urgent(line: Line) -> bool:
            return line.text in (CANCEL, QUIT)

        while (text := await self._lines.take(urgent, anywhere=self._lines.terminal)) is not None:
            if text == QUIT:
                self._scope.cancel()
            self.agent.cancel()

    async def _watch_signals(self) -> None:
        """Ctrl-C once cancels the turn, twice leaves; SIGTERM leaves."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for number in received:
                now = anyio.current_time()
                twice = now - self._interrupted_at < TWICE_S
                if number == signal.SIGTERM or twice or (self.agent.busy and self.agent.cancelled):
                    self._leave(128 + number if self.agent.busy else 0)
                    continue
                self._interrupted_at = now
                if self.agent.busy:
                    self.agent.cancel()
                else:
                    self.view.remark("Ctrl-C again or Ctrl-D leaves.")

    def _leave(self, status: int) -> None:
        self.status = status or self.status
        self._scope.cancel()
