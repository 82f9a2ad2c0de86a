"""Commands that run in a terminal of the editor's."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import anyio

from acp_agent.errors import PeerError, ToolError
from acp_agent.redaction.redactor import NO_VALUES, Redactor
from acp_agent.workspace.confining import Confining, unconfined
from acp_agent.workspace.environment import NOTHING_MORE, Passing, overridden

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

OUTPUT_LIMIT_BYTES = 256 << 10
OUTPUT_LIMIT_S = 20.0
"""Some clients never answer what they do not know."""
METHOD_NOT_FOUND = -32601
_REFUSAL = re.compile(r"permission|denied|reject|refuse|declin|not allowed|forbid", re.IGNORECASE)

Choice = Literal["auto", "editor", "agent"]


class Program(NamedTuple):
    """What a terminal is to run."""

    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    """Added to what the editor gives its terminals."""
    cwd: str
    output_limit_bytes: int = OUTPUT_LIMIT_BYTES


class Terminal(Protocol):
    """One terminal of the editor's, which runs one program."""

    async def wait(self) -> tuple[int | None, str | None]:
        """Waits for the end without a limit: exit code and signal, as far as known. Raises PeerError."""
        ...

    async def output(self, limit_s: float) -> tuple[str, bool]:
        """The output so far, and whether its beginning is missing. Raises PeerError."""
        ...

    async def kill(self) -> None:
        """Ends the program, if the editor can. Bounded; never raises; asks before it first waits."""
        ...

    async def release(self) -> None:
        """Ends what still runs and gives the terminal back. Bounded; never raises."""
        ...


class Terminals(Protocol):
    """An editor, as commands see it."""

    @property
    def runs_terminals(self) -> bool:
        """Whether it runs commands in terminals of its own."""
        ...

    @property
    def shows_terminals(self) -> bool:
        """Whether it shows the output of commands that we run as a terminal."""
        ...

    async def create_terminal(self, call_id: str, program: Program) -> Terminal:
        """Runs a program in a new terminal, which the tool call shows; it has to be released.

        Raises PeerError; one with code 0 leaves open whether the program runs.
        """
        ...


class Consoles(NamedTuple):
    """Where a session's commands run, and where output goes that is too long to be shown."""

    choice: Choice = "auto"
    terminals: Terminals | None = None
    outputs: Path | None = None
    passing: Passing = NOTHING_MORE
    """What commands are given of the environment."""
    redactor: Redactor = NO_VALUES
    """For what they write."""
    confining: Confining = unconfined()

    @property
    def chosen(self) -> Terminals | None:
        """The editor, if the next command is to run in a terminal of its.

        One that shows our output as a terminal loses nothing when we run the command ourselves, and we
        can bound it, end all it started, and keep all it writes.
        """
        editor = self.terminals
        if not self.confining.unconfined:
            return None  # we could not confine what the editor starts
        if editor is None or not editor.runs_terminals or self.choice == "agent":
            return None
        return editor if self.choice == "editor" or not editor.shows_terminals else None


class TerminalRun(NamedTuple):
    """How a command in a terminal ended. All that is unknown is None."""

    code: int | None
    signal: str | None
    timed_out: bool
    output: str
    """Readable; its end, when there was too much."""
    truncated: bool
    trouble: str = ""
    """What the editor said when it could not tell how the command ended, or what it wrote."""


async def run_in_terminal(
    editor: Terminals,
    call_id: str,
    command: str,
    cwd: Path,
    timeout_s: float,
    passing: Passing = NOTHING_MORE,
) -> TerminalRun | None:
    """Runs a command for the shell to its end; None when the editor cannot run it, and has not.

    The terminal is released, and the command ended with it, whatever happens. Raises ToolError when
    the editor refused, or when it is open whether the command has run.
    """
    from acp_agent.workspace.output import readable
    from acp_agent.workspace.processes import shell

    program = Program(
        shell(), ("-c", command), overridden(os.environ, passing.for_command(command)), str(cwd)
    )
    try:
        terminal = await editor.create_terminal(call_id, program)
    except PeerError as error:
        return _not_begun(error)
    over = False
    try:
        code, signal, trouble = None, None, ""
        with anyio.move_on_after(timeout_s) as time:
            try:
                code, signal = await terminal.wait()
                over = True
            except PeerError as error:
                trouble = str(error)
        if not over:
            over = True
            await terminal.kill()
        output, truncated = "", False
        try:
            output, truncated = await terminal.output(OUTPUT_LIMIT_S)
        except PeerError as error:
            trouble = trouble or str(error)
        end = output[-OUTPUT_LIMIT_BYTES:]  # whatever the editor makes of the limit
        truncated = truncated or len(end) < len(output)
        return TerminalRun(code, signal, time.cancelled_caught, readable(end), truncated, trouble)
    finally:
        with anyio.CancelScope(shield=True):  # both are bounded
            if not over:
                await terminal.kill()
            await terminal.release()


def _not_begun(error: PeerError) -> None:
    """Raises ToolError unless it is certain that nothing runs and nobody has said no."""
    if not error.peer_code:
        raise ToolError(
            f"The editor did not say whether it runs the command ({error}), so it was not run here either. "
            "Find out whether it had an effect before trying again; the user can set terminal to agent."
        ) from error
    if error.peer_code != METHOD_NOT_FOUND and _REFUSAL.search(str(error)):
        raise ToolError(
            f"The editor refused to run the command: {error}. Go on without it, or ask the user."
        ) from error
    log.info("no terminal, so the command runs without one: %s", error)
