"""Running commands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from acp_agent.errors import ToolError
from acp_agent.events import ShownText
from acp_agent.models.messages import ToolSpec
from acp_agent.tools.base import ToolResult
from acp_agent.tools.parameters import Param, Parameters
from acp_agent.tools.shortening import fenced, one_line, relayed, without_middle

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.events import Location, Shown, ToolKind
    from acp_agent.permission.claims import Claim
    from acp_agent.tools.base import Call, Progress, Tool
    from acp_agent.workspace.processes import CommandSpec, Exit

LIVE_CHARACTERS = 32 << 10
"""Of the end of the output while it comes."""
SHOWN_CHARACTERS = 128 << 10
"""Of the whole output when it is there."""
LEFT_BEHIND = "Processes it had left in the background were ended."

PARAMETERS = Parameters(Param("command"), Param("timeout", "number", "Seconds", optional=True, minimum=1))
DESCRIPTION = (
    "Run a shell command in the working directory. It has no input and no terminal, and what it "
    "leaves in the background is ended."
)


class Analyse(Protocol):
    """What a command would do, as claims."""

    def __call__(self, command: str, cwd: Path, /) -> tuple[Claim, ...]: ...


class BashTool:
    kind: ToolKind = "execute"
    reads_only = False
    spec = ToolSpec("bash", DESCRIPTION, PARAMETERS.schema())

    def __init__(self, cwd: Path, analyse: Analyse, timeout_s: float, max_timeout_s: float) -> None:
        self._cwd = cwd
        self._analyse = analyse
        self._timeout_s = timeout_s
        self._max_timeout_s = max_timeout_s

    def bind(self, arguments: dict[str, object]) -> Call:
        given = PARAMETERS.check("bash", arguments)
        command = given.text("command")
        if not command.strip():
            raise ToolError("command is empty. Send a shell command.")
        from acp_agent.workspace.processes import CommandSpec

        if "\0" in command:
            raise ToolError("command holds a NUL character, which no shell command can. Send it without.")
        timeout_s = min(given.number("timeout", self._timeout_s), self._max_timeout_s)
        return BashCall(CommandSpec(command, self._cwd, timeout_s), command, self._analyse)


class BashCall:
    def __init__(self, spec: CommandSpec, command: str, analyse: Analyse) -> None:
        self._spec = spec
        self._command = command
        self._analyse = analyse
        self._tail = ""

    @property
    def title(self) -> str:
        return f"Run `{one_line(self._command)}`"

    @property
    def locations(self) -> tuple[Location, ...]:
        return ()

    def claims(self) -> tuple[Claim, ...]:
        return self._analyse(self._command, self._spec.cwd)

    async def preview(self) -> tuple[Shown, ...]:
        return (self._shown(""),)

    async def run(self, progress: Progress) -> ToolResult:
        from acp_agent.workspace.output import overwrite
        from acp_agent.workspace.processes import run

        def take(text: str) -> None:
            self._tail = (self._tail + text)[-LIVE_CHARACTERS:]
            progress.show((self._shown(overwrite(self._tail)),))

        start = time.monotonic()
        done = await run(self._spec, take)
        state = self._state(done)
        output = done.output.rstrip("\n")
        return ToolResult(
            f"{relayed(output)}\n{state}" if output else state,
            shown=(self._shown(without_middle(output, SHOWN_CHARACTERS), state),),
            record={
                "command": self._command,
                "output": done.output,
                "exit_code": done.code,
                "signal": done.signal,
                "timed_out": done.timed_out,
                "seconds": round(time.monotonic() - start, 3),
            },
            failed=done.code != 0 or done.timed_out,
        )

    def _state(self, done: Exit) -> str:
        """How it ended, for everybody."""
        if done.timed_out:
            return f"timed out after {self._spec.timeout_s:g} s, killed"
        state = f"exit code {done.code}" if done.signal is None else f"killed by {_name(done.signal)}"
        return f"{state}. {LEFT_BEHIND}" if done.left_behind else state

    def _shown(self, output: str, state: str = "") -> ShownText:
        console = fenced(f"$ {self._command}\n{output}", "console")
        return ShownText(f"{console}\n{state}" if state else console)


def _name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


if TYPE_CHECKING:

    def conforms(tool: BashTool, call: BashCall) -> tuple[Tool, Call]:
        return tool, call
