"""The settings as values. settings.schema.json beside this says what each key means and may be."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acp_agent.config.checker import Schema
    from acp_agent.config.reading import JsonObject

Mode = Literal["standard", "restrictive", "accept", "yolo", "plan"]
Operation = Literal["read", "edit", "execute", "network", "mcp", "memory", "skill", "agent", "meta"]
Action = Literal["allow", "ask", "deny"]
ServerType = Literal["http", "sse"]

Terminal = Literal["auto", "editor", "agent"]

MODES: tuple[str, ...] = get_args(Mode)

_SECRETS = frozenset({"api_key", "headers", "env", "args"})


def _shown(values: tuple[object, ...], fields: Mapping[str, object]) -> str:
    """The repr of a value without its secrets."""
    shown = (f"{key}={value!r}" for key, value in fields.items() if key not in _SECRETS)
    return f"{type(values).__name__}({', '.join(shown)})"


class ProviderEntry(NamedTuple):
    """A model endpoint and how to reach it. Its secrets are not in its repr."""

    provider_type: str | None = None
    allow_insecure: bool = False
    base_url: str | None = None
    model: str | None = None
    models: tuple[str, ...] = ()
    thought_levels: tuple[str, ...] = ()
    api_key: str | None = None
    api_key_env: str | None = None
    context_window: int | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    script: str | None = None
    stream_chunk_timeout_secs: float | None = None
    vision: bool | None = None

    def __repr__(self) -> str:
        return _shown(self, self._asdict())


class McpServerEntry(NamedTuple):
    """An MCP server: a program to run, or an address. Its secrets are not in its repr."""

    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = MappingProxyType({})
    url: str | None = None
    type: ServerType = "http"
    headers: Mapping[str, str] = MappingProxyType({})
    enabled: bool = True

    def __repr__(self) -> str:
        return _shown(self, self._asdict())


class PermissionRule(NamedTuple):
    """What happens to one kind of operation on what a pattern matches."""

    operation: Operation
    pattern: str
    action: Action
    only_tightens: bool = False


class PermissionSettings(NamedTuple):
    """What the agent may do without asking; of the rules that match, the last one counts."""

    mode: Mode = "standard"
    rules: tuple[PermissionRule, ...] = ()


class Environment(NamedTuple):
    """What commands are given of the agent's environment beside the ordinary variables."""

    pass_: tuple[str, ...] = ()
    """The setting's name, `pass`, is a word of the language."""


class Timeouts(NamedTuple):
    """Longest waits, in seconds."""

    stream_chunk_secs: float = 300
    request_secs: float = 60
    bash_secs: float = 120
    bash_max_secs: float = 600
    sign_of_life_secs: float = 25
    mcp_start_secs: float = 30
    mcp_call_secs: float = 60


class Remote(NamedTuple):
    """Serving clients over the network."""

    keep_secs: float = 1800


class Settings(NamedTuple):
    """The effective settings of a session."""

    provider: str | None = None
    providers: Mapping[str, ProviderEntry] = MappingProxyType({})
    permission: PermissionSettings = PermissionSettings()
    mcp_servers: Mapping[str, McpServerEntry] = MappingProxyType({})
    environment: Environment = Environment()
    max_agent_turns: int = 100
    timeouts: Timeouts = Timeouts()
    remote: Remote = Remote()
    context_window: int | None = None
    context_files: bool = True
    max_tokens: int | None = None
    temperature: float | None = None
    terminal: Terminal = "auto"
    thought_level: str | None = None
    show_thoughts: bool = True
    slash_aliases: Mapping[str, str] = MappingProxyType({})


def schema_text() -> str:
    """The JSON Schema of `config.json`, as it is written."""
    return Path(__file__).with_name("settings.schema.json").read_text(encoding="utf-8")


@cache
def json_schema() -> Schema:
    """The JSON Schema of `config.json`, read once; not to be changed."""
    return cast("Schema", json.loads(schema_text()))


def expanded_permission(value: object) -> object:
    """The short form `"accept"` written out: `{"mode": "accept"}`."""
    return {"mode": value} if isinstance(value, str) else value


def settings_of(data: JsonObject) -> Settings:
    """The settings that `data` says, once the schema has taken it."""
    fields: dict[str, Any] = {key: value for key, value in data.items() if key != "$schema"}
    if "providers" in fields:
        fields["providers"] = {name: _entry(entry) for name, entry in fields["providers"].items()}
    if "mcp_servers" in fields:
        fields["mcp_servers"] = {name: _server_of(entry) for name, entry in fields["mcp_servers"].items()}
    if "permission" in fields:
        permission: dict[str, Any] = dict(cast("JsonObject", expanded_permission(fields["permission"])))
        if "rules" in permission:
            permission["rules"] = tuple(PermissionRule(**rule) for rule in permission["rules"])
        fields["permission"] = PermissionSettings(**permission)
    if "environment" in fields:
        fields["environment"] = Environment(tuple(fields["environment"].get("pass", ())))
    if "timeouts" in fields:
        fields["timeouts"] = Timeouts(**fields["timeouts"])
    if "remote" in fields:
        fields["remote"] = Remote(**fields["remote"])
    return Settings(**fields)


def _entry(data: dict[str, Any]) -> ProviderEntry:
    fields = dict(data)
    for key in ("models", "thought_levels"):
        fields[key] = tuple(data.get(key, ()))
    return ProviderEntry(**fields)


def _server_of(fields: dict[str, Any]) -> McpServerEntry:
    entry = McpServerEntry(**fields)
    return entry._replace(args=tuple(entry.args))
