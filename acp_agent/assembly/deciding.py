"""What decides about the calls of a session: its tools and its gate, out of the settings of its folder.

Sessions are built on it, and `acp-agent why` answers from it, so that both say the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.assembly.adapters import adapter, sandboxes
from acp_agent.config import paths
from acp_agent.config.command_lists import VARIABLE, command_lists
from acp_agent.config.load import Overrides, load, require
from acp_agent.config.schema import OUTSIDE, outside_rules
from acp_agent.errors import InvalidParams
from acp_agent.permission.gate import Gate, Policy, Unattended
from acp_agent.permission.lists import Lists, beyond, imposed
from acp_agent.permission.rules import Rule
from acp_agent.session.granted import project_grants
from acp_agent.workspace.sandbox import CANDIDATES
from acp_agent.workspace.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from acp_agent.config.schema import PermissionSettings, Settings
    from acp_agent.permission.asking import Asker
    from acp_agent.permission.claims import Claim
    from acp_agent.permission.explaining import Explained
    from acp_agent.tools.base import Tool
    from acp_agent.tools.registry import Toolset
    from acp_agent.tools.reviewing import Reviewing
    from acp_agent.workspace.confining import Confining
    from acp_agent.workspace.sandbox import Sandboxes
    from acp_agent.workspace.terminals import Consoles
    from acp_agent.workspace.workspace import Workspace


class Footing(NamedTuple):
    """What the decisions of a session depend on."""

    settings: Settings
    roots: tuple[Path, ...]
    """The working directory first."""
    env: Mapping[str, str]


def gate_of(footing: Footing, asker: Asker) -> Gate:
    """The gate of a session there."""
    permission, (cwd, *folders) = footing.settings.permission, footing.roots
    lists = _lists(footing.env)
    return Gate(
        rules_of(permission),
        permission.mode,
        asker,
        roots=footing.roots,
        policy=Policy(imposed(lists) if lists else (), permission.doom_loop),
        store=project_grants(footing.env, cwd, folders),
    )


def rules_in(footing: Footing) -> list[Rule]:
    """Every rule that holds there: of the settings, of the environment, granted for the project."""
    lists, store = _lists(footing.env), project_grants(footing.env, footing.roots[0])
    return [
        *rules_of(footing.settings.permission),
        *(imposed(lists) if lists else ()),
        *(store.load() if store else ()),
    ]


def rules_of(permission: PermissionSettings) -> list[Rule]:
    """The rules of the settings in order; what they say of places outside is the weakest."""
    outside = [
        Rule(operation, each.pattern, each.action, outside=True)
        for each in outside_rules(permission)
        for operation in (OUTSIDE if each.operation == "both" else (each.operation,))
    ]
    said = [
        Rule(each.operation, each.pattern, each.action, each.source, each.only_tightens, each.tool)
        for each in permission.rules
    ]
    return [*outside, *said]


def _lists(env: Mapping[str, str]) -> Lists | None:
    """The commands that the environment lists; None when it lists none."""
    found = command_lists(env)
    return Lists(found.allow, found.deny, found.redirects, VARIABLE) if found else None


def confining_of(footing: Footing, sandboxes: Sandboxes) -> Confining:
    """What confines the commands of a session there."""
    from acp_agent.accounts.file import auth_path
    from acp_agent.workspace.confining import Chosen, Confining, Surroundings
    from acp_agent.workspace.limits import Limits

    said = footing.settings.sandbox
    chosen = Chosen(said.mode, said.network, said.writable, Limits(**said.limits._asdict()))
    folders = (paths.config_dir(footing.env), paths.data_dir(footing.env))
    auth = auth_path(footing.env)
    own = folders if any(folder in auth.parents for folder in folders) else (*folders, auth)
    return Confining(chosen, Surroundings(footing.roots, own), sandboxes.find)


def tools_of(
    footing: Footing, workspace: Workspace, consoles: Consoles, reviewing: Reviewing | None = None
) -> Sequence[Tool]:
    """The tools that a session there has of its own."""
    from acp_agent.tools.registry import Limits, builtin

    lists = _lists(footing.env)

    def analyse(command: str, folder: Path) -> tuple[Claim, ...]:
        from acp_agent.permission.shell import analyse as analyse_shell

        claims = analyse_shell(command, folder, footing.roots, adapter("shell.bash"))
        return (*claims, *beyond(command, claims, redirects=lists.redirects)) if lists else claims

    timeouts = footing.settings.timeouts
    limits = Limits(timeouts.bash_secs, timeouts.bash_max_secs)
    return builtin(workspace, analyse, limits, consoles=consoles, reviewing=reviewing)


class Circumstances(NamedTuple):
    """Where a call is thought to be made; None is what the settings say."""

    cwd: str
    mode: str | None = None
    sandbox: str | None = None


class Deciding:
    """The decisions of a session that has just begun in a folder, without the session.

    Starts nothing and changes nothing, but for trying a sandbox that is asked for. Settings are read once,
    files are looked at each time.
    """

    def __init__(self, circumstances: Circumstances, env: Mapping[str, str]) -> None:
        """Raises InvalidParams for a folder or a sandbox there is not, ConfigError for settings."""
        from acp_agent.session.audience import Audience
        from acp_agent.tools.question import QuestionTool
        from acp_agent.tools.registry import Toolset
        from acp_agent.workspace.terminals import Consoles

        cwd = Path(circumstances.cwd).absolute()
        footing = Footing(_settings(circumstances, cwd, env), (cwd,), env)
        self._servers = tuple(footing.settings.mcp_servers)
        self._gate = gate_of(footing, Unattended())
        confining = confining_of(footing, _machine())
        if confining.mode != "off":
            _wait(confining.ready)
        self._gate.containment = confining.containment
        own = tools_of(footing, open_workspace(cwd), Consoles(confining=confining))
        self._toolset: Toolset = Toolset((*own, QuestionTool(Audience())))

    def consider(self, tool: str, arguments: dict[str, object]) -> Explained:
        """What would happen to a call. Raises ToolError for one that cannot be made."""
        from acp_agent.turn.considering import consider

        return consider(self._toolset, self._gate, tool, arguments, self._servers)


def _settings(circumstances: Circumstances, cwd: Path, env: Mapping[str, str]) -> Settings:
    if not cwd.is_dir():
        raise InvalidParams(f"The folder {str(cwd)!r} is not there.")
    settings = require(load(cwd, env, Overrides(mode=circumstances.mode)))
    return _sandboxed(settings, circumstances.sandbox)


def _sandboxed(settings: Settings, sandbox: str | None) -> Settings:
    """The settings with another choice of the sandbox."""
    if sandbox is None:
        return settings
    mode = next((mode for mode in CANDIDATES if mode == sandbox), None)
    if mode is None:
        raise InvalidParams(f"There is no sandbox {sandbox!r}. Use one of: {', '.join(CANDIDATES)}.")
    return settings._replace(sandbox=settings.sandbox._replace(mode=mode))


@cache
def _machine() -> Sandboxes:
    """Each sandbox is tried once, however many folders are asked about."""
    return sandboxes()


def _wait(work: Callable[[], Awaitable[None]]) -> None:
    """Also where an event loop runs already."""
    import anyio

    with ThreadPoolExecutor(1) as thread:
        thread.submit(anyio.run, work).result()
