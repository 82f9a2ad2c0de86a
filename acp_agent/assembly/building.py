"""One session, built out of settings, models, tools and permissions."""

from __future__ import annotations

import shutil
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from anyio import from_thread

from acp_agent import logs
from acp_agent.assembly import secrets
from acp_agent.assembly.adapters import adapter, syntax
from acp_agent.assembly.deciding import Footing, confining_of, gate_of, tools_of
from acp_agent.assembly.servers import connected_servers
from acp_agent.config import paths
from acp_agent.context.instructions import Instructions
from acp_agent.context.mentioned import Mentioned
from acp_agent.context.prompt import SessionContext
from acp_agent.context.prompts import Preparation
from acp_agent.events import NoticeRaised, OptionsChanged, TitleChanged
from acp_agent.extend.commands.registry import Registry
from acp_agent.models.passing import passing
from acp_agent.permission.gate import Unattended
from acp_agent.redaction.events import Screen, kept
from acp_agent.session.local import CommandParts
from acp_agent.session.options import DEFAULT_LEVEL, Defaults, Options
from acp_agent.session.parts import Consulting, Parts
from acp_agent.session.restore import last_id, loose_ends
from acp_agent.session.session import Before, Past, Session
from acp_agent.session.spent import Recorder, calls_of
from acp_agent.session.store import is_id
from acp_agent.tools.question import Questions
from acp_agent.tools.registry import Toolset
from acp_agent.tools.reviewing import Reviewing
from acp_agent.turn.allowance import Allowance
from acp_agent.turn.budget import limits_of
from acp_agent.turn.feed import Feed
from acp_agent.turn.history import History
from acp_agent.turn.ledger import Ledger
from acp_agent.turn.parking import left_parked, when
from acp_agent.workspace.changes import Changes
from acp_agent.workspace.programs import which
from acp_agent.workspace.snapshots import Snapshots, snapshots_file
from acp_agent.workspace.terminals import Consoles
from acp_agent.workspace.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from acp_agent.assembly.services import Services
    from acp_agent.config.project import Project
    from acp_agent.config.schema import Settings
    from acp_agent.config.trust import Trust
    from acp_agent.context.images import Bounds, Fitted
    from acp_agent.events import Event, Listener
    from acp_agent.extend.servers import ServerSpec
    from acp_agent.health import Finding, Surroundings
    from acp_agent.models.answers import Answers
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model
    from acp_agent.permission.gate import Asker, Gate
    from acp_agent.redaction.redactor import Redactor
    from acp_agent.session.audience import Audience
    from acp_agent.session.journal import Contents, Journal
    from acp_agent.spending.spending import Spending
    from acp_agent.workspace.confining import Confining
    from acp_agent.workspace.sandbox import Sandboxes
    from acp_agent.workspace.workspace import Workspace


class Begun(NamedTuple):
    """A session's journal, open for writing, and what stands in it."""

    id: str
    journal: Journal
    contents: Contents | None = None
    """None for a new session."""

    def events(self) -> list[Event]:
        """All there are, also of what was taken back."""
        return [record.event for record in self.contents.records] if self.contents else []

    def before(self) -> Before:
        if self.contents is None:
            return Before()
        events = self.events()
        titles = [event for event in events if isinstance(event, TitleChanged)]
        branch = tuple(record.event for record in self.contents.branch())
        return Before(Past(branch, self.contents.end.number), titles[-1] if titles else None, last_id(events))


class Ground(NamedTuple):
    """What a session stands on: where it works, with what settings, which models, whose environment."""

    cwd: Path
    folders: tuple[Path, ...]
    settings: Settings
    models: Sequence[Route]
    """The one to start with first."""
    env: Mapping[str, str]
    surroundings: Callable[[], Surroundings]
    """What the checks of /doctor look at, read anew."""
    sandboxes: Sandboxes
    spending: Spending
    project: Project
    """Where the user's trust in the project is asked for and kept."""
    services: Services
    """The models of the process."""
    trust: Trust | None = None
    """Whether what the project's settings ask for counts here; None when they ask for nothing."""
    servers: Sequence[ServerSpec] = ()
    answers: Answers | None = None
    """Those that models are to give again; None for sessions of people."""

    @property
    def stored(self) -> frozenset[str]:
        """All keys and tokens of accounts and of the settings."""
        return self.services.credentials.secrets(self.settings)

    @property
    def roots(self) -> tuple[Path, ...]:
        return (self.cwd, *self.folders)

    @property
    def footing(self) -> Footing:
        return Footing(self.settings, self.roots, self.env)


