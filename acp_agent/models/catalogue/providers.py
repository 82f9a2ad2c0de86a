"""The kinds of model service that are known (providers.json), by name."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from acp_agent.models.catalogue.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping

CUSTOM = "custom"
"""The type of an endpoint of which nothing is known but its address."""


_LISTS = ("base_urls", "key_env", "aliases", "paid", "cache_marks")


class ProviderType(NamedTuple):
    """A kind of model service; providers.schema.json says what each field means."""

    protocol: str
    title: str = ""
    base_urls: tuple[str, ...] = ()
    replace: Mapping[str, str] = MappingProxyType({})
    port: int | None = None
    key_env: tuple[str, ...] = ()
    key_header: str = ""
    needs_key: bool = True
    detect: bool = False
    model: str | None = None
    aliases: tuple[str, ...] = ()
    group: str = ""
    maker: str | None = None
    elsewhere: Mapping[str, Any] = MappingProxyType({})
    window: int | None = None
    max_output: int | None = None
    free: bool = False
    paid: tuple[str, ...] = ()
    thoughts_back: bool = False
    limit_field: str = "max_tokens"
    cache_key: bool = False
    cache_marks: tuple[str, ...] = ()

    @property
    def base_url(self) -> str | None:
        """The address that needs nothing of the environment, if it has one."""
        return next((url for url in self.base_urls if "${" not in url), None)

    @property
    def variables(self) -> tuple[str, ...]:
        """Those of the environment that have a say in its address."""
        from acp_agent.config.variables import names

        return tuple(dict.fromkeys(name for url in self.base_urls for name in names(url)))

    def address(self, env: Mapping[str, str]) -> str | None:
        """Where it is reached, by the environment; None where that does not say enough."""
        from acp_agent.config.variables import names, unset

        for template in self.base_urls:
            if not unset(template, env):
                filled = template
                for name in names(template):
                    filled = filled.replace(f"${{{name}}}", env[name].strip().rstrip("/"))
                return filled if filled == template else self._completed(filled)
        return None

    def missing(self, env: Mapping[str, str]) -> list[str]:
        """The variables of the environment that its address still needs."""
        from acp_agent.config.variables import unset

        return unset(self.base_urls[-1], env) if self.base_urls else []

    def _completed(self, url: str) -> str:
        from acp_agent.config.values import is_loopback

        if "://" not in url:
            host, slash, path = url.partition("/")
            if self.port:
                host = _with_port(host, self.port)
            here = self.port or is_loopback(host.rpartition(":")[0] or host)
            url = f"{'http' if here else 'https'}://{host}{slash}{path}"
        for old, new in self.replace.items():
            url = url.replace(old, new)
        return url


def _with_port(host: str, port: int) -> str:
    """As Ollama reads its own variable: `::1`, `[::1]` and `:8080` are whole hosts."""
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    if host.startswith(":"):
        host = f"127.0.0.1{host}"
    return host if host.rpartition(":")[2].isdigit() else f"{host.rstrip(':')}:{port}"


@cache
def provider_types() -> Mapping[str, ProviderType]:
    """All of them, in the order in which the environment is searched for their keys."""
    return {name: _provider_type(name, entry) for name, entry in table("providers")["providers"].items()}


def _provider_type(name: str, entry: dict[str, Any]) -> ProviderType:
    fields: dict[str, Any] = {"group": name, **entry}
    for key in _LISTS:
        fields[key] = tuple(entry.get(key, ()))
    return ProviderType(**fields)


@cache
def _names() -> Mapping[str, str]:
    types = provider_types()
    return {
        **{alias: name for name, kind in types.items() for alias in kind.aliases},
        **{n: n for n in types},
    }


def type_name(text: str) -> str | None:
    """The name of the type that `text` is the name of, or another name of; None for none."""
    return _names().get(text.lower())


def why_left_out(text: str) -> str | None:
    """What to say of a name that is deliberately no type, such as that of another product's login."""
    reason = table("providers")["left_out"].get(text.lower())
    return f"{text} {reason}" if reason else None
