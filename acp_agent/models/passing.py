"""What commands must not be given of the environment because the agent itself lives by it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.models.catalogue.providers import provider_types
from acp_agent.models.routes import kind_of
from acp_agent.redaction.redactor import SHORTEST
from acp_agent.workspace.environment import Passing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from acp_agent.config.schema import Settings
    from acp_agent.models.routes import Route

_SECRET_NAME = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)


def passing(settings: Settings, models: Sequence[Route] = (), stored: Iterable[str] = ()) -> Passing:
    """What the person has named passes, but for what keys of `models` come from, by name or by value."""
    from acp_agent.config.variables import names

    named = {
        kind_of(alias, settings.providers.get(alias))
        for alias in (*settings.providers, settings.provider or "")
    }
    types = provider_types().items()
    own = {key for name, kind in types if kind.detect or name in named for key in kind.key_env}
    for entry in settings.providers.values():
        for text in (entry.api_key or "", *entry.api_keys, *entry.headers.values()):
            own.update(names(text))
        if entry.api_key_env:
            own.add(entry.api_key_env)
    return Passing(settings.environment.pass_, frozenset(own), own_keys(models, stored))


def own_keys(models: Sequence[Route], stored: Iterable[str] = ()) -> frozenset[str]:
    """The keys that the agent itself uses or could use, but for those too short to be told from words.

    `stored` are those of accounts.
    """
    found = {*stored, *(way.key.value for way in models if way.key.value)}
    found.update(value for way in models for value in in_headers(way.headers))
    found.update(value for way in models for value in _in_address(way.base_url))
    return frozenset(key for key in found if len(key) >= SHORTEST)


def in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    """What is secret in headers, without the word for its kind, such as Bearer."""
    for name, value in headers.items():
        if _SECRET_NAME.search(name) and value.split():
            yield value.split()[-1]


def _in_address(url: str) -> Iterator[str]:
    """The password of an address, and what its query calls a secret; as they are written there and meant."""
    from urllib.parse import parse_qsl, unquote, urlsplit

    parts = urlsplit(url)
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    yield from (value for name, value in parse_qsl(parts.query) if _SECRET_NAME.search(name))
