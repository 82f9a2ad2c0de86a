"""Where the rooms and the adapters are put together; nobody but the command line imports it.

Adapters are named by dotted name and imported at first use. Third parties add theirs through
the entry-point group `acp_agent.adapters`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import anyio
import anyio.to_thread

from acp_agent import logs
from acp_agent.config import paths
from acp_agent.config.load import Overrides, load, require
from acp_agent.content import Text
from acp_agent.context.instructions import Instructions
from acp_agent.context.prompt import SessionContext
from acp_agent.errors import AgentError, AuthRequired, InvalidParams
from acp_agent.events import Choice, NoticeRaised
from acp_agent.models.routes import WHAT_TO_SET, Route, provider_types, route, routes
from acp_agent.permission.claims import Claim
from acp_agent.permission.gate import Gate, Unattended
from acp_agent.permission.rules import Rule
from acp_agent.session.asking import EditorAsker
from acp_agent.session.options import Options
from acp_agent.session.session import Parts, Session
from acp_agent.session.store import Store
from acp_agent.turn.feed import Feed, no_wait
from acp_agent.turn.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from acp_agent.acp.initialize import Client
    from acp_agent.acp.ports import NewSession
    from acp_agent.config.schema import Settings
    from acp_agent.events import Event, Listener, StopReason
    from acp_agent.models.stream import Model
    from acp_agent.permission.gate import Asker
    from acp_agent.rpc.framing import LineBuffer
    from acp_agent.tools.question import Forms
    from acp_agent.tools.registry import Toolset
    from acp_agent.transport.descriptors import Descriptors
    from acp_agent.turn.feed import Drain
    from acp_agent.workspace.documents import EditorFiles
    from acp_agent.workspace.terminals import Terminals

log = logging.getLogger(__name__)

ADAPTERS = {
    "model.openai": "acp_adapters.providers.openai_chat:connect",
    "models.ollama": "acp_adapters.providers.ollama:installed",
    "shell.bash": "acp_adapters.syntax.bash:parse",
}
ENTRY_POINTS = "acp_agent.adapters"


def adapter(name: str) -> Callable[..., Any]:
    """The adapter of that name: one of ours, or one that an installed package registers."""
    if dotted := ADAPTERS.get(name):
        module, _, attribute = dotted.partition(":")
        return getattr(importlib.import_module(module), attribute)
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS, name=name):
        return entry.load()
    raise AuthRequired(f"There is no adapter {name!r}: install the package that brings it.")


class Surroundings(NamedTuple):
    """What a session is told of beside its settings: who watches, who is asked, who serves what."""

    asker: Asker
    files: EditorFiles | None
    listeners: tuple[Listener, ...]
    drain: Drain
    terminals: Terminals | None = None
    forms: Forms | None = None


class Agent:
    """acp.ports.Agent: makes sessions out of settings, models, tools and permissions."""

    def __init__(self, env: Mapping[str, str], overrides: Overrides) -> None:
        self._env = env
        self._overrides = overrides
        self._store = Store(paths.data_dir(env))
        self._to_warm: tuple[Route, Gate, Claim] | None = None
        self._first_session = anyio.Event()

    async def check_access(self) -> None:
        await self._routes(self._settings(Path.cwd()))

    async def new_session(self, request: NewSession) -> Session:
        def surroundings(session_id: str) -> Surroundings:
            editor = request.editor(session_id)
            return Surroundings(EditorAsker(editor), editor, (editor,), editor.drain, editor, editor)

        return await self.open_session(Path(request.cwd), surroundings)

    async def open_session(self, cwd: Path, surroundings: Callable[[str], Surroundings]) -> Session:
        """A session in `cwd`; `surroundings` gets its id. Raises what `acp.ports.Agent.new_session` does."""
        settings = self._settings(cwd)
        found = await self._routes(settings)
        session_id, journal = self._store.create(str(cwd))
        around = surroundings(session_id)
        history = History()
        feed = Feed((journal, history, *around.listeners), around.drain)
        journal.on_trouble = lambda what: feed.emit(NoticeRaised("warning", what))
        gate = Gate(_rules(settings), settings.permission.mode, around.asker, roots=(cwd,))
        instructions = Instructions(
            paths.config_dir(self._env) if settings.context_files else None, cwd, paths.home_dir(self._env)
        )
        parts = Parts(
            journal=journal,
            feed=feed,
            history=history,
            options=_options(gate, found),
            gate=gate,
            toolset=_toolset(cwd, settings, around, paths.data_dir(self._env) / "outputs" / session_id),
            context=SessionContext(cwd, instructions),
            max_requests=settings.max_agent_turns,
        )
        self._to_warm = (found[0], gate, Claim("read", str(cwd)))
        self._first_session.set()
        return Session(session_id, str(cwd), parts)

    async def warm_up(self) -> None:
        """Once there is a session, loads what its first prompt will need, in a thread."""
        await self._first_session.wait()
        if self._to_warm:
            await anyio.to_thread.run_sync(_load, *self._to_warm, abandon_on_cancel=True)

    def _settings(self, cwd: Path) -> Settings:
        if not os.path.isdir(cwd):  # of a path that cannot be one it says False
            raise InvalidParams(f"The working directory {str(cwd)!r} is not there.", data={"param": "cwd"})
        return require(load(cwd, self._env, self._overrides))

    async def _routes(self, settings: Settings) -> Sequence[Route]:
        if found := routes(settings, self._env):
            return found
        base_url = provider_types()["ollama"].base_url
        installed: Sequence[str] = await adapter("models.ollama")(base_url)
        if not installed:
            raise AuthRequired(WHAT_TO_SET)
        return [route("ollama", settings, self._env, model) for model in installed]


def connect(found: Route) -> Model:
    """The model at the end of a route. Raises ScriptError for a scripted model's file that is no good."""
    if found.provider.protocol == "scripted":
        from acp_agent.models.scripted import load as load_script

        return load_script(Path(found.script or ""), found.name)
    return adapter(f"model.{found.provider.protocol}")(found)


