"""Which models there are and how each is reached: settings and environment put together."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from acp_agent.errors import AuthRequired
from acp_agent.models.keys import Key, Sources, key_of
from acp_agent.models.thinking import Asked, thought_levels, unsaid
from acp_agent.models.vision import takes_images

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from acp_agent.config.schema import ProviderEntry, Settings
    from acp_agent.models.keys import Keyring
    from acp_agent.models.prices import Price

DEFAULT_WINDOW = 128_000
"""Tokens, for models nobody has said anything about."""
WHAT_TO_SET = (
    "No model is configured. Set a key such as OPENAI_API_KEY, DEEPSEEK_API_KEY or OPENROUTER_API_KEY, "
    "start Ollama, or name a provider in the file that `acp-agent config path` prints "
    "(docs/configuration.md). `acp-agent doctor` checks it."
)


class ProviderType(NamedTuple):
    """A kind of model service, from providers.json."""

    protocol: str
    base_url: str | None = None
    key_env: tuple[str, ...] = ()
    """Environment variables that may hold the key, best first."""
    model: str | None = None
    needs_key: bool = True
    thoughts_back: bool = False
    """In chat completions: while a model works through tool calls, its thoughts are sent back to it."""
    key_header: str = ""
    """The header that holds the key, where it is not the usual one of the protocol."""
    limit_field: str = "max_tokens"
    """In chat completions: how the longest answer is called."""
    cache_key: bool = False
    """In chat completions: the conversation is named, so that what is cached of it is found."""
    cache_marks: tuple[str, ...] = ()
    """In chat completions: of which models requests mark what is to be cached, by parts of their names."""
    detect: int | None = None
    """Place in the order in which the environment is searched for a key when nothing is configured."""


class Route(NamedTuple):
    """One model at one endpoint, with what it takes to ask it."""

    alias: str
    provider: ProviderType
    base_url: str
    model: str
    key: Key
    headers: Mapping[str, str]
    window: int
    request_limit_s: float
    """Until the service begins to answer."""
    silence_limit_s: float
    """Between two pieces of an answer."""
    max_tokens: int | None = None
    temperature: float | None = None
    script: str | None = None
    vision: bool = True
    """Whether the model takes images."""
    thought_levels: Mapping[str, Mapping[str, object]] = MappingProxyType({})
    """How long the model can be told to think, from the least to the most: what a request says for each."""
    extra: Mapping[str, object] = MappingProxyType({})
    """What every request says beside the usual."""
    kind: str = ""
    """The provider type's name."""
    price: Price | None = None
    """None when it is not known."""
    max_output: int | None = None
    """The longest answer that the model can give, in tokens; None when it is not known."""
    insecure: bool = False
    """The settings allow `http://` to another machine."""
    unsaid: Mapping[str, object] = MappingProxyType({})
    """What every request says of thoughts when no level is chosen."""

    @property
    def name(self) -> str:
        """`alias/model`, as the model option shows it."""
        return f"{self.alias}/{self.model}"

    def thinking(self, level: str) -> Route:
        """The route that asks for so much thought; for one it lacks, as it does by itself."""
        return self._replace(extra=self.thought_levels.get(level, self.unsaid))


def _data(name: str) -> dict[str, object]:
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


@cache
def provider_types() -> Mapping[str, ProviderType]:
    """The kinds of service that are known, by name."""
    table = cast("dict[str, dict[str, Any]]", _data("providers.json")["types"])
    return {name: _provider_type(entry) for name, entry in table.items()}


def _provider_type(entry: dict[str, Any]) -> ProviderType:
    lists = ("key_env", "cache_marks")
    fields: dict[str, Any] = {**entry, **{key: tuple(entry[key]) for key in lists if key in entry}}
    return ProviderType(**fields)


@cache
def _windows() -> tuple[tuple[str, int], ...]:
    return tuple(
        (part, tokens) for part, tokens in cast("list[tuple[str, int]]", _data("windows.json")["windows"])
    )


def window_of(model: str) -> int:
    """The context window in tokens, by the first text of windows.json that the model's name contains."""
    name = model.lower()
    return next((tokens for part, tokens in _windows() if part in name), DEFAULT_WINDOW)


