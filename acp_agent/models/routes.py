"""Which models there are and how each is reached: settings, environment and catalogue put together."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from acp_agent.errors import AuthRequired
from acp_agent.models.catalogue.facts import (
    NOTHING,
    ModelFacts,
    all_models,
    facts,
    guessed_images,
    guessed_window,
    listed_models,
    meant,
)
from acp_agent.models.catalogue.providers import (
    CUSTOM,
    ProviderType,
    provider_types,
    type_name,
    why_left_out,
)
from acp_agent.models.fetched import fetched
from acp_agent.models.keys import NO_KEY, Key, Sources, key_of
from acp_agent.models.prices import Price, micro
from acp_agent.models.thinking import Asked, thought_levels, unsaid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from acp_agent.config.schema import PriceEntry, ProviderEntry, Settings
    from acp_agent.models.keys import Accounts

WHAT_TO_SET = (
    "No model is configured. Run `acp-agent auth login` in a terminal, set a key such as OPENAI_API_KEY, "
    "ANTHROPIC_API_KEY or OPENROUTER_API_KEY, start Ollama, or name a provider in the file that "
    "`acp-agent config path` prints (docs/accounts.md). `acp-agent doctor` checks it."
)
MOST_OFFERED = 100
"""Of the models that a service itself has named; the others can be named by whoever wants them."""
FREE = Price(0, 0)


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
    guessed: frozenset[str] = frozenset()
    """Of `window` and `vision`, what only the model's name tells."""
    insecure: bool = False
    """The settings allow `http://` to another machine."""
    own: bool = True
    """Whether it is asked at its type's own address."""
    known: bool = False
    """Whether the catalogue, the service or the settings have said anything of the model."""
    tools: bool | None = None
    """Whether the model calls tools; None when it is not known."""
    flat_tools: bool = False
    """It is told of tools without nested parameters."""
    unsaid: Mapping[str, object] = MappingProxyType({})
    """What every request says of thoughts when no level is chosen."""

    @property
    def name(self) -> str:
        """`alias/model`, as the model option shows it."""
        return f"{self.alias}/{self.model}"

    def thinking(self, level: str) -> Route:
        """The route that asks for so much thought; for one it lacks, as it does by itself."""
        return self._replace(extra=self.thought_levels.get(level, self.unsaid))


# Which providers there are -------------------------------------------------------------------------


def active_alias(settings: Settings, env: Mapping[str, str], accounts: Accounts | None = None) -> str | None:
    """The provider to start with: the one named, else the first configured, else the first with a key.

    Keys in the environment come before accounts. Raises AuthRequired when those cannot be read.
    """
    if settings.provider:
        return configured_as(settings.provider, settings)
    if settings.providers:
        return next(iter(settings.providers))
    return next(iter(unconfigured(env, accounts)), None)


def unconfigured(env: Mapping[str, str], accounts: Accounts | None) -> Iterator[str]:
    """The types that can be used though the settings name no provider, the first one first."""
    found = dict.fromkeys(detected(env))
    yield from found
    stored = {name for name in (accounts.providers() if accounts else ()) if type_name(name) == name}
    yield from (name for name in provider_types() if name in stored and name not in found)


def detected(env: Mapping[str, str]) -> Iterator[str]:
    """The types whose key is in the environment, in the order in which they are taken."""
    for name, kind in provider_types().items():
        if kind.detect and any(env.get(variable) for variable in kind.key_env):
            yield name


def configured_as(name: str, settings: Settings) -> str:
    """`name` as the settings write it: case does not matter."""
    if name in settings.providers:
        return name
    return next((alias for alias in settings.providers if alias.lower() == name.lower()), name)


def kind_of(alias: str, entry: ProviderEntry | None) -> str | None:
    """The name of the type of a provider; None when it is none that is known."""
    stated = entry.provider_type if entry else None
    found = type_name(stated or alias)
    if found is None and stated is None and entry and entry.base_url:
        return CUSTOM
    return found


def address_of(alias: str, entry: ProviderEntry, env: Mapping[str, str]) -> str | None:
    """Where a provider is reached; None when that is not known."""
    kind = kind_of(alias, entry)
    return entry.base_url or (provider_types()[kind].address(env) if kind else None)


# Routes --------------------------------------------------------------------------------------------


