"""Whether a JSON value is what a schema says, for the part of JSON Schema that settings.schema.json uses.

It is stricter than the standard in three things: a whole number is written without a decimal
point, a number is one that a float can hold (JSON's `1e999` is not), and text is whole Unicode.
Beside `$ref` and `anyOf` only annotations may stand, such as a description.
"""

from __future__ import annotations

import operator
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Schema = dict[str, Any]
Place = tuple[str | int, ...]

ANNOTATIONS = frozenset({"$schema", "$defs", "title", "description", "default"})
KEYWORDS = frozenset(
    {"$ref", "anyOf", "type", "enum", "properties", "additionalProperties", "required"}
    | {"items", "minimum", "exclusiveMinimum", "maximum", "minLength"}
)
"""What a schema may use; anything else would be ignored."""

_LIMITS: Mapping[str, Callable[[float, float], bool]] = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


class Fault(NamedTuple):
    """What is wrong at `path`, which for a key that is missing or unknown ends in that key.

    `keyword` is that of JSON Schema, or `finite` or `unicode`; `schema` is the part that has it.
    """

    path: Place
    keyword: str
    value: object
    schema: Schema


def faults(value: object, root: Schema) -> list[Fault]:
    """Everything wrong with `value`, in the order of the schema. Empty when it conforms."""
    return list(_faults(value, root, root, ()))


def resolved(schema: Schema, root: Schema) -> Schema:
    """`schema` itself, or what its `$ref` points to within `root`."""
    while "$ref" in schema:
        target: Schema = root
        for part in cast("str", schema["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def type_names(schema: Schema) -> list[str]:
    """The types that are allowed; none when any is."""
    names: str | list[str] = schema.get("type", [])
    return [names] if isinstance(names, str) else names


def _faults(value: object, schema: Schema, root: Schema, path: Place) -> Iterator[Fault]:
    schema = resolved(schema, root)
    names = type_names(schema)
    if "anyOf" in schema:
        yield from _faults_of_choice(value, schema["anyOf"], root, path)
    elif names and type(value) not in {each for name in names for each in _TYPES[name]}:
        yield Fault(path, "type", value, schema)
    elif "enum" in schema and value not in schema["enum"]:
        yield Fault(path, "enum", value, schema)
    elif isinstance(value, dict):
        yield from _faults_of_object(cast("dict[str, object]", value), schema, root, path)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(cast("list[object]", value)):
            yield from _faults(item, schema["items"], root, (*path, index))
    elif isinstance(value, str):
        yield from _faults_of_text(value, schema, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _faults_of_number(value, schema, path)


def _faults_of_choice(value: object, choices: list[Schema], root: Schema, path: Place) -> Iterator[Fault]:
    """Nothing when one of them takes the value; else what the first that has its type says against it."""
    tried = [list(_faults(value, each, root, path)) for each in choices]
    if all(tried):
        fitting = (each for each in tried if (each[0].path, each[0].keyword) != (path, "type"))
        yield from next(fitting, tried[0])


def _faults_of_object(value: dict[str, object], schema: Schema, root: Schema, path: Place) -> Iterator[Fault]:
    known: dict[str, Schema] = schema.get("properties", {})
    for key, rule in known.items():
        if key in value:
            yield from _faults(value[key], rule, root, (*path, key))
        elif key in schema.get("required", ()):
            yield Fault((*path, key), "required", value, schema)
    others: Schema | bool = schema.get("additionalProperties", True)
    for key, inner in value.items():
        if key in known or others is True:
            continue
        if others is False:
            yield Fault((*path, key), "additionalProperties", inner, schema)
        elif not _is_unicode(key):
            yield Fault((*path, key), "unicode", key, schema)
        else:
            yield from _faults(inner, others, root, (*path, key))


def _faults_of_text(value: str, schema: Schema, path: Place) -> Iterator[Fault]:
    if len(value) < schema.get("minLength", 0):
        yield Fault(path, "minLength", value, schema)
    elif not _is_unicode(value):
        yield Fault(path, "unicode", value, schema)


def _faults_of_number(value: float, schema: Schema, path: Place) -> Iterator[Fault]:
    if not _is_finite(value):
        yield Fault(path, "finite", value, schema)
        return
    for keyword, holds in _LIMITS.items():
        if keyword in schema and not holds(value, schema[keyword]):
            yield Fault(path, keyword, value, schema)


def _is_finite(value: float) -> bool:
    """Also of an int that no float can hold, and for that without converting it."""
    return -sys.float_info.max <= value <= sys.float_info.max


def _is_unicode(text: str) -> bool:
    """False for half of a surrogate pair, which JSON can spell and nothing can write."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
