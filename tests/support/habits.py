"""The clients that people use: what each says of itself, does of its own accord, answers, and drops.

`source` says where an entry was seen: the client's own source, or the client at work. Where nothing
was published the entry is what its users report, and errs on the strict side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from tests.support import drops
from tests.support.drops import BETWEEN_PROMPTS, EARLY, STABLE, Rule, kinds
from tests.support.wire import inner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.wire import JsonObject

Setting = Literal["session/set_mode", "session/set_config_option", "session/set_model"]
Leaving = Literal["eof", "sigterm", "sigkill"]
Opening = Literal["session/list", "session/load", "session/resume"]

NOT_FOUND, INTERNAL_ERROR = -32002, -32603
FILES: JsonObject = {"readTextFile": True, "writeTextFile": True}
ALL_KEYS = frozenset({"allow_once", "allow_always", "reject_once", "reject_always"})
STRICT: tuple[Rule, ...] = (
    drops.foreign_session,
    drops.missing_field,
    drops.wrong_type,
    drops.unannounced_call,
    drops.strange_terminal,
)
"""What none of them can be told."""
UNTITLED = {"session_info_update": "it shows no titles"}


class Habits(NamedTuple):
    """One client. What is left out is what most of them do."""

    name: str
    source: str
    initialize: JsonObject
    """The parameters of `initialize`, word for word; versions are those of the source."""
    drops: tuple[Rule, ...]
    """Any of these makes it drop an update."""
    harmless: Mapping[str, str] = {}
    """Which of those reasons may occur, and why that does no harm."""

    # Before the first prompt
    environment: frozenset[str] | None = None
    """The variables that it passes on; None for all. What its user configures for the agent is added."""
    hasty: bool = False
    """Asks for a session before `initialize` is answered."""
    authenticates: bool = False
    """With the first method that is offered, every time."""
    servers: tuple[JsonObject, ...] = ()
    """MCP servers of its own, which the agent need not be able to reach."""
    sets_at_once: tuple[Setting, ...] = ()
    """What it sets as soon as there is a session; the first prompt does not wait for the answers."""
    adds: tuple[JsonObject, ...] = ()
    """Content blocks that the first prompt of a session has besides its text."""

    # What it answers
    buffers: bool = False
    """Reads come with unsaved text; otherwise from the disk."""
    missing: int | None = INTERNAL_ERROR
    """The error for a file that is not there; None for an empty text."""
    confined: bool = False
    """Reads outside the session's folder are refused."""
    limits_alone: bool = True
    """Heeds `limit` without `line`."""
    writes_null: bool = False
    """The answer to a write is null."""
    silent: bool = False
    """Never answers a request that it does not know."""
    complains: bool = False
    """Answers what it drops, and notifications that it does not know, with an error whose id is null."""
    kills: bool = True
    """`terminal/kill` works."""
    keys: frozenset[str] = ALL_KEYS
    """The kinds of permission options that a person can choose."""
    one_of_a_kind: bool = False
    """Knows options by their kind, and of several takes the last."""
    when_cancelled: Literal["cancelled", "nothing", "no option"] = "cancelled"
    """Its answer to a permission request that is open when the turn is cancelled."""
    deaf: bool = False
    """Stops listening to a turn as soon as it has cancelled it."""

    # What it does later
    sets_mode: Setting = "session/set_config_option"
    sets_model: Setting | None = "session/set_config_option"
    after_turn: tuple[Literal["session/list"], ...] = ()
    shares: bool = True
    """One process serves several sessions; otherwise each has its own."""
    takes_up: tuple[Opening, ...] = ("session/load",)
    """How it comes back to a session, in a new process; none if it does not."""
    takes_up_empty: bool = False
    """Comes back to a session before it has had a prompt."""
    leaves: tuple[Leaving, ...] = ("eof",)
    """How it ends the process; it waits after the last step only."""

    @property
    def capabilities(self) -> JsonObject:
        return inner(self.initialize, "clientCapabilities")

    @property
    def switches(self) -> bool:
        """Takes options of type boolean."""
        return "boolean" in inner(self.capabilities, "session", "configOptions")


ZED = Habits(
    name="zed",
    source="Zed, crates/agent_servers/src/acp.rs: client_capabilities_for_agent",
    initialize={
        "protocolVersion": 1,
        "clientCapabilities": {
            "fs": FILES,
            "terminal": True,
            "auth": {"terminal": True},
            "session": {"configOptions": {"boolean": {}}},
            "elicitation": {"form": {}, "url": {}},
            "_meta": {"terminal_output": True, "terminal-auth": True},
        },
        "clientInfo": {"name": "zed", "title": "Stable", "version": "1.9.0"},
    },
    drops=(kinds(STABLE), *STRICT),
    servers=({"type": "http", "name": "context", "url": "http://127.0.0.1:9/mcp", "headers": []},),
    sets_at_once=("session/set_mode", "session/set_config_option"),
    buffers=True,
    missing=None,
    confined=True,
    takes_up=("session/list", "session/load"),
    leaves=("sigkill",),
)

