"""What a client has set of the providers, on top of the settings, for as long as the process lives."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from acp_agent.acp.providers import Provider, Routing
from acp_agent.config.schema import ProviderEntry
from acp_agent.config.values import is_loopback
from acp_agent.errors import InvalidParams
from acp_agent.models.catalogue.providers import ProviderType, provider_types
from acp_agent.models.routes import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.config.schema import Settings

    Active = Callable[[Settings], str | None]
    """The provider that is in use with given settings."""

PROTOCOLS = {"openai": "custom"}
"""Protocols that a client may choose, and the type of provider that speaks each."""


class Overrides:
    def __init__(self) -> None:
        self._set: dict[str, Routing] = {}
        self._disabled: set[str] = set()

    def applied(self, settings: Settings) -> Settings:
        """`settings` with what the client has set in their place."""
        providers = {name: entry for name, entry in settings.providers.items() if name not in self._disabled}
        for name, routing in self._set.items():
            providers[name] = _redirected(name, providers.get(name) or ProviderEntry(), routing)
        provider = settings.provider if settings.provider not in self._disabled else None
        return settings._replace(provider=provider, providers=providers)

    def all(self, settings: Settings, active_in: Active) -> Sequence[Provider]:
        """Those of the settings, those that the client has set and the one in use."""
        now = self.applied(settings)
        active = active_in(now)
        names = {*settings.providers, *self._set, *([active] if active else [])}
        return [self._provider(name, now, only=len(names) == 1) for name in sorted(names)]

    def _provider(self, name: str, settings: Settings, *, only: bool) -> Provider:
        from acp_agent.config.values import without_credentials

        disabled = name in self._disabled
        entry = settings.providers.get(name) or ProviderEntry()
        kind = _type(name, entry)
        base_url = entry.base_url or (kind.base_url if kind else None) or ""
        protocol = kind.protocol.removesuffix("-responses") if kind else "openai"  # both are OpenAI's
        current = None if disabled else Routing(protocol, without_credentials(base_url), {})
        return Provider(name, tuple(PROTOCOLS), only and not disabled, current)

    def set(self, name: str, routing: Routing) -> None:
        """Raises InvalidParams for a protocol or address that cannot be used."""
        if routing.protocol not in PROTOCOLS:
            raise InvalidParams(
                f"providers/set: apiType {routing.protocol!r} is not spoken here; use {', '.join(PROTOCOLS)}",
                data={"param": "apiType"},
            )
        if not _may_be_used(routing.base_url):
            raise InvalidParams(
                "providers/set: baseUrl must be https, or http on this machine, without user or password",
                data={"param": "baseUrl"},
            )
        if any("${" in value for value in routing.headers.values()):
            raise InvalidParams(
                "providers/set: headers are sent as they are and cannot hold ${…}.", data={"param": "headers"}
            )
        self._disabled.discard(name)
        self._set[name] = routing

    def disable(self, name: str, settings: Settings, active_in: Active) -> None:
        """Nothing for one that is not known or disabled already; raises InvalidParams for the only one."""
        for provider in self.all(settings, active_in):
            if provider.id == name and provider.required:
                raise InvalidParams(
                    f"providers/disable: {name!r} is the only provider; set another one first.",
                    data={"param": "providerId"},
                )
        self._set.pop(name, None)
        self._disabled.add(name)


def _may_be_used(base_url: str) -> bool:
    try:
        address = urlsplit(base_url)
        host = address.hostname or ""
    except ValueError:  # brackets or letters that no host has
        return False
    if "@" in address.netloc:  # it would be shown to everybody; headers are not
        return False
    return bool(host) and (address.scheme == "https" or (address.scheme == "http" and is_loopback(host)))


def _type(name: str, entry: ProviderEntry) -> ProviderType | None:
    found = kind_of(name, entry)
    return provider_types()[found] if found else None


def _redirected(name: str, entry: ProviderEntry, routing: Routing) -> ProviderEntry:
    """What is known of the provider, at another address; a key of ours is not sent there."""
    known = _type(name, entry)
    return entry._replace(
        provider_type=PROTOCOLS[routing.protocol],
        model=entry.model or (known.model if known else None),
        base_url=routing.base_url.rstrip("/"),
        headers=routing.headers,
        api_key=None,
        api_key_env=None,
        api_keys=(),
        account=None,
        pool=None,
        oauth=None,
    )
