"""What is wrong with a setting, in words a person can act on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.config.checker import resolved, type_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from acp_agent.config.checker import Fault, Place, Schema

MOVED: dict[str, str] = {
    "model": 'write it as "model" of the entry under providers that "provider" names',
    "custom_providers": "move its entries to providers",
    "review_model": "this agent has no review model: delete the key",
    "yolo": 'write "permission": "yolo"',
    "accept_all": 'write "permission": "accept"',
    "restrictive": 'write "permission": "restrictive"',
    "default_permission_mode": 'write "permission": "standard", or another mode',
    "no_context_files": 'write "context_files": false',
    "stream_chunk_timeout_secs": 'write "timeouts": {"stream_chunk_secs": 300}',
}
"""Top-level keys of earlier or other agents, and what to write instead."""

_EXPECTED: dict[str, tuple[str, str]] = {
    "string": ("text", '"text in quotes"'),
    "integer": ("a whole number", "a number without quotes or decimal point"),
    "number": ("a number", "a number without quotes"),
    "boolean": ("true or false", "true or false, without quotes"),
    "object": ("an object", "{…}"),
    "array": ("a list", "[…]"),
}
"""By type: what it is called, and what to write."""

_LIMITS: dict[str, str] = {
    "minimum": "of at least",
    "exclusiveMinimum": "greater than",
    "maximum": "of at most",
}
_FLAWS: dict[str, tuple[str, str]] = {
    "minLength": ("is empty", "write a value, or delete the key"),
    "finite": ("is beyond what a number can be", "write an ordinary number"),
    "unicode": ("has half of a surrogate pair, which is no character", "write the character itself"),
}
"""By keyword: what is wrong, and what to write."""

_LONGEST_SHOWN = 60
"""Characters of a key or value that are repeated in a message."""


class Problem(NamedTuple):
    """One thing to mend. `key` is dotted, empty where the file as a whole is meant; `line` counts from 1."""

    file: Path
    key: str
    message: str
    hint: str
    line: int | None = None

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class Finding(NamedTuple):
    """A problem whose file is not known yet. `path` leads from the top to the value to drop."""

    path: tuple[str | int, ...]
    message: str
    hint: str


def dotted(path: Iterable[str | int]) -> str:
    """`providers.local.base_url`; the items of a list count from 0. Safe to print, whatever a file holds."""
    return ".".join(_printable(str(part)) for part in path)


def describe(fault: Fault, root: Schema) -> Finding:
    """A fault in our words. Values are only repeated where they cannot be secrets."""
    path, keyword, value, schema = fault
    if keyword == "additionalProperties":
        return _unknown_key(path, schema, root)
    if keyword == "required":
        return Finding(path[:-1], f'has no "{path[-1]}"', f'add "{path[-1]}", or delete this entry')
    if "enum" in schema:
        return _unknown_value(path, value, schema["enum"])
    if keyword == "type":
        expected, example = _EXPECTED[type_names(schema)[0]]
        return Finding(path, f"must be {expected}, not {kind_of(value)}", f"write {example}")
    if keyword in _LIMITS:
        limit = f"a number {_LIMITS[keyword]} {schema[keyword]:g}"
        return Finding(path, f"must be {limit}, not {_shortened(str(value))}", f"write {limit}")
    return Finding(path, *_FLAWS[keyword])


def kind_of(value: object) -> str:
    """JSON's word for the type of `value`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    names: dict[type, str] = {str: "text", dict: "an object", list: "a list", int: "a number"}
    return names.get(cast(type, type(value)), "a number with a decimal point")


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that was probably meant."""
    from difflib import get_close_matches

    close = get_close_matches(word.lower(), list(known), n=1)
    return close[0] if close else None


def quoted(text: str) -> str:
    """What somebody wrote, short and safe to print."""
    return json.dumps(_shortened(text), ensure_ascii=not text.isprintable())


def _printable(key: str) -> str:
    return _shortened(key) if key.isprintable() else quoted(key)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _unknown_value(path: Place, value: object, choices: list[str]) -> Finding:
    listed = ", ".join(choices)
    if not isinstance(value, str):
        return Finding(path, f"must be one of {listed}, not {kind_of(value)}", f"write one of {listed}")
    meant = suggestion(value, choices)
    hint = f'did you mean "{meant}"?' if meant else f"write one of {listed}"
    return Finding(path, f"{quoted(value)} is not one of {listed}", hint)


def _unknown_key(path: Place, schema: Schema, root: Schema) -> Finding:
    key = str(path[-1])
    if len(path) == 1 and key in MOVED:
        return Finding(path, "is not a key of this agent", MOVED[key])
    known = list(cast("Schema", schema["properties"]))
    if meant := next((each for each in known if each.endswith(f"_{key}")), None):
        return Finding(path, "unknown key", f'did you mean "{meant}"?')
    above = next((place for place, name in _all_keys(root, root, ()) if name == key), None)
    if above is not None:
        return Finding(path, "is in the wrong place", f"write it as {dotted((*above, key))}")
    if meant := suggestion(key, known):
        return Finding(path, "unknown key", f'did you mean "{meant}"?')
    return Finding(path, "unknown key", f"delete it; known here are {', '.join(known)}")


def _all_keys(schema: Schema, root: Schema, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each key that may be written anywhere, with the place it belongs to."""
    schema = resolved(schema, root)
    for key, inner in cast("dict[str, Schema]", schema.get("properties", {})).items():
        yield above, key
        yield from _all_keys(inner, root, (*above, key))
    for inner in cast("list[Schema]", schema.get("anyOf", [])):
        yield from _all_keys(inner, root, above)
    for keyword, named in (("additionalProperties", "<name>"), ("items", "<number>")):
        inner = schema.get(keyword)
        if isinstance(inner, dict):
            yield from _all_keys(cast("Schema", inner), root, (*above, named))