JETBRAINS = Habits(
    name="jetbrains",
    source="AI Chat of IntelliJ IDEA 2026.2, from its users' reports: every type is checked",
    initialize={
        "protocolVersion": 1,
        "clientCapabilities": {"fs": FILES, "terminal": True},
        "clientInfo": {"name": "JetBrains.IntelliJ IDEA", "title": "IntelliJ IDEA", "version": "2026.2"},
    },
    drops=(kinds(STABLE), *STRICT),
    servers=(
        {
            "name": "jetbrains",
            "command": "/opt/idea/jbr/bin/java",
            "args": [
                "-classpath",
                "/opt/idea/lib/mcpserver.jar",
                "com.intellij.mcpserver.stdio.McpStdioRunnerKt",
            ],
            "env": [{"name": "IJ_MCP_SERVER_PORT", "value": "64342"}],
        },
    ),
    sets_at_once=("session/set_model",),
    sets_model="session/set_model",
    buffers=True,
    leaves=("sigterm",),
)

JETBRAINS_AIR = JETBRAINS._replace(
    name="jetbrains-air",
    source="Air, from its users' reports and the extensions that claude-agent-acp keeps for it",
    initialize={
        "protocolVersion": 1,
        "clientCapabilities": {
            "fs": FILES,
            "terminal": True,
            "_meta": {
                "jetbrains": {
                    "air": {
                        "version": 1,
                        "capabilities": [
                            "nativeSubagentSessions",
                            "asyncTasks",
                            "sessionFailure",
                            "diffPatch",
                        ],
                    }
                }
            },
        },
        "clientInfo": {"name": "air", "title": "JetBrains Air", "version": "2026.2"},
    },
    servers=(),
)

CODECOMPANION = Habits(
    name="codecompanion",
    source="CodeCompanion of 2026-08-08, lua/codecompanion/acp/init.lua and prompt_builder.lua; seen at work",
    initialize={
        "protocolVersion": 1,
        "clientCapabilities": {"fs": FILES},
        "clientInfo": {"name": "CodeCompanion.nvim", "version": "1.0.0"},
    },
    drops=(
        kinds(STABLE - {"plan", "current_mode_update"}),
        *STRICT,
        drops.between_prompts,
        drops.diff_not_first,
        drops.cut_title,
    ),
    harmless={
        "plan": "it has no place for plans",
        "current_mode_update": "it shows modes as options",
        BETWEEN_PROMPTS: "it listens to no cancelled turn, and leaves calls and plans out of a replay",
    },
    authenticates=True,
    missing=None,
    writes_null=True,
    silent=True,
    one_of_a_kind=True,
    keys=ALL_KEYS - {"reject_always"},
    deaf=True,
    shares=False,
    takes_up=("session/list", "session/load"),
    leaves=("sigkill",),
)

AVANTE = Habits(
    name="avante",
    source="avante.nvim, lua/avante/libs/acp_client.lua; `modeId` in lua/avante/llm.lua",
    initialize={"protocolVersion": 1, "clientCapabilities": {"fs": FILES}},
    drops=(kinds(STABLE - {"current_mode_update", "session_info_update"}), *STRICT),
    harmless={**UNTITLED, "current_mode_update": "it looks for `modeId` in it, and shows the option"},
    environment=frozenset({"PATH"}),
    buffers=True,
    writes_null=True,
    silent=True,
    when_cancelled="no option",
    sets_mode="session/set_mode",
    sets_model="session/set_model",
    shares=False,
    leaves=("sigterm",),
)

AGENT_SHELL = Habits(
    name="agent-shell",
    source="acp.el 0.14 and agent-shell 0.74: acp.el, agent-shell-elicitation.el; seen at work",
    initialize={
        "clientInfo": {"name": "agent-shell", "title": "Emacs Agent Shell", "version": "0.74.1"},
        "protocolVersion": 1,
        "clientCapabilities": {"fs": FILES, "elicitation": {"form": {}}},
    },
    drops=(kinds(STABLE), *STRICT),
    sets_at_once=("session/set_model", "session/set_mode"),
    buffers=True,
    missing=NOT_FOUND,
    keys=ALL_KEYS - {"reject_always"},
    sets_mode="session/set_mode",
    sets_model="session/set_model",
    after_turn=("session/list", "session/list"),
    takes_up=("session/list", "session/resume"),
    leaves=("sigkill",),
)

