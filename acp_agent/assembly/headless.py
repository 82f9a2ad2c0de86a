"""One prompt with nobody watching but a printer."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Protocol

import anyio

from acp_agent import logs
from acp_agent.acp.ports import Opening
from acp_agent.assembly.agent import Agent
from acp_agent.config import paths
from acp_agent.content import Text
from acp_agent.errors import AgentError

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.config.load import Overrides
    from acp_agent.events import Event, StopReason
    from acp_agent.models.answers import Answers


class Printer(Protocol):
    """Prints a headless turn. A listener that raises OSError when nobody reads any more."""

    def __call__(self, event: Event, /) -> None: ...


def run_headless(
    prompt: str, cwd: Path, printer: Printer, overrides: Overrides, answers: Answers | None = None
) -> StopReason:
    """Runs one prompt with nobody to ask. SIGTERM cancels it.

    `answers` are taken from earlier runs, and kept for later ones. Raises AgentError when the turn failed,
    and what `printer` raised, having cancelled the turn.
    """
    logs.configure(paths.state_dir(os.environ), os.environ)
    return anyio.run(_run_headless, prompt, cwd, printer, overrides, answers)


async def _run_headless(
    prompt: str, cwd: Path, printer: Printer, overrides: Overrides, answers: Answers | None
) -> StopReason:
    broken: list[OSError] = []

    def listen(event: Event) -> None:
        try:
            if not broken:
                printer(event)
        except OSError as error:
            broken.append(error)
            session.cancel()

    outcome: StopReason | AgentError
    async with Agent(os.environ, overrides, answers=answers) as agent:
        try:
            session = await agent.new_session(Opening(str(cwd)), listen)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, session.cancel)
            outcome = await session.submit((Text(prompt),)).outcome()
        except AgentError as error:
            outcome = error  # raised below, outside of the agent's task group
    if broken:
        raise broken[0]
    if isinstance(outcome, AgentError):
        raise outcome
    return outcome
