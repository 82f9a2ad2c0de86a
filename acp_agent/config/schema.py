"""The settings as values. settings.schema.json beside this says what each key means and may be."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from acp_agent.config.checker import Schema
    from acp_agent.config.reading import JsonObject

Mode = Literal["standard", "restrictive", "accept", "yolo", "plan"]
Operation = Literal["read", "edit", "execute", "network", "mcp", "memory", "skill", "agent", "meta"]
Action = Literal["allow", "ask", "deny"]
ServerType = Literal["http", "sse"]

Terminal = Literal["auto", "editor", "agent"]
SandboxMode = Literal["off", "auto", "required", "bwrap", "landlock"]

T = TypeVar("T")
OUTSIDE: tuple[Literal["read", "edit"], ...] = ("read", "edit")
"""The operations that `external_directory` is about."""
MODES: tuple[str, ...] = get_args(Mode)

Pool = Literal["fill_first", "round_robin", "least_used", "random"]
WhenLimited = Literal["ask", "wait", "stop"]

_SECRETS = frozenset({"api_key", "api_keys", "headers", "env", "args"})


def _shown(values: tuple[object, ...], fields: Mapping[str, object]) -> str:
    """The repr of a value without its secrets."""
    shown = (f"{key}={value!r}" for key, value in fields.items() if key not in _SECRETS)
    return f"{type(values).__name__}({', '.join(shown)})"


class OAuthClient(NamedTuple):
    """The user's own OAuth client at a service."""

    client_id: str
    authorize_url: str | None = None
    token_url: str | None = None
    device_url: str | None = None
    scopes: tuple[str, ...] = ()


class PriceEntry(NamedTuple):
    """US dollars for a million tokens."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None


class ModelInfo(NamedTuple):
    """What the user says of a model; None and empty where they say nothing."""

    context_window: int | None = None
    max_output: int | None = None
    price: PriceEntry | None = None
    vision: bool | None = None
    thought_levels: tuple[str, ...] = ()


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
    api_keys: tuple[str, ...] = ()
    pool: Pool | None = None
    account: str | None = None
    oauth: OAuthClient | None = None
    protocol: str | None = None
    model_info: Mapping[str, ModelInfo] = MappingProxyType({})
    temperature: float | None = None
    max_tokens: int | None = None
    flat_tools: bool = False
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
    tool: str = ""
    source: str = ""
    """Who says so; not in the file."""


class OutsideRule(NamedTuple):
    """What happens to reading or editing what a pattern matches, outside the workspace."""

    pattern: str
    action: Action
    operation: Literal["read", "edit", "both"] = "both"


Outside = Action | dict[str, Action] | tuple[OutsideRule, ...]


class PermissionSettings(NamedTuple):
    """What the agent may do without asking; of the rules that match, the last one counts."""

    mode: Mode = "standard"
    rules: tuple[PermissionRule, ...] = ()
    external_directory: Outside = "ask"
    doom_loop: Action = "deny"
    ask_timeout_secs: float = 3600


class Environment(NamedTuple):
    """What commands are given of the agent's environment beside the ordinary variables."""

    pass_: tuple[str, ...] = ()
    """The setting's name, `pass`, is a word of the language."""


class CommandLimits(NamedTuple):
    """What a command may use; None is no limit of ours."""

    memory_mib: int | None = None
    processes: int | None = None
    file_mib: int | None = None
    cpu_secs: int | None = None


class SandboxSettings(NamedTuple):
    """What confines shell commands."""

    mode: SandboxMode = "off"
    network: bool = False
    writable: tuple[str, ...] = ()
    limits: CommandLimits = CommandLimits()


class Timeouts(NamedTuple):
    """Longest waits, in seconds."""

    stream_chunk_secs: float = 300
    request_secs: float = 60
    tool_gap_secs: float = 60
    bash_secs: float = 120
    bash_max_secs: float = 600
    sign_of_life_secs: float = 25
    mcp_start_secs: float = 30
    mcp_call_secs: float = 60


class Remote(NamedTuple):
    """Serving clients over the network."""

    keep_secs: float = 1800


class Routing(NamedTuple):
    """How the model option auto judges a prompt."""

    low: float = 20
    high: float = 50
    keywords: Mapping[str, float] = MappingProxyType({})


class SpendingLimit(NamedTuple):
    """US dollars; None is no limit."""

    warn: float | None = None
    stop: float | None = None


class Budget(NamedTuple):
    """What may be spent on models."""

    session: SpendingLimit = SpendingLimit()
    day: SpendingLimit = SpendingLimit()


class Http(NamedTuple):
    """How the network is reached, beside what the environment says."""

    proxy: str | None = None
    ca_file: str | None = None