def routes(settings: Settings, sources: Sources) -> tuple[Route, ...]:
    """Every model that is offered, the one to start with first. Raises AuthRequired for the active one.

    Where no provider is configured, those are offered whose key is in the environment, or an account.
    """
    env, keyring, accounts = sources
    active = active_alias(settings, env, accounts)
    if active is None:
        return ()
    if keyring:  # once for all models of a provider
        sources = sources._replace(keyring=cache(keyring))
    found = list(offered(active, settings, sources))
    for alias in settings.providers or unconfigured(env, accounts):
        if alias != active:
            try:
                found += offered(alias, settings, sources)
            except AuthRequired:
                continue  # not usable now; it is offered once its key is there
    return tuple(found)


def offered(alias: str, settings: Settings, sources: Sources) -> Iterator[Route]:
    """The models of one provider: the one to use, then those of its list, then others worth a try.

    Raises AuthRequired saying what is missing.
    """
    end = _endpoint(alias, settings, sources)
    first = _route(end, _first_model(end))
    yield first
    listed = listed_models(end.provider.group) if end.own else ()
    for model in dict.fromkeys((*end.entry.models, *listed, *list(end.fetched)[:MOST_OFFERED])):
        found = _route(end, model)
        if found.model != first.model:
            yield found


def all_known(alias: str, settings: Settings, env: Mapping[str, str]) -> Sequence[Route]:
    """Every model that is known of a provider, the one to use first, whether it can be asked or not.

    Raises AuthRequired for one of an unknown type.
    """
    end = _endpoint(alias, settings, Sources(env), usable=False)
    group = all_models(end.provider.group) if end.own else ()
    first = end.entry.model or end.provider.model
    names = (*([first] if first else []), *end.entry.models, *group, *end.fetched)
    found = {each.model: each for each in (_route(end, model) for model in names)}
    return tuple(found.values())


def route(alias: str, settings: Settings, sources: Sources, model: str | None = None) -> Route:
    """How to ask a provider's model: `model`, or the one of the settings.

    Raises AuthRequired saying what is missing.
    """
    end = _endpoint(alias, settings, sources)
    return _route(end, model or _first_model(end))


def named_route(text: str, settings: Settings, sources: Sources) -> Route:
    """The route of `PROVIDER/MODEL`, or of `PROVIDER` and its model.

    Raises AuthRequired saying what to set, also when there is no such provider.
    """
    name, _, model = text.partition("/")
    alias = configured_as(name, settings)
    if kind_of(alias, settings.providers.get(alias)) is None:
        known = ", ".join(settings.providers) or "none yet"
        raise AuthRequired(
            f"{why_left_out(name) or f'There is no provider {name!r}'}. Write PROVIDER/MODEL with one of "
            f"your providers ({known}) or a provider type of docs/models.md."
        )
    return route(alias, settings, sources, model or None)


def reach(alias: str, settings: Settings, sources: Sources) -> Route:
    """How to ask a provider which models it has: a route whose model may be empty. Raises AuthRequired."""
    end = _endpoint(alias, settings, sources)
    return _route(end, end.entry.model or end.provider.model or "")


class _Endpoint(NamedTuple):
    """A provider as the settings have it: all of a route but the model."""

    alias: str
    entry: ProviderEntry
    settings: Settings
    kind: str
    provider: ProviderType
    base_url: str
    own: bool
    key: Key
    headers: Mapping[str, str]
    fetched: Mapping[str, ModelFacts]


def _endpoint(alias: str, settings: Settings, sources: Sources, *, usable: bool = True) -> _Endpoint:
    """Without `usable` neither key nor address have to be there. Raises AuthRequired."""
    from acp_agent.config.schema import ProviderEntry
    from acp_agent.config.values import is_address

    env = sources.env
    alias = configured_as(alias, settings)
    entry = settings.providers.get(alias) or ProviderEntry()
    kind = kind_of(alias, entry)
    if kind is None:
        raise AuthRequired(_unknown_type(alias, entry.provider_type or alias))
    provider = provider_types()[kind]
    usual = provider.address(env)
    base_url = (entry.base_url or usual or "").rstrip("/")
    if not is_address(base_url):
        said_by = " or ".join((*provider.variables, f"providers.{alias}.base_url"))
        raise AuthRequired(f"The address of {alias!r} is not a URL. Correct {said_by}.")
    own = base_url == (usual or "")
    if not own and provider.elsewhere:
        provider = provider._replace(**provider.elsewhere)
    if entry.protocol:
        provider = provider._replace(protocol=entry.protocol)
    if usable and not base_url and provider.protocol != "scripted":
        raise AuthRequired(_without_address(alias, provider, env))
    key, headers = Key(None, NO_KEY), dict[str, str]()
    if usable:
        needed = provider.needs_key and not entry.base_url
        key = key_of(alias, entry, provider.key_env, sources, needed=needed)
        headers = _headers(entry, env)
    return _Endpoint(
        alias=alias,
        entry=entry,
        settings=settings,
        kind=kind,
        provider=provider,
        base_url=base_url,
        own=own,
        key=key,
        headers=headers,
        fetched=fetched(env, alias, base_url),
    )


