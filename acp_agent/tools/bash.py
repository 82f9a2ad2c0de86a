"""Running commands."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio

from acp_agent.errors import ToolError
from acp_agent.events import ShownCommand
from acp_agent.models.messages import ToolSpec
from acp_agent.tools.base import ToolResult
from acp_agent.tools.confined import NEEDS, SWITCHED_OFF, about, hint, needs
from acp_agent.tools.parameters import Param, Parameters
from acp_agent.tools.shortening import one_line, relayed, without_middle

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.events import Location, Shown, ToolKind
    from acp_agent.permission.claims import Claim
    from acp_agent.tools.base import Call, CommandTool, Progress, Tool
    from acp_agent.tools.reviewing import Reviewing
    from acp_agent.workspace.output import Whole
    from acp_agent.workspace.processes import CommandSpec, Exit
    from acp_agent.workspace.sandbox import Confined
    from acp_agent.workspace.terminals import Consoles, TerminalRun

log = logging.getLogger(__name__)

SHOWN_CHARACTERS = 120 << 10
"""Of the whole output when it is there; what is longer is kept in a file."""
LEFT_BEHIND = "Processes it had left in the background were ended."
ONLY_THE_END = "The editor kept only the end of the output."

_PARAMS = (Param("command"), Param("timeout", "number", "Seconds", optional=True, minimum=1))
PARAMETERS = Parameters(*_PARAMS)
DESCRIPTION = (
    "Run a shell command in the working directory. It has no input and no terminal, and what it "
    "leaves in the background is ended."
)
_SPEC = ToolSpec("bash", DESCRIPTION, PARAMETERS.schema())


class Analyse(Protocol):
    """What a command would do, as claims."""

    def __call__(self, command: str, cwd: Path, /) -> tuple[Claim, ...]: ...


class Times(NamedTuple):
    """In seconds."""

    usual_s: float
    """Unless the model asks for another time."""
    longest_s: float


class BashTool:
    kind: ToolKind = "execute"
    reads_only = False

    def __init__(
        self,
        cwd: Path,
        analyse: Analyse,
        times: Times,
        consoles: Consoles,
        reviewing: Reviewing | None = None,
    ) -> None:
        """With `reviewing`, what a command changes is shown."""
        self._cwd = cwd
        self._reviewing = reviewing
        self._analyse = analyse
        self._times = times
        self._consoles = consoles

    @property
    def spec(self) -> ToolSpec:
        confining = self._consoles.confining
        if not confining.name:
            return _SPEC
        told = DESCRIPTION + about(confining.name, network=not confining.containment().network)
        return ToolSpec("bash", told, self._parameters().schema())

    def _parameters(self) -> Parameters:
        confining = self._consoles.confining
        return Parameters(*_PARAMS, needs(confining.mode)) if confining.name else PARAMETERS

    @property
    def terminal_cwd(self) -> str | None:
        """Where the next command will run, unless it is in a terminal of the editor's."""
        return None if self._consoles.chosen else str(self._cwd)

    def bind(self, arguments: dict[str, object]) -> Call:
        given = self._parameters().check("bash", arguments)
        command = given.text("command")
        if not command.strip():
            raise ToolError("command is empty. Send a shell command.")
        from acp_agent.workspace.processes import CommandSpec

        if "\0" in command:
            raise ToolError("command holds a NUL character, which no shell command can. Send it without.")
        timeout_s = min(given.number("timeout", self._times.usual_s), self._times.longest_s)
        spec = CommandSpec(command, self._cwd, timeout_s, passing=self._consoles.passing)
        needed = NEEDS.get(given.text("needs"))
        return BashCall(spec, needed, self._analyse, self._consoles, self._reviewing)