class Company(NamedTuple):
    """Who a session deals with: who watches, who is asked, who else listens."""

    audience: Audience
    asker: Asker
    keeper: Listener
    """Keeps the list of sessions up to date."""
    listeners: tuple[Listener, ...] = ()


def build(begun: Begun, ground: Ground, company: Company) -> Session:
    """The session, its past taken up where there is one."""
    settings, audience = ground.settings, company.audience
    before = begun.before()
    past = before.past.events if before.past else ()
    history, ledger = History(past), Ledger(begun.events())
    gate = gate_of(ground.footing, company.asker)
    audience.answer_within_s = settings.permission.ask_timeout_secs or None
    redactor = _redactor(ground)
    options = _options(gate, ground, redactor)
    confining = confining_of(ground.footing, ground.sandboxes)
    gate.containment, options.confining = confining.containment, confining
    lost = options.restore(begun.events())  # they hold on whatever branch they were chosen
    logs.hide(redactor)
    begun.journal.redact = partial(kept, redact=redactor)
    others = (_kept_for(listener, redactor) for listener in company.listeners)

    def warn(what: str) -> None:
        feed.emit(NoticeRaised("warning", what))

    allowance = Allowance(limits_of(settings.budget), ledger, ground.spending, warn)
    watching = (ledger, *map(options.watched_by, (*others, audience)), allowance)
    changes = _changes(ground)
    ahead = (changes,) if changes else ()
    snapshots = _snapshots(begun, ground, warn)
    kept_by = (begun.journal, history, company.keeper, _recorder(begun, ground.spending, warn))
    feed = Feed((*kept_by, *watching, *ahead, snapshots), audience.drain, Screen(redactor))
    instructions = Instructions(paths.config_dir(ground.env), ground.cwd, paths.home_dir(ground.env))
    workspace = open_workspace(ground.cwd, ground.folders, audience, redactor, snapshots, syntax)
    beside = Feed(watching, audience.drain, Screen(redactor))
    confining.on_change = lambda: _tell(confining, options, beside)
    passes = passing(settings, ground.models, ground.stored)
    outputs = _outputs(ground.env, begun.id)
    consoles = Consoles(settings.terminal, audience, outputs, passes, redactor, confining)
    reviewing = Reviewing(changes, workspace.roots, feed.emit, snapshots) if changes else None
    begun.journal.on_trouble = warn
    servers = connected_servers(ground, passes, redactor, warn)
    parts = Parts(
        journal=begun.journal,
        audience=audience,
        feed=feed,
        history=history,
        options=options,
        gate=gate,
        toolset=Toolset(
            tools_of(ground.footing, workspace, consoles, reviewing),
            [confining, Questions(audience), *servers.sources],
        ),
        context=SessionContext(ground.cwd, ground.folders, instructions, warn),
        prepare=_preparation(workspace, gate, lambda: options.model),
        max_requests=settings.max_agent_turns,
        sign_of_life_s=settings.timeouts.sign_of_life_secs,
        allowance=allowance,
        consulting=Consulting(
            company.asker, not isinstance(company.asker, Unattended), settings.when_limited
        ),
        for_commands=CommandParts(
            registry=Registry(settings.slash_aliases),
            beside=beside,
            ledger=ledger,
            workspace=workspace,
            snapshots=snapshots,
            checks=lambda: _checks(ground),
            servers=servers.servers,
            project=ground.project,
        ),
        services=(confining, *servers.services, *ahead),
    )
    for event in loose_ends(past):
        feed.emit(event)
    for what in (*lost, *_ignored(ground), *_parked(past)):
        warn(what)
    if begun.contents and begun.contents.skipped:
        skipped = "; ".join(begun.contents.skipped[:3])
        warn(f"Parts of this session's journal could not be read: {skipped}")
    return Session(begun.id, str(ground.cwd), parts, before)


