"""What can be typed at the prompt besides prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.acp.params import as_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from acp_agent.cli.client.agent import Agent
    from acp_agent.cli.client.screen import Screen

HELP = """\
Everything you type is a prompt, but for these:
  /help           this text
  /mode [ID]      show the modes, or choose one
  /model [VALUE]  show the models, or choose one
  /cancel         cancel the turn that runs; Ctrl-C does the same
  /quit           leave; so do Ctrl-D, and Ctrl-C twice"""


class Commands:
    def __init__(self, agent: Agent, screen: Screen) -> None:
        self._agent = agent
        self._screen = screen
        self._known: dict[str, Callable[[str], Awaitable[None]]] = {
            "/help": self._help,
            "/mode": self._mode,
            "/model": self._model,
            "/cancel": self._cancel,
        }

    def knows(self, text: str) -> bool:
        """Whether `text` is a command of ours; those of the agent are prompts."""
        return text.split(maxsplit=1)[0] in self._known

    async def run(self, text: str) -> None:
        """Raises Trouble or NoSuchSetting."""
        word, _, rest = text.partition(" ")
        await self._known[word](rest.strip())

    async def _help(self, _: str) -> None:
        self._screen.line(HELP)
        for command in self._agent.settings.commands:
            name, description = as_text(command.get("name")), as_text(command.get("description"))
            if f"/{name}" not in self._known:
                self._screen.line(f"  /{name or '':14} {description or ''}".rstrip())

    async def _mode(self, wanted: str) -> None:
        if wanted:
            await self._agent.set_mode(wanted)
        self._show("mode", chosen=bool(wanted))

    async def _model(self, wanted: str) -> None:
        if wanted:
            await self._agent.set_model(wanted)
        self._show("model", chosen=bool(wanted))

    async def _cancel(self, _: str) -> None:
        self._screen.line("Nothing runs.", "dim")

    def _show(self, category: str, *, chosen: bool) -> None:
        settings = self._agent.settings
        if chosen:
            self._screen.line(f"{category} {settings.current(category)}", "dim")
            return
        choices = settings.choices(category)
        if not choices:
            self._screen.line(f"The agent has no {category} to choose.", "dim")
        for choice in choices:
            mark = self._screen.marks.call if choice.current else " "
            self._screen.line(f"{mark} {choice.value}", "bold" if choice.current else "plain")
            if choice.description:
                self._screen.line(f"    {choice.description}", "dim")