class BashCall:
    def __init__(
        self,
        spec: CommandSpec,
        needed: Claim | None,
        analyse: Analyse,
        consoles: Consoles,
        reviewing: Reviewing | None = None,
    ) -> None:
        """`needed` is what the command says it cannot do without; it has to be allowed."""
        self._spec = spec
        self._command = str(spec.command)
        self._needed = needed
        self._analyse = analyse
        self._consoles = consoles
        self._reviewing = reviewing
        self._whole: Whole | None = None
        self._claims: tuple[Claim, ...] = ()
        self._walled = False

    @property
    def title(self) -> str:
        return f"Run `{one_line(self._command)}`"

    @property
    def locations(self) -> tuple[Location, ...]:
        return ()

    def claims(self) -> tuple[Claim, ...]:
        claims = self._analyse(self._command, self._spec.cwd)
        self._claims = (*claims, self._needed) if self._needed else claims
        self._walled = bool(self._consoles.confining.name)
        return self._claims

    async def preview(self) -> tuple[Shown, ...]:
        return (ShownCommand(self._command),)

    def so_far(self) -> ShownCommand:
        output = self._consoles.redactor(self._whole.text()) if self._whole else ""
        return ShownCommand(self._command, without_middle(output, SHOWN_CHARACTERS))

    async def run(self, progress: Progress) -> ToolResult:
        if self._reviewing:
            return await self._reviewing.around(self, self._run, progress)
        return await self._run(progress)

    async def _run(self, progress: Progress) -> ToolResult:
        start = time.monotonic()
        confining = self._consoles.confining
        if self._walled and not confining.name:
            raise ToolError(SWITCHED_OFF)  # nobody may have been asked, because of the walls
        confined = await confining.confined(self._claims)
        ran = await self._in_editor(progress.call_id) or await self._here(progress, confined)
        # Before it is shortened: what is left of a secret that was cut in two would not be known as one.
        ran = ran._replace(output=self._consoles.redactor(ran.output))
        output = ran.output.rstrip("\n")
        shown = ShownCommand(
            self._command,
            without_middle(output, SHOWN_CHARACTERS),
            ran.state,
            None if ran.timed_out else ran.code,
            ran.signal,
            ran.note,
            ran.full_output,
        )
        end = f"{ran.state}. {ran.note}" if ran.note else ran.state
        return ToolResult(
            f"{relayed(output)}\n{end}" if output else end,
            shown=(shown,),
            record={
                "command": self._command,
                "output": ran.output,
                "exit_code": ran.code,
                "signal": ran.signal,
                "timed_out": ran.timed_out,
                "seconds": round(time.monotonic() - start, 3),
            },
            failed=ran.code != 0 or ran.timed_out,
        )

    async def _in_editor(self, call_id: str) -> _Ran | None:
        """Runs it in a terminal of the editor's; None when it has not run."""
        from acp_agent.workspace.terminals import run_in_terminal

        editor = self._consoles.chosen
        if editor is None:
            return None
        spec = self._spec
        done = await run_in_terminal(editor, call_id, self._command, spec.cwd, spec.timeout_s, spec.passing)
        return self._of_terminal(done) if done else None

    async def _here(self, progress: Progress, confined: Confined | None) -> _Ran:
        from acp_agent.workspace.output import Whole
        from acp_agent.workspace.processes import run

        whole = self._whole = Whole()

        def take(text: str) -> None:
            whole.add(text)
            progress.output(text)

        progress.show((ShownCommand(self._command),))
        confining = self._consoles.confining
        limits = confining.limits_of(confined)
        mended = ""
        try:
            done = await run(self._spec._replace(limits=limits, sandbox=confined), take)
        finally:
            if confined:  # also after a command that was cancelled; a few looks at the disk
                with anyio.CancelScope(shield=True):
                    mended = await confining.mend(confined, self._claims)
        ran = self._of_process(done)
        if confined:
            advice = hint(done.output, confined, confining.mode) if done.code else ""
            ran = ran._replace(note=" ".join(filter(None, (ran.note, advice, mended))))
        return ran._replace(full_output=await self._keep(progress.call_id, whole))

    def _of_process(self, done: Exit) -> _Ran:
        signal = None if done.signal is None else _name(done.signal)
        ran = self._ran(_Ran(done.code, signal, done.timed_out, done.output))
        return ran._replace(note=LEFT_BEHIND) if done.left_behind and not done.timed_out else ran

    def _of_terminal(self, done: TerminalRun) -> _Ran:
        ran = self._ran(_Ran(done.code, done.signal, done.timed_out, done.output))
        notes = [ONLY_THE_END] if done.truncated else []
        if done.trouble:
            notes.append(f"The editor: {done.trouble}")
        return ran._replace(note=" ".join(notes))

    def _ran(self, ran: _Ran) -> _Ran:
        """With how it ended, for everybody."""
        if ran.timed_out:
            return ran._replace(state=f"timed out after {self._spec.timeout_s:g} s, killed")
        if ran.signal is not None:
            return ran._replace(state=f"killed by {ran.signal}")
        return ran._replace(state="ended, exit code unknown" if ran.code is None else f"exit code {ran.code}")

    async def _keep(self, call_id: str, whole: Whole) -> str:
        """Writes output that is too long to be shown to a file; where that is."""
        import anyio.to_thread

        if whole.characters <= SHOWN_CHARACTERS or self._consoles.outputs is None:
            return ""
        path = self._consoles.outputs / f"{call_id}.txt"
        try:
            await anyio.to_thread.run_sync(whole.save, path, self._consoles.redactor)
        except ToolError as error:
            log.warning("%s", error)
            return ""
        return str(path)


class _Ran(NamedTuple):
    """A command that has run, wherever."""

    code: int | None
    signal: str | None
    timed_out: bool
    output: str
    state: str = ""
    note: str = ""
    full_output: str = ""


def _name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


if TYPE_CHECKING:

    def conforms(tool: BashTool, call: BashCall) -> tuple[Tool, CommandTool, Call]:
        return tool, tool, call