def _unknown_type(alias: str, kind: str) -> str:
    if left_out := why_left_out(kind):
        return f"{left_out}."
    return (
        f"Provider {alias!r} is of an unknown type {kind!r}. Set providers.{alias}.provider_type to a type "
        f"of docs/models.md, or providers.{alias}.base_url if it speaks OpenAI's chat completions."
    )


def _without_address(alias: str, provider: ProviderType, env: Mapping[str, str]) -> str:
    if missing := provider.missing(env):
        return f"Set {' and '.join(missing)} in the environment, or providers.{alias}.base_url."
    return f"Set providers.{alias}.base_url: where is the endpoint of {alias!r}?"


def _headers(entry: ProviderEntry, env: Mapping[str, str]) -> dict[str, str]:
    from acp_agent.config.variables import expand

    return {name: expand(value, env) for name, value in entry.headers.items()}


def _first_model(end: _Endpoint) -> str:
    usual = end.provider.model or next(iter(end.fetched), None)
    model = end.entry.model or next(iter(end.entry.models), usual)
    if not model:
        raise AuthRequired(f"Set providers.{end.alias}.model: which model is {end.alias!r} to use?")
    return model


def _route(end: _Endpoint, model: str) -> Route:
    from acp_agent.config.schema import ModelInfo

    entry, settings = end.entry, end.settings
    if end.own:
        model = meant(end.provider.group, model)
    said = entry.model_info.get(model) or ModelInfo()
    there, is_known = _known(end, model)
    window = said.context_window or entry.context_window or settings.context_window or there.window
    vision = _first_set(said.vision, entry.vision, there.images)
    guessed = {"window": window, "vision": vision}
    most = said.max_output or there.output
    thinking = Asked(end.kind, end.provider.protocol, model, most)
    as_usual = unsaid(thinking)
    return Route(
        alias=end.alias,
        provider=end.provider,
        base_url=end.base_url,
        model=model,
        kind=end.kind,
        key=end.key,
        headers=end.headers,
        window=window or guessed_window(model),
        request_limit_s=settings.timeouts.request_secs,
        silence_limit_s=entry.stream_chunk_timeout_secs or settings.timeouts.stream_chunk_secs,
        max_tokens=entry.max_tokens or settings.max_tokens,
        temperature=settings.temperature if entry.temperature is None else entry.temperature,
        script=entry.script,
        thought_levels=thought_levels(thinking, said.thought_levels or entry.thought_levels),
        flat_tools=bool(entry.flat_tools),
        unsaid=as_usual,
        extra=as_usual,
        vision=guessed_images(model) if vision is None else vision,
        price=_price(said.price) if said.price else there.price,
        max_output=most,
        guessed=frozenset(name for name, value in guessed.items() if value is None),
        insecure=entry.allow_insecure,
        own=end.own,
        known=is_known or model in entry.model_info,
        tools=there.tools,
    )


def _known(end: _Endpoint, model: str) -> tuple[ModelFacts, bool]:
    """What is known of a model there, and whether anything is.

    The catalogue counts more than what the service has said, which counts more than what is usual there.
    At another address than the type's own a model of that name is somebody else's, and costs what they say.
    """
    provider = end.provider
    stated = facts(provider.group, model) if end.own else None
    heard = end.fetched.get(model)
    usual = NOTHING._replace(window=provider.window, output=provider.max_output, price=_free(end, model))
    values = zip(stated or NOTHING, heard or NOTHING, usual, strict=True)
    return ModelFacts(*(_first_set(*each) for each in values)), stated is not None or heard is not None


def _free(end: _Endpoint, model: str) -> Price | None:
    from urllib.parse import urlsplit

    from acp_agent.config.values import is_loopback

    if not end.provider.free or any(part in model for part in end.provider.paid):
        return None
    return FREE if is_loopback(urlsplit(end.base_url).hostname or "") else None


def _first_set(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _price(stated: PriceEntry) -> Price:
    """What the settings say in dollars; amounts below a micro-dollar are rounded."""
    amounts = (stated.input, stated.output, stated.cache_read, stated.cache_write)
    asked, answered, read, written = map(micro, amounts)
    return Price(asked or 0, answered or 0, read, written)
