"""The settings: one pydantic model per JSON object of `config.json`.

Every model is frozen, strict (no `"100"` for 100) and refuses unknown keys; descriptions and
limits end up in the JSON Schema that editors use.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

Mode = Literal["standard", "restrictive", "accept", "yolo"]
Operation = Literal["read", "edit", "execute", "network", "mcp", "memory", "skill", "agent", "meta"]
Action = Literal["allow", "ask", "deny"]

MODES: tuple[str, ...] = get_args(Mode)

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BARE_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*|\$\{[^}]*")

Name = Annotated[str, Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0)]
Tokens = Annotated[int, Field(ge=1)]


def wrong(what: str, hint: str) -> PydanticCustomError:
    """A finding in our own words: what is wrong with a value, and what to write."""
    return PydanticCustomError("setting", "{what}", {"what": what, "hint": hint})


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # built once, as a part of Settings
        protected_namespaces=(),
    )


class ProviderEntry(_Section):
    """A model endpoint and how to reach it."""

    provider_type: Name | None = Field(
        default=None,
        description="The kind of service: a known one such as openai or ollama. Default: the entry's name.",
    )
    allow_insecure: bool = Field(
        default=False,
        description="Allow plain http:// to another machine. Keys and code travel unencrypted.",
    )
    base_url: str | None = Field(
        default=None,
        description="The endpoint, up to and without /chat/completions. Default: that of the provider type.",
    )
    model: Name | None = Field(
        default=None,
        description="The model's id. Default: that of the provider type.",
    )
    api_key: Name | None = Field(
        default=None,
        repr=False,
        description='The key itself, or "${VARIABLE}" to take it from the environment.',
    )
    api_key_env: str | None = Field(default=None, description="The environment variable that holds the key.")
    context_window: Tokens | None = Field(
        default=None,
        description="Tokens the model can take in. Overrides the top-level context_window.",
    )
    headers: dict[str, str] = Field(
        default={},
        repr=False,
        description='HTTP headers sent with every request. Values may contain "${VARIABLE}".',
    )
    script: Name | None = Field(
        default=None,
        description="A script for provider_type scripted; relative to the folder of the file that names it.",
    )
    stream_chunk_timeout_secs: Seconds | None = Field(
        default=None,
        description="Longest silence in an answer, in seconds. Overrides timeouts.stream_chunk_secs.",
    )

    @field_validator("base_url")
    @classmethod
    def _reachable_safely(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None:
            _check_url(url, allow_insecure=bool(info.data.get("allow_insecure")))
        return url

    @field_validator("api_key")
    @classmethod
    def _braced(cls, key: str | None) -> str | None:
        if key is not None and _BARE_VARIABLE.fullmatch(key):
            raise wrong("looks like a variable but is not written as one", 'write "${NAME}"')
        return key

    @field_validator("api_key_env")
    @classmethod
    def _variable(cls, name: str | None) -> str | None:
        if name is not None and not _VARIABLE_NAME.fullmatch(name):
            raise wrong(
                "is not the name of an environment variable",
                'write a name such as "OPENAI_API_KEY"; a key itself goes into api_key',
            )
        return name

    @field_validator("headers")
    @classmethod
    def _header_syntax(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise wrong("has a name that HTTP does not allow", "use letters, digits and hyphens")
            if any(ord(char) < 32 or ord(char) == 127 for char in value):
                raise wrong(f"has a control character in the value of {name}", "write the value on one line")
        return headers


class PermissionRule(_Section):
    """What happens to one kind of operation on what a pattern matches."""

    operation: Operation = Field(description="What is done: read, edit, execute, …")
    pattern: Name = Field(description="What it is done to: a path, command or host pattern.")
    action: Action = Field(description="allow: without asking. ask: ask first. deny: never.")
    only_tightens: bool = Field(
        default=False,
        description="Counts only where it is stricter than the rules before it; so do a project's rules.",
    )


class PermissionSettings(_Section):
    """What the agent may do without asking."""

    mode: Mode = Field(
        default="standard",
        description="standard: reading is free, the rest asks. restrictive: everything asks. "
        "accept: edits in the workspace are free too. yolo: nothing asks.",
    )
    rules: Annotated[tuple[PermissionRule, ...], Field(strict=False)] = Field(
        default=(),
        description="Rules in order; of those that match, the last one counts.",
    )


class Timeouts(_Section):
    """Longest waits, in seconds."""

    stream_chunk_secs: Seconds = Field(default=300, description="Silence in the middle of a model's answer.")
    request_secs: Seconds = Field(default=60, description="Until the model's service begins to answer.")
    bash_secs: Seconds = Field(
        default=120,
        description="A shell command that does not say how long.",
    )
    bash_max_secs: Seconds = Field(default=600, description="The most that a shell command may ask for.")
    client_request_secs: Seconds = Field(
        default=20,
        description="An answer of the editor, except to a permission prompt.",
    )


def expanded_permission(value: object) -> object:
    """The short form `"accept"` written out: `{"mode": "accept"}`."""
    return {"mode": value} if isinstance(value, str) else value


class Settings(_Section):
    """The effective settings of a session."""

    provider: Name | None = Field(
        default=None,
        description="The active provider: a name under providers, or a known provider type.",
    )
    providers: dict[str, ProviderEntry] = Field(
        default={},
        description="Model endpoints by a name of your choice.",
    )
    permission: Annotated[
        PermissionSettings,
        BeforeValidator(expanded_permission, json_schema_input_type=Mode | PermissionSettings),
    ] = Field(
        default=PermissionSettings.model_construct(),
        description="What needs asking; a mode, or mode and rules.",
    )
    max_agent_turns: int = Field(default=100, ge=1, description="Most model calls that one prompt may cause.")
    timeouts: Timeouts = Field(default=Timeouts.model_construct(), description="Longest waits, in seconds.")
    context_window: Tokens | None = Field(
        default=None,
        description="Tokens the model can take in, where its provider entry does not say.",
    )
    context_files: bool = Field(default=True, description="Read AGENTS.md and CLAUDE.md into the context.")
    max_tokens: Tokens | None = Field(default=None, description="Most tokens in one answer of the model.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="Sampling temperature, 0 to 2.")


def _check_url(url: str, *, allow_insecure: bool) -> None:
    from urllib.parse import urlsplit

    example = "write a URL such as https://api.example.com/v1"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong("is not a URL", example) from None
    if parts.scheme not in ("http", "https") or not host:
        raise wrong("is not an http or https URL", example)
    if parts.scheme == "http" and not allow_insecure and not is_loopback(host):
        raise wrong(
            f"sends keys and code unencrypted to {host}",
            'use https://, or set "allow_insecure": true beside it if that network is yours',
        )


def is_loopback(host: str) -> bool:
    """True for a name or address that is always this machine."""
    if host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost"):
        return True
    from ipaddress import ip_address

    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or bool(mapped and mapped.is_loopback)