def _recorder(begun: Begun, spending: Spending, warn: Callable[[str], None]) -> Recorder:
    """Keeps what the session spends, and what its journal tells of that was not kept."""
    if begun.contents:
        spending.add(calls_of(begun.contents.header, begun.contents.records), warn)
    return Recorder(begun.id, lambda: begun.journal.number, lambda call: spending.add((call,), warn))


def _ignored(ground: Ground) -> Iterable[str]:
    """What the project's settings ask for in vain."""
    if ground.trust and not ground.trust.holds:
        from acp_agent.config.trust import title

        yield title(ground.trust)


def _snapshots(begun: Begun, ground: Ground, warn: Callable[[str], None]) -> Snapshots:
    """What the session's turns change, kept to be put back."""
    path = snapshots_file(paths.data_dir(ground.env), begun.id)
    return Snapshots(path, lambda what: from_thread.run_sync(warn, what))


def _redactor(ground: Ground) -> Redactor:
    """Knows what is secret now, and what accounts are given later."""
    redactor = secrets.redactor(ground.models, ground.servers, ground.env, ground.stored)
    ground.services.credentials.stored.watch(redactor)
    return redactor


def _parked(past: Sequence[Event]) -> Iterable[str]:
    """That the last prompt can be gone on with."""
    if parked := left_parked(past):
        now = time.time()
        lifted = f"is lifted at {when(parked.until, now)}" if parked.until > now else "is lifted"
        yield f"The last prompt was stopped by a usage limit, which {lifted}. /resume goes on with it."


def _kept_for(listener: Listener, redactor: Redactor) -> Listener:
    """`listener` as one that is told no more than what is kept: what it prints may end up anywhere."""
    return lambda event: listener(kept(event, redactor))


def _outputs(env: Mapping[str, str], session_id: str) -> Path:
    """The folder for output of a session's commands that is too long to be shown."""
    return paths.data_dir(env) / "outputs" / session_id


def forget_outputs(env: Mapping[str, str], session_id: str) -> None:
    """Removes what was too long to be shown, of a session that is deleted."""
    if is_id(session_id):
        shutil.rmtree(_outputs(env, session_id), ignore_errors=True)


def _options(gate: Gate, ground: Ground, redactor: Redactor) -> Options:
    settings = ground.settings
    level = settings.thought_level or DEFAULT_LEVEL
    defaults = Defaults(
        level, settings.show_thoughts, settings.context_files, settings.roles, settings.routing
    )
    ways = ground.services.ways(settings)
    if ground.answers:
        ways = ways._replace(connect=partial(_again, ways.connect, ground.answers, redactor))
    return Options(gate, ground.models, ways, defaults)


def _again(
    connect: Callable[[Route, str], Model], answers: Answers, redactor: Redactor, route: Route, level: str
) -> Model:
    """A model that says again what it has said before."""
    from acp_agent.models.cached import CachedModel

    model = connect(route, level)
    return CachedModel(model, route.thinking(level), answers, lambda text: not redactor.holds(text))


def _preparation(workspace: Workspace, gate: Gate, model: Callable[[], Model]) -> Preparation:
    def fit(data: bytes, bounds: Bounds) -> Fitted:
        return adapter("images.fit")(data, bounds)

    git = which("git", workspace.roots.cwd)
    return Preparation(Mentioned(workspace, gate, git, fit), fit, model)


def _checks(ground: Ground) -> Iterable[Callable[[], Sequence[Finding]]]:
    from acp_agent.health import checks

    return checks(ground.surroundings)


def _changes(ground: Ground) -> Changes | None:
    """What looks at the files around commands, where that is wanted."""
    if not ground.settings.show_command_changes:
        return None
    return Changes(ground.roots, which("git", ground.cwd), (paths.data_dir(ground.env),))


def _tell(confining: Confining, options: Options, beside: Feed) -> None:
    """Says what a sandbox that was asked for has come to."""
    beside.emit(OptionsChanged(options.all(), (options.SANDBOX,)))
    found = confining.found
    if confining.refusal:
        beside.emit(NoticeRaised("warning", "No command can run", f"Because {confining.refusal}."))
    elif found and found.sandbox:
        text = f"Commands run in a sandbox: {found.sandbox.name}"
        beside.emit(NoticeRaised("info", text, found.reason or None))
    elif found:
        beside.emit(NoticeRaised("warning", "Commands run without a sandbox", found.reason))