TOAD = Habits(
    name="toad",
    source="Toad 0.6.20, toad/acp/agent.py and protocol.py; seen at work",
    initialize={
        "protocolVersion": 1,
        "clientCapabilities": {"fs": FILES, "terminal": True},
        "clientInfo": {"name": "toad", "title": "Toad", "version": "0.6.20"},
    },
    drops=(kinds(EARLY, {"usage_update"}), *STRICT, drops.no_old_text),
    harmless={
        **UNTITLED,
        "config_option_update": "modes come in their older form too, and it has no options",
    },
    missing=None,
    limits_alone=False,
    writes_null=True,
    complains=True,
    kills=False,
    when_cancelled="nothing",
    sets_mode="session/set_mode",
    sets_model=None,
    shares=False,
    leaves=("sigterm",),
)

ACPX = Habits(
    name="acpx",
    source="acpx 0.19.1, dist: resolveClientCapabilities, cleanupAgentProcess; seen at work",
    initialize={
        "protocolVersion": 1,
        "clientCapabilities": {"fs": FILES, "terminal": True},
        "clientInfo": {"name": "acpx", "version": "0.19.1"},
    },
    drops=(kinds(STABLE), *STRICT),
    missing=NOT_FOUND,
    confined=True,
    sets_mode="session/set_mode",
    sets_model="session/set_model",
    takes_up=("session/resume",),
    takes_up_empty=True,
    leaves=("eof", "sigterm"),
)

VSCODE = Habits(
    name="vscode-acp",
    source="formulahendry/vscode-acp, src/core/ConnectionManager.ts and AgentManager.ts; its SDK is 0.14",
    initialize={
        "protocolVersion": 1,
        "clientInfo": {"name": "vscode-acp-client", "version": "0.1.3"},
        "clientCapabilities": {"fs": FILES, "terminal": True},
    },
    drops=(kinds(STABLE), *STRICT),
    buffers=True,
    sets_mode="session/set_mode",
    sets_model="session/set_model",
    shares=False,
    takes_up=("session/list", "session/load"),
    leaves=("sigterm",),
)

MARIMO = Habits(
    name="marimo",
    source="use-acp 0.2.6 with SDK 0.4.9, src/hooks/use-acp-client.ts; marimo's agent-panel.tsx",
    initialize={"protocolVersion": 1, "clientCapabilities": {"fs": FILES}},
    drops=(kinds(EARLY), *STRICT),
    harmless={
        **UNTITLED,
        "config_option_update": "its SDK is older; modes come in their older form too",
        "usage_update": "its SDK is older, and it shows no usage",
    },
    hasty=True,
    adds=(
        {"type": "resource_link", "uri": "b.txt", "mimeType": "text/x-python", "name": "b.txt"},
        {
            "type": "resource",
            "resource": {"uri": "marimo_rules.md", "mimeType": "text/plain", "text": "Write cells."},
        },
    ),
    missing=None,
    sets_mode="session/set_mode",
    sets_model="session/set_model",
    shares=False,
    leaves=("sigterm",),
)

BASELINE = Habits(
    name="baseline",
    source="the protocol's least: initialization of v1; clients that nobody has looked at",
    initialize={"protocolVersion": 1},
    drops=(kinds(EARLY), *STRICT, drops.no_old_text, drops.diff_not_first, drops.cut_title),
    harmless={
        **UNTITLED,
        "config_option_update": "modes come in their older form too",
        "usage_update": "it shows no usage",
    },
    keys=frozenset({"allow_once", "reject_once"}),
    when_cancelled="nothing",
    sets_mode="session/set_mode",
    sets_model=None,
    takes_up=(),
)

TYPESCRIPT = Habits(
    name="typescript-sdk",
    source="@agentclientprotocol/sdk 2.4.0, dist/core/jsonrpc.js; seen at work",
    initialize={"protocolVersion": 1, "clientCapabilities": {"fs": FILES, "terminal": True}},
    drops=(kinds(STABLE), *STRICT),
    takes_up=("session/list", "session/load"),
)

PYTHON = Habits(
    name="python-sdk",
    source="agent-client-protocol 0.12.1, acp/schema.py and transports.py",
    initialize={
        "protocolVersion": 1,
        "clientCapabilities": {"fs": FILES, "terminal": False},
        "clientInfo": {"name": "script", "title": "Script", "version": "0.12.1"},
    },
    drops=(kinds(STABLE), *STRICT),
    environment=frozenset({"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"}),
    takes_up=("session/resume",),
)

CLIENTS = (
    *(ZED, JETBRAINS, JETBRAINS_AIR, CODECOMPANION, AVANTE, AGENT_SHELL, TOAD),
    *(ACPX, VSCODE, MARIMO, BASELINE, TYPESCRIPT, PYTHON),
)
