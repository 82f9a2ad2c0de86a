"""Schemas of other people's tools, made into what model services accept.

A service refuses the whole request, and with it the turn, for one tool whose schema it does not like.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema = dict[str, object]

LARGEST = 16 << 10
"""Characters of JSON. What is larger is told without its explanations, or only as names and types."""
DEEPEST = 12
"""Levels of objects within objects; what lies deeper may be anything."""
_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_NEVER_ON_TOP = frozenset((*_ALTERNATIVES, "not", "if", "then", "else", "enum", "const", "$ref"))
_NEVER = frozenset(("$schema", "$id", "$comment", "$anchor", "$dynamicAnchor"))
_EXPLAINING = frozenset(("description", "title", "examples", "example", "default", "format", "pattern"))


def accepted(schema: Mapping[str, object]) -> Schema:
    """An object schema with parameters of acceptable names, no alternatives on top, bounded."""
    whole = _object(_pruned(schema, _NEVER))
    if _size(whole) <= LARGEST:
        return whole
    plain = _object(_pruned(whole, _EXPLAINING))
    return plain if _size(plain) <= LARGEST else _bare(plain)


def _pruned(schema: Mapping[str, object], left_out: frozenset[str]) -> Schema:
    return cast(Schema, _walk(schema, left_out, DEEPEST, names=False))


def _walk(value: object, left_out: frozenset[str], depth: int, *, names: bool) -> object:
    """`value` without the keywords `left_out`. With `names` its keys are parameters, not keywords."""
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value).items() if depth else ()
        found: Schema = {}
        for key, inner in entries:
            if names and isinstance(inner, bool):
                found[key] = {}  # the same as true, which not every service knows
            elif names or key not in left_out:
                below = not names and key in ("properties", "$defs")
                found[key] = _walk(inner, left_out, depth - 1, names=below)
        return found
    if isinstance(value, list):
        items = cast("list[object]", value) if depth else []
        return [_walk(item, left_out, depth - 1, names=False) for item in items]
    return value


def _object(schema: Schema) -> Schema:
    """The schema of an object. Alternatives on top are united; what only some of them require is optional."""
    properties: Schema = {}
    for part in _parts(schema):
        for name, value in _dict(part.get("properties")).items():
            if _NAME.fullmatch(name):
                properties.setdefault(name, value)
    kept = {key: value for key, value in schema.items() if key not in _NEVER_ON_TOP}
    named = (name for name in _list(schema.get("required")) if isinstance(name, str))
    required = [name for name in dict.fromkeys(named) if name in properties]
    kept.pop("required", None)
    return {
        **kept,
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _parts(schema: Schema) -> Iterator[Schema]:
    yield schema
    for keyword in _ALTERNATIVES:
        for part in _list(schema.get(keyword)):
            yield _dict(part)


def _bare(schema: Schema) -> Schema:
    """Names and types, as many as there is room for."""
    properties: Schema = {}
    room = LARGEST
    for name, value in _dict(schema.get("properties")).items():
        kind = _dict(value).get("type")
        bare: Schema = {"type": kind} if isinstance(kind, str) else {}
        room -= len(name) + len(json.dumps(bare)) + 6
        if room < 0:
            break
        properties[name] = bare
    return _object({"properties": properties, "required": schema.get("required", [])})


def _dict(value: object) -> Schema:
    return cast(Schema, value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _size(schema: Schema) -> int:
    return len(json.dumps(schema, ensure_ascii=False))
