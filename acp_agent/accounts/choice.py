"""Which provider and which of its credentials would be used, and why: for a person, without any secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from acp_agent.config.schema import ProviderEntry
from acp_agent.errors import AgentError
from acp_agent.models.catalogue.providers import provider_types
from acp_agent.models.keys import NO_KEY, key_of
from acp_agent.models.routes import active_alias, address_of, detected, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.accounts.account import Account
    from acp_agent.accounts.stored import Stored
    from acp_agent.config.schema import Settings
    from acp_agent.models.keys import Sources


class Choice(NamedTuple):
    """How things stand with one provider."""

    alias: str
    host: str
    why: str
    """Why it is the one to start with; empty for all others."""
    source: str
    """Where its key would come from; empty when it has none and needs none, or `problem` says why not."""
    problem: str
    accounts: Sequence[Account]
    active: str | None
    """The name of the active account."""
    unused: Sequence[str]
    """Accounts that are of another address than the provider has now."""


def why_active(settings: Settings, sources: Sources, alias: str) -> str:
    """Why a provider is the one to start with."""
    if settings.provider:
        return "named by the setting provider"
    if settings.providers:
        return "the first of the setting providers"
    kind = provider_types().get(alias)
    variables = kind.key_env if kind else ()
    found = next((name for name in variables if sources.env.get(name)), None)
    return f"found by ${found} in the environment" if found else "it has an account"


def choices(settings: Settings, sources: Sources, stored: Stored) -> Sequence[Choice]:
    """Of every provider that is configured, or has an account or a key in the environment.

    The one in use comes first.

    Raises AuthRequired for a file of accounts that cannot be used.
    """
    held = stored.file.held()
    active = active_alias(settings, sources.env, stored)
    first = [active] if active else []
    names = dict.fromkeys((*first, *settings.providers, *held, *detected(sources.env)))
    return [_choice(name, settings, sources, stored, active) for name in names]


def _choice(alias: str, settings: Settings, sources: Sources, stored: Stored, active: str | None) -> Choice:
    entry = settings.providers.get(alias) or ProviderEntry()
    name = kind_of(alias, entry)
    base_url = address_of(alias, entry, sources.env) or ""
    source, problem = "", ""
    if name is None:
        problem = (
            f"{alias} has neither a base_url nor a provider_type that is known."
            if alias in settings.providers
            else f"{alias} is no known provider, and the settings have none of that name."
        )
    else:
        kind = provider_types()[name]
        try:
            needed = kind.needs_key and not entry.base_url
            source = key_of(alias, entry, kind.key_env, sources, needed=needed).source
        except AgentError as error:
            problem = str(error)
    usable = stored.of(alias, entry)
    every = stored.file.held().get(alias)
    return Choice(
        alias,
        urlsplit(base_url).netloc.rpartition("@")[2],
        why_active(settings, sources, alias) if alias == active else "",
        "" if source == NO_KEY else source,
        problem,
        usable,
        stored.active(alias, entry),
        [name for name in (every.accounts if every else ()) if name not in {each.name for each in usable}],
    )
