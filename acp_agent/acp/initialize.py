"""`initialize`: what the client can do, and what we answer. Touches neither disk nor network."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from acp_agent import __version__
from acp_agent.acp.params import Json, as_object, as_text

PROTOCOL_VERSION = 1
AUTH_METHOD = "configured-model"
"""Agent-type, and always offered: a client that calls `authenticate` at once is answered."""
LOGIN_METHOD = "terminal-login"
LOGIN = ("auth", "login")
"""The arguments that make our program log in."""
FOR_LOGIN = ("ACP_AGENT_CONFIG_DIR", "ACP_AGENT_DATA_DIR", "ACP_AGENT_AUTH_FILE")
"""What a login has to know of our environment to store what we will look for."""
SHARED_FILES = "acp-agent/shared-files"
"""In `_meta`: true says that a client elsewhere sees the same files as we do."""
TOKEN = "acp-agent/token"
"""In `_meta`: the token, where nothing below the lines has brought it."""
REWIND = "acp-agent/rewind"
"""In `_meta` of the capabilities: there are `_acp-agent/turns`, `rewind` and `redo`."""

SESSION_CAPABILITIES = (
    *("list", "delete", "additionalDirectories", "resume", "close"),
    *("fork", "archive", "status", "title"),  # not stable yet
)


class Client(NamedTuple):
    """What the client said of itself. What it left out, it cannot do."""

    name: str = ""
    version: str = ""
    reads_files: bool = False
    writes_files: bool = False
    shows_notices: bool = False
    runs_terminals: bool = False
    """Runs commands in terminals of its own."""
    shows_terminals: bool = False
    """Shows the output of our commands as a terminal: Zed's extension `terminal_output`."""
    appends_output: bool = False
    """Takes the output of our commands piece by piece: the extension `terminal_output_delta`."""
    shows_forms: bool = False
    opens_urls: bool = False
    shows_switches: bool = False
    """Options that are on or off may be of type boolean."""
    shows_compaction: bool = False
    updates_plans: bool = False
    """Takes `plan_update`, which is not stable yet."""
    runs_logins: bool = False
    """Runs our program in a terminal for a person to log in."""
    runs_commands_to_log_in: bool = False
    """Runs a command for that: the older extension `terminal-auth`."""


def client_of(params: object, *, remote: bool = False) -> Client:
    """The client that sent `params` with `initialize`.

    Paths are ours. What a `remote` client does with files and terminals it does on its own machine,
    so it counts only when the client says that it shares the file system. Logging in there is of no use here.
    """
    values = as_object(params)
    info = as_object(values.get("clientInfo"))
    offered = as_object(values.get("clientCapabilities"))
    if remote and as_object(values.get("_meta")).get(SHARED_FILES) is not True:
        offered = {key: value for key, value in offered.items() if key not in ("fs", "terminal")}
    files = as_object(offered.get("fs"))
    session = as_object(offered.get("session"))
    elicitation = as_object(offered.get("elicitation"))
    extensions = as_object(offered.get("_meta"))
    return Client(
        name=as_text(info.get("name")) or "",
        version=as_text(info.get("version")) or "",
        reads_files=files.get("readTextFile") is True,
        writes_files=files.get("writeTextFile") is True,
        shows_notices=isinstance(session.get("notices"), dict),
        runs_terminals=offered.get("terminal") is True,
        shows_terminals=extensions.get("terminal_output") is True,
        appends_output=extensions.get("terminal_output_delta") is True,
        shows_forms=isinstance(elicitation.get("form"), dict),
        opens_urls=isinstance(elicitation.get("url"), dict),
        shows_switches=isinstance(as_object(session.get("configOptions")).get("boolean"), dict),
        shows_compaction=isinstance(session.get("compaction"), dict),
        updates_plans=isinstance(offered.get("plan"), dict),
        runs_logins=not remote and as_object(offered.get("auth")).get("terminal") is True,
        runs_commands_to_log_in=not remote and extensions.get("terminal-auth") is True,
    )


def answer(client: Client) -> Json:
    """The result of `initialize`. There is one protocol version, so what was asked for changes nothing."""
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "agentInfo": {"name": "acp-agent", "title": "acp-agent", "version": __version__},
        "agentCapabilities": {
            "loadSession": True,
            "promptCapabilities": {"image": True, "audio": False, "embeddedContext": True},
            "mcpCapabilities": {"http": True, "sse": True},
            "sessionCapabilities": {name: {} for name in SESSION_CAPABILITIES},
            "auth": {"logout": {}, "status": {}},
            "providers": {},
            "_meta": {REWIND: {"turns": True, "redo": True}},
        },
        "authMethods": [
            {
                "id": AUTH_METHOD,
                "name": "Configured model",
                "description": "The model and key of the settings, the environment or `acp-agent auth`; see "
                "`acp-agent doctor`.",
            },
            *_logins(client),
        ],
    }


def _logins(client: Client) -> list[Json]:
    """How a person can log in through this client. The first method is always the one without a person."""
    if not (client.runs_logins or client.runs_commands_to_log_in):
        return []
    method: Json = {
        "id": LOGIN_METHOD,
        "name": "Log in to a model service",
        "description": "Asks in a terminal for a service, and for a key or a login there.",
    }
    env = {name: os.environ[name] for name in FOR_LOGIN if name in os.environ}
    if client.runs_logins:
        method |= {"type": "terminal", "args": [*LOGIN], "env": env}
    if client.runs_commands_to_log_in and sys.executable:
        args = ["-P", "-m", "acp_agent", *LOGIN]
        command = {"label": "acp-agent login", "command": sys.executable, "args": args, "env": env}
        method["_meta"] = {"terminal-auth": command}
    return [method]
