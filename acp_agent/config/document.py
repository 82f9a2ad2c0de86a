"""The settings on paper: the effective values, with keys left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from acp_agent.config.problems import dotted
from acp_agent.config.validate import origins
from acp_agent.config.values import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.config.load import Resolved
    from acp_agent.config.reading import JsonObject

_HIDDEN = "(hidden)"
_SECRETS = frozenset({"api_key", "api_keys", "headers", "env"})
_ADDRESSES = frozenset({"base_url", "url"})

_Path = tuple[str, ...]


class Line(NamedTuple):
    """One effective value, safe to show, and where it comes from."""

    key: str
    value: object
    source: str

    def __str__(self) -> str:
        return f"{self.key} = {json.dumps(self.value, ensure_ascii=False)}  ({self.source})"


def effective(resolved: Resolved) -> list[Line]:
    """Every value that holds, defaults included, in the order of the schema; unset ones are left out."""
    sources = origins(resolved.layers)
    values = cast("JsonObject", _as_json(resolved.loaded.settings))
    lines: list[Line] = []
    for path, value in _leaves(values, ()):
        key = dotted(path)
        source = sources.get(key, "default")
        if value is not None or source != "default":
            lines.append(Line(key, _presentable(path, value), source))
    return lines


def _as_json(value: object) -> object:
    """What a settings file would say for `value`."""
    if hasattr(value, "_asdict"):  # a named tuple stands for an object
        fields = cast("JsonObject", cast(Any, value)._asdict())
        value = {name.removesuffix("_"): inner for name, inner in fields.items() if name != "source"}
    if isinstance(value, Mapping):
        return {key: _as_json(inner) for key, inner in cast("Mapping[str, object]", value).items()}
    if isinstance(value, tuple):
        return [_as_json(item) for item in cast("tuple[object, ...]", value)]
    return value


def _leaves(data: JsonObject, above: _Path) -> Iterator[tuple[_Path, object]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _leaves(cast("JsonObject", value), (*above, key))
        else:
            yield (*above, key), value


def _presentable(path: _Path, value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if path == ("http", "proxy") and isinstance(value, str):
        return without_credentials(value if "://" in value else f"http://{value}")
    if path[0] not in ("providers", "mcp_servers") or not isinstance(value, str | list):
        return value
    field = path[2]
    if isinstance(value, list):
        return [_presentable(path, each) for each in cast("list[object]", value)]
    if field in _SECRETS:
        from acp_agent.models.keys import is_elsewhere

        return value if is_elsewhere(value) else _HIDDEN
    return without_credentials(value) if field in _ADDRESSES else value
