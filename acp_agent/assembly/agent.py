"""The agent: the sessions of this process, and access to the models they use."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from acp_agent import logs
from acp_agent.accounts.account import account_source
from acp_agent.accounts.holders import unlocked
from acp_agent.acp.ports import Access, Account
from acp_agent.assembly import providers
from acp_agent.assembly.adapters import adapter, connect, hang_up, keyring, reach_by, sandboxes
from acp_agent.assembly.building import Begun, Company, Ground, build, forget_outputs
from acp_agent.assembly.credentials import credentials
from acp_agent.assembly.servers import configured_servers
from acp_agent.assembly.services import Services
from acp_agent.config import paths
from acp_agent.config.load import Overrides, load, require
from acp_agent.config.project import Project
from acp_agent.errors import AgentError, AuthRequired, InvalidParams, JournalError
from acp_agent.events import Archived, TitleChanged
from acp_agent.models.keys import Key
from acp_agent.models.routes import WHAT_TO_SET, Route, active_alias, provider_types, route, routes
from acp_agent.permission.claims import Claim
from acp_agent.permission.gate import Gate, Unattended
from acp_agent.session.audience import Audience
from acp_agent.session.live import LiveSessions
from acp_agent.session.spent import all_calls
from acp_agent.session.store import Query, Store
from acp_agent.session.titles import given_title
from acp_agent.spending.spending import Spending

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from acp_agent.acp.ports import Opening, Shelf
    from acp_agent.acp.providers import Provider, Routing
    from acp_agent.config.schema import Settings
    from acp_agent.events import Listener
    from acp_agent.health import Surroundings
    from acp_agent.models.answers import Answers
    from acp_agent.session.audience import Watcher
    from acp_agent.session.live import LiveSession
    from acp_agent.session.session import Session
    from acp_agent.session.store import Page

log = logging.getLogger(__name__)

KEEP_S = 1800.0


class Agent:
    """acp.ports.Agent. Use as an async context manager; leaving it closes every session."""

    def __init__(
        self,
        env: Mapping[str, str],
        overrides: Overrides,
        keep_s: float = KEEP_S,
        answers: Answers | None = None,
    ) -> None:
        """`keep_s` is how long a session goes on when a lost connection was its last one.

        With `answers` models say again what they have said before; not for people.
        """
        self._env = env
        self._keep_s = keep_s
        self._overrides = overrides
        self._answers = answers
        self._store = Store(paths.data_dir(env))
        self._spending = Spending(paths.data_dir(env), partial(all_calls, self._store.folder))
        self._overridden = providers.Overrides()
        self.credentials = credentials(env)
        self.credentials.stored.watch(logs.learner())
        self._sandboxes = sandboxes()
        self._live = LiveSessions()
        self._services = Services(self.credentials)
        self._first_ground: Ground | None = None
        self._first_session = anyio.Event()
        self._logged_out = False

    async def __aenter__(self) -> Agent:
        await self._spending.__aenter__()
        await self._live.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return await self._live.__aexit__(kind, error, trace)
        finally:
            await self._spending.__aexit__(None, None, None)
            await hang_up()

    # Access ------------------------------------------------------------------------------

    async def check_access(self) -> None:
        found = await self._routes(self._settings(paths.working_dir(self._env)))
        self._logged_out = False
        log.info("access through %s, key from %s", found[0].name, found[0].key.source)

    def log_out(self) -> None:
        self._logged_out = True

    async def access(self) -> Access:
        try:
            settings = self._settings(paths.working_dir(self._env))
            found = await self._routes(settings)
        except AuthRequired:
            return Access("unauthenticated")
        except AgentError:  # broken settings: nothing can be said, and nothing may be asked for here
            return Access("unknown")
        labels = dict.fromkeys((*map(_account, found), *self._not_in_use(found, settings)))
        accounts = tuple(Account(label, active=label == _account(found[0])) for label in labels)
        if self._logged_out:
            return Access("unauthenticated", accounts)
        return Access("authenticated" if found[0].key.value else "not_required", accounts)

    def providers(self) -> Sequence[Provider]:
        return self._overridden.all(self._configured(paths.working_dir(self._env)), self._active)

    def set_provider(self, provider_id: str, routing: Routing) -> None:
        self._overridden.set(provider_id, routing)

    def disable_provider(self, provider_id: str) -> None:
        self._overridden.disable(provider_id, self._configured(paths.working_dir(self._env)), self._active)

    # Sessions ----------------------------------------------------------------------------

    def live(self) -> Sequence[LiveSession]:
        return self._live.all()

    async def new_session(self, opening: Opening, unattended: Listener | None = None) -> Session:
        """`unattended` listens to a session that has no editor and nobody to ask."""
        ground = await self._ground(opening)
        begin = partial(self._store.create, opening.cwd, opening.folders)
        session_id, journal = await anyio.to_thread.run_sync(begin)
        return self._live.adopt(self._build(Begun(session_id, journal), ground, unattended))

    async def open_session(self, session_id: str, opening: Opening) -> Session:
        async def restore() -> Session:
            ground = await self._ground(opening)
            try:
                contents, journal = await anyio.to_thread.run_sync(self._store.open, session_id)
            except JournalError as error:
                raise JournalError(str(error), data={"sessionId": session_id}) from error
            return self._build(Begun(session_id, journal, contents), ground)

        return await self._live.open(session_id, restore)

    async def fork_session(self, session_id: str, opening: Opening) -> Session:
        ground = await self._ground(opening)
        fork = partial(self._store.fork, session_id, opening.cwd, opening.folders)
        contents, journal, forked_id = await anyio.to_thread.run_sync(fork)
        return self._live.adopt(self._build(Begun(forked_id, journal, contents), ground))

    async def leave(self, session_id: str, watcher: Watcher, *, keep: bool) -> None:
        await self._live.leave(session_id, watcher, self._keep_s if keep else 0.0)

    async def close_session(self, session_id: str) -> None:
        async with self._live.alone(session_id):
            await self._live.close(session_id)

    async def delete_session(self, session_id: str) -> None:
        async with self._live.alone(session_id):
            await self._live.close(session_id)
            await anyio.to_thread.run_sync(self._store.delete, session_id)
            await anyio.to_thread.run_sync(forget_outputs, self._env, session_id)

    async def archive_session(self, session_id: str, *, archived: bool) -> None:
        async with self._live.alone(session_id):
            if archived:
                await self._live.close(session_id)
            await self._note(session_id, Archived(archived))

    async def title_session(self, session_id: str, title: str) -> str:
        title = given_title(title)
        async with self._live.alone(session_id):
            await self._note(session_id, TitleChanged(title, by_person=True))
        return title

    async def is_open(self, session_id: str) -> bool:
        if self._live.find(session_id):
            return True
        await anyio.to_thread.run_sync(self._store.check, session_id)
        return False

    async def list_sessions(self, cwd: str | None, archived: Shelf, cursor: str | None) -> Page:
        return await anyio.to_thread.run_sync(self._store.page, Query(cwd, archived, cursor))

    async def _note(self, session_id: str, event: TitleChanged | Archived) -> None:
        """Writes it down, whether the session is open or not. Raises NotFound or JournalError."""
        if session := self._live.find(session_id):
            session.note(event)
        else:
            await anyio.to_thread.run_sync(self._store.note, session_id, event)

    def _build(self, begun: Begun, ground: Ground, unattended: Listener | None = None) -> Session:
        audience = Audience()
        keeper = self._store.listener(begun.id)
        if unattended:
            company = Company(audience, Unattended(), keeper, (unattended,))
        else:
            company = Company(audience, audience, keeper)
        try:
            session = build(begun, ground, company)
        except BaseException:  # whatever it is, the journal must not stay locked
            begun.journal.close()
            raise
        self._first_ground = self._first_ground or ground
        self._first_session.set()
        return session

    async def _ground(self, opening: Opening) -> Ground:
        """What a session there would stand on. Raises AuthRequired, ConfigError or InvalidParams."""
        _require_folders(opening)
        if self._logged_out:
            raise AuthRequired("You have logged out. Authenticate to use the configured model again.")
        cwd = Path(opening.cwd)
        loaded = load(cwd, self._env, self._overrides)
        settings = self._overridden.applied(self._reaching(require(loaded)))
        models = await self._routes(settings)
        servers = (*opening.servers, *configured_servers(settings, self._env))
        return Ground(
            cwd=cwd,
            folders=tuple(map(Path, opening.folders)),
            settings=settings,
            models=models,
            env=self._env,
            surroundings=partial(self._surroundings, cwd),
            sandboxes=self._sandboxes,
            spending=self._spending,
            answers=self._answers,
            servers=servers,
            trust=loaded.trust,
            services=self._services,
            project=Project(cwd, self._env, lambda: load(cwd, self._env, self._overrides).trust),
        )

    def _surroundings(self, cwd: Path) -> Surroundings:
        from acp_agent.health import Surroundings

        loaded = load(cwd, self._env, self._overrides)
        return Surroundings(self._env, loaded, keyring, sandboxes(), self.credentials.stored)

    def _settings(self, cwd: Path) -> Settings:
        return self._overridden.applied(self._configured(cwd))

    def _configured(self, cwd: Path) -> Settings:
        return self._reaching(require(load(cwd, self._env, self._overrides)))

    def _reaching(self, settings: Settings) -> Settings:
        reach_by(settings.http)
        return settings

    async def _routes(self, settings: Settings) -> Sequence[Route]:
        if found := await self._reached(settings):
            return found
        base_url = provider_types()["ollama"].address(self._env)
        installed: Sequence[str] = await adapter("models.ollama")(base_url)
        if not installed:
            raise AuthRequired(WHAT_TO_SET)
        return [route("ollama", settings, self.credentials.sources, model) for model in installed]

    async def _reached(self, settings: Settings) -> Sequence[Route]:
        """The models that can be asked. A keyring is asked in a thread: it may wait for a person."""
        find = partial(routes, settings, self.credentials.sources)
        return await unlocked(find) if self.credentials.waits(settings) else find()

    def _active(self, settings: Settings) -> str | None:
        try:
            return active_alias(settings, self._env, self.credentials.stored)
        except AuthRequired:
            return None

    def _not_in_use(self, found: Sequence[Route], settings: Settings) -> Iterator[str]:
        """The other accounts that these providers could be reached by."""
        for way in found:
            for account in self.credentials.accounts_of(way.alias, settings):
                yield _account(way._replace(key=Key(None, account_source(account.name))))

    # Ahead of time -----------------------------------------------------------------------

    async def warm_up(self) -> None:
        """Once there is a session, loads what its first prompt will need, in a thread."""
        await self._first_session.wait()
        if self._first_ground:
            await anyio.to_thread.run_sync(_load, self._first_ground, abandon_on_cancel=True)


def _account(found: Route) -> str:
    from acp_agent.config.values import without_credentials
    from acp_agent.models.keys import NO_KEY

    where = without_credentials(found.base_url) or "a script"
    key = "no key" if found.key.source == NO_KEY else f"key from {found.key.source}"
    return f"{found.alias} at {where}, {key}"


def _require_folders(opening: Opening) -> None:
    for key, folder in (("cwd", opening.cwd), *(("additionalDirectories", each) for each in opening.folders)):
        if not os.path.isdir(folder):  # of a path that cannot be one it says False
            raise InvalidParams(f"The folder {folder!r} is not there.", data={"param": key})


def _load(ground: Ground) -> None:
    """Imports and reads what the first prompt needs."""
    try:
        connect(ground.models[0])
        Gate((), "standard", Unattended(), roots=ground.roots).check((Claim("read", str(ground.cwd)),))
    except Exception as error:  # only done to be quick; the prompt itself will say what is wrong
        log.info("not loaded ahead: %s", error)