class Settings(NamedTuple):
    """The effective settings of a session."""

    provider: str | None = None
    providers: Mapping[str, ProviderEntry] = MappingProxyType({})
    roles: Mapping[str, str] = MappingProxyType({})
    fallback: tuple[str, ...] = ()
    routing: Routing = Routing()
    budget: Budget = Budget()
    retries: int = 5
    when_limited: WhenLimited = "ask"
    http: Http = Http()
    permission: PermissionSettings = PermissionSettings()
    mcp_servers: Mapping[str, McpServerEntry] = MappingProxyType({})
    environment: Environment = Environment()
    max_agent_turns: int = 100
    timeouts: Timeouts = Timeouts()
    remote: Remote = Remote()
    context_window: int | None = None
    context_files: bool = True
    max_tokens: int | None = None
    max_thought_tokens: int = 64_000
    temperature: float | None = None
    show_command_changes: bool = True
    terminal: Terminal = "auto"
    sandbox: SandboxSettings = SandboxSettings()
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


_LONG_NAMES = {"op": "operation", "match": "pattern", "effect": "action"}


def expanded_permission(value: object) -> object:
    """The short form `"accept"` written out, `{"mode": "accept"}`, and the short names of a rule's keys."""
    if isinstance(value, str):
        return {"mode": value}
    if not isinstance(value, dict):
        return value
    permission = cast("JsonObject", value)
    rules = permission.get("rules")
    if not isinstance(rules, list):
        return permission
    return {**permission, "rules": [_long_names(rule) for rule in cast("list[object]", rules)]}


def expanded_sandbox(value: object) -> object:
    """The short form `"auto"` written out."""
    return {"mode": value} if isinstance(value, str) else value


def _long_names(rule: object) -> object:
    if not isinstance(rule, dict):
        return rule
    fields = cast("JsonObject", rule)
    return {
        key if (long := _LONG_NAMES.get(key)) is None or long in fields else long: value
        for key, value in fields.items()
    }


def outside_rules(permission: PermissionSettings) -> tuple[OutsideRule, ...]:
    """`external_directory` in its long form; of those that match, the last one counts."""
    said = permission.external_directory
    if said == "ask":
        return ()  # what happens anyway, and is explained better
    if isinstance(said, tuple):
        return said
    each: Mapping[str, Action] = {"read": said, "edit": said} if isinstance(said, str) else said
    return tuple(OutsideRule("/**", each[operation], operation) for operation in OUTSIDE if operation in each)


def settings_of(data: JsonObject) -> Settings:
    """The settings that `data` says, once the schema has taken it."""
    return _read(Settings, {key: value for key, value in data.items() if key != "$schema"})


def _read(kind: Callable[..., T], data: JsonObject) -> T:
    """A value of `kind`, what is in it read as _READERS says."""
    readers = _READERS.get(kind, {})
    return kind(
        **{
            key: readers[key](value) if key in readers and value is not None else value
            for key, value in data.items()
        }
    )


def _one(kind: Callable[..., object]) -> Callable[[Any], object]:
    return lambda data: _read(kind, data)


def _named(kind: Callable[..., object]) -> Callable[[Any], object]:
    return lambda data: {name: _read(kind, each) for name, each in data.items()}


def _listed(kind: Callable[..., object]) -> Callable[[Any], object]:
    return lambda data: tuple(_read(kind, each) for each in data)


def _outside(value: Any) -> object:
    return _listed(OutsideRule)(value) if isinstance(value, list) else value


_READERS: Mapping[Callable[..., object], Mapping[str, Callable[[Any], object]]] = {
    Settings: {
        "providers": _named(ProviderEntry),
        "fallback": tuple,
        "routing": _one(Routing),
        "budget": _one(Budget),
        "http": _one(Http),
        "permission": lambda value: _read(PermissionSettings, cast("JsonObject", expanded_permission(value))),
        "mcp_servers": _named(McpServerEntry),
        "environment": lambda value: Environment(tuple(value.get("pass", ()))),
        "timeouts": _one(Timeouts),
        "remote": _one(Remote),
        "sandbox": lambda value: _read(SandboxSettings, cast("JsonObject", expanded_sandbox(value))),
    },
    ProviderEntry: {
        "models": tuple,
        "thought_levels": tuple,
        "api_keys": tuple,
        "oauth": _one(OAuthClient),
        "model_info": _named(ModelInfo),
    },
    OAuthClient: {"scopes": tuple},
    ModelInfo: {"price": _one(PriceEntry), "thought_levels": tuple},
    Budget: {"session": _one(SpendingLimit), "day": _one(SpendingLimit)},
    McpServerEntry: {"args": tuple},
    PermissionSettings: {"rules": _listed(PermissionRule), "external_directory": _outside},
    SandboxSettings: {"writable": tuple, "limits": _one(CommandLimits)},
}
"""By what they are in: how values are read that are not as in JSON."""