def _load(found: Route, gate: Gate, claim: Claim) -> None:
    """Imports and reads what the first prompt needs."""
    try:
        connect(found)
        gate.check((claim,))
    except Exception as error:  # only done to be quick; the prompt itself will say what is wrong
        log.info("not loaded ahead: %s", error)


def _options(gate: Gate, found: Sequence[Route]) -> Options:
    by_name = {each.name: each for each in found}
    choices = [Choice(each.name, each.model, each.alias) for each in by_name.values()]
    return Options(gate, choices, found[0].name, lambda name: connect(by_name[name]))


def _rules(settings: Settings) -> list[Rule]:
    return [
        Rule(rule.operation, rule.pattern, rule.action, only_tightens=rule.only_tightens)
        for rule in settings.permission.rules
    ]


def _toolset(cwd: Path, settings: Settings, around: Surroundings, outputs: Path) -> Toolset:
    """`outputs` is the folder for output that is too long to be shown."""
    from acp_agent.tools.registry import Desk, Limits, Toolset, builtin
    from acp_agent.workspace.terminals import Consoles
    from acp_agent.workspace.workspace import open_workspace

    def analyse(command: str, folder: Path) -> tuple[Claim, ...]:
        from acp_agent.permission.shell import analyse as analyse_shell

        return analyse_shell(command, folder, (cwd,), adapter("shell.bash"))

    limits = Limits(settings.timeouts.bash_secs, settings.timeouts.bash_max_secs)
    desk = Desk(Consoles(settings.terminal, around.terminals, outputs), around.forms)
    workspace = open_workspace(cwd, editor=around.files)
    return Toolset(builtin(workspace, analyse, limits, desk=desk))


def serve_stdio(
    descriptors: Descriptors, buffer: LineBuffer, client: Client, first: list[bytes], overrides: Overrides
) -> None:
    """Serves the client that has shaken hands, until it is gone or a signal ends us."""
    logs.configure(paths.state_dir(os.environ), os.environ)
    anyio.run(_serve_stdio, descriptors, buffer, client, first, overrides)


async def _serve_stdio(
    descriptors: Descriptors, buffer: LineBuffer, client: Client, first: list[bytes], overrides: Overrides
) -> None:
    from acp_agent.acp.connection import Connection
    from acp_agent.transport.stdio import StdioChannel

    agent = Agent(os.environ, overrides)
    async with StdioChannel(descriptors, buffer) as channel:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, channel.end)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agent.warm_up)
            await Connection(agent, client, channel).serve(first)
            tasks.cancel_scope.cancel()


class Printer(Protocol):
    """Prints a headless turn. A listener that raises OSError when nobody reads any more."""

    def __call__(self, event: Event, /) -> None: ...


def run_headless(prompt: str, cwd: Path, printer: Printer, overrides: Overrides) -> StopReason:
    """Runs one prompt with nobody to ask. SIGTERM cancels it.

    Raises AgentError when the turn failed, and what `printer` raised, having cancelled the turn.
    """
    logs.configure(paths.state_dir(os.environ), os.environ)
    return anyio.run(_run_headless, prompt, cwd, printer, overrides)


async def _run_headless(prompt: str, cwd: Path, printer: Printer, overrides: Overrides) -> StopReason:
    broken: list[OSError] = []

    def listen(event: Event) -> None:
        try:
            if not broken:
                printer(event)
        except OSError as error:
            broken.append(error)
            session.cancel()

    around = Surroundings(Unattended(), None, (listen,), no_wait)
    session = await Agent(os.environ, overrides).open_session(cwd, lambda _: around)
    running = session.submit((Text(prompt),))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, session.cancel)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        with contextlib.suppress(AgentError):  # it is raised below, outside of the group
            await running.outcome()
        await session.close()
    if broken:
        raise broken[0]
    return await running.outcome()