def active_alias(settings: Settings, env: Mapping[str, str]) -> str | None:
    """The provider to start with: the one named, else the first configured, else the first with a key."""
    if settings.provider:
        return settings.provider
    if settings.providers:
        return next(iter(settings.providers))
    types = provider_types().items()
    searched = sorted((kind.detect, name) for name, kind in types if kind.detect is not None)
    return next(
        (name for _, name in searched if any(env.get(key) for key in provider_types()[name].key_env)), None
    )


def routes(settings: Settings, env: Mapping[str, str], keyring: Keyring | None = None) -> tuple[Route, ...]:
    """Every model that can be asked, the one to start with first. Raises AuthRequired for the active one."""
    active = active_alias(settings, env)
    if active is None:
        return ()
    keyring = cache(keyring) if keyring else None  # for all models of a provider at once
    found = list(_of_entry(active, settings, env, keyring))
    for alias in settings.providers:
        if alias != active:
            try:
                found += _of_entry(alias, settings, env, keyring)
            except AuthRequired:
                continue  # not usable now; it is offered once its key is there
    return tuple(found)


def _of_entry(
    alias: str, settings: Settings, env: Mapping[str, str], keyring: Keyring | None
) -> Iterator[Route]:
    """The models of one provider: the one to use, then the others of its list."""
    first = route(alias, settings, env, keyring=keyring)
    yield first
    entry = settings.providers.get(alias)
    for model in dict.fromkeys(entry.models if entry else ()):
        if model != first.model:
            yield route(alias, settings, env, model, keyring=keyring)


def route(
    alias: str,
    settings: Settings,
    env: Mapping[str, str],
    model: str | None = None,
    *,
    keyring: Keyring | None = None,
) -> Route:
    """How to ask a provider's model: `model`, or the one of the settings.

    Raises AuthRequired saying what is missing.
    """
    from acp_agent.config.schema import ProviderEntry

    entry = settings.providers.get(alias) or ProviderEntry()
    kind = entry.provider_type or alias
    provider = provider_types().get(kind.lower())
    if provider is None:
        raise AuthRequired(
            f"Provider {alias!r} is of an unknown type {kind!r}. Set providers.{alias}.provider_type to one "
            f"of: {', '.join(provider_types())} (custom is any OpenAI-compatible endpoint, with base_url)."
        )
    base_url = entry.base_url or provider.base_url
    model = model or entry.model or next(iter(entry.models), provider.model)
    if provider.protocol != "scripted" and not base_url:
        raise AuthRequired(f"Set providers.{alias}.base_url: where is the endpoint of {alias!r}?")
    if not model:
        raise AuthRequired(f"Set providers.{alias}.model: which model is {alias!r} to use?")
    found = Route(
        alias=alias,
        provider=provider,
        base_url=(base_url or "").rstrip("/"),
        model=model,
        kind=kind.lower(),
        key=key_of(
            alias,
            entry,
            provider.key_env,
            Sources(env, keyring),
            needed=provider.needs_key and not entry.base_url,
        ),
        headers=_headers(entry, env),
        window=entry.context_window or settings.context_window or window_of(model),
        request_limit_s=settings.timeouts.request_secs,
        silence_limit_s=entry.stream_chunk_timeout_secs or settings.timeouts.stream_chunk_secs,
        max_tokens=entry.max_tokens or settings.max_tokens,
        temperature=settings.temperature if entry.temperature is None else entry.temperature,
        script=entry.script,
        insecure=entry.allow_insecure,
        vision=entry.vision if entry.vision is not None else takes_images(model),
    )
    return _with_thoughts(found, entry.thought_levels)


def _with_thoughts(found: Route, listed: Sequence[str]) -> Route:
    """The route with what is known of how long its model thinks, or has been `listed`."""
    asked = Asked(found.kind, found.provider.protocol, found.model, found.max_output)
    said = unsaid(asked)
    return found._replace(thought_levels=thought_levels(asked, listed), unsaid=said, extra=said)


def _headers(entry: ProviderEntry, env: Mapping[str, str]) -> Mapping[str, str]:
    from acp_agent.config.variables import expand

    return {name: expand(value, env) for name, value in entry.headers.items()}
