"""What is wrong with a setting, in words a person can act on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, cast, get_args, get_origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

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
    "string_type": ("text", '"text in quotes"'),
    "int_type": ("a whole number", "a number without quotes or decimal point"),
    "float_type": ("a number", "a number without quotes"),
    "bool_type": ("true or false", "true or false, without quotes"),
    "dict_type": ("an object", "{…}"),
    "model_type": ("an object", "{…}"),
    "tuple_type": ("a list", "[…]"),
    "finite_number": ("a finite number", "an ordinary number"),
}

_CONTAINERS = (dict, tuple)
_LONGEST_SHOWN = 60
"""Characters of a key or value that are repeated in a message."""

_LIMITS: dict[str, tuple[str, str]] = {
    "greater_than_equal": ("ge", "of at least"),
    "greater_than": ("gt", "greater than"),
    "less_than_equal": ("le", "of at most"),
}


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


def describe(error: ErrorDetails, root: type[BaseModel]) -> Finding:
    """A validation error in our words. Values are only repeated where they cannot be secrets."""
    path = _plain(error["loc"])
    kind = error["type"]
    context = error.get("ctx", {})
    if kind == "setting":
        return Finding(path, context["what"], context["hint"])
    if kind == "extra_forbidden":
        return _unknown_key(path, root)
    if kind == "missing":
        return Finding(path[:-1], f'has no "{path[-1]}"', f'add "{path[-1]}", or delete this entry')
    if kind == "literal_error":
        return _unknown_value(path, error["input"], _choices(context["expected"]))
    if kind in _EXPECTED:
        expected, example = _EXPECTED[kind]
        return Finding(path, f"must be {expected}, not {kind_of(error['input'])}", f"write {example}")
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        limit = f"a number {words} {context[name]:g}"
        return Finding(path, f"must be {limit}, not {error['input']}", f"write {limit}")
    if kind == "string_too_short":
        return Finding(path, "is empty", "write a value, or delete the key")
    return Finding(path, error["msg"], "see `acp-agent config schema` for what is allowed")


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


def _plain(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """pydantic marks an error in a dictionary's key by a last part `[key]`."""
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def _choices(expected: str) -> list[str]:
    """pydantic writes `'a', 'b' or 'c'`."""
    return [part for part in expected.split("'")[1::2] if part]


def _unknown_value(path: tuple[str | int, ...], value: object, choices: list[str]) -> Finding:
    listed = ", ".join(choices)
    if not isinstance(value, str):
        return Finding(path, f"must be one of {listed}, not {kind_of(value)}", f"write one of {listed}")
    meant = suggestion(value, choices)
    hint = f'did you mean "{meant}"?' if meant else f"write one of {listed}"
    return Finding(path, f"{quoted(value)} is not one of {listed}", hint)


def _unknown_key(path: tuple[str | int, ...], root: type[BaseModel]) -> Finding:
    key = str(path[-1])
    if len(path) == 1 and key in MOVED:
        return Finding(path, "is not a key of this agent", MOVED[key])
    known = _fields_at(root, path[:-1])
    meant = suggestion(key, known)
    if meant:
        return Finding(path, "unknown key", f'did you mean "{meant}"?')
    places = [place for place, name in _all_keys(root, ()) if name == key]
    if places:
        return Finding(path, "is in the wrong place", f"write it as {dotted((*places[0], key))}")
    return Finding(path, "unknown key", f"delete it; known here are {', '.join(known)}")


def _fields_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that the object at `path` may have."""
    parts = iter(path)
    for part in parts:
        annotation = model.model_fields[str(part)].annotation
        inner = _model_in(annotation)
        if inner is None:
            break
        model = inner
        if get_origin(annotation) in _CONTAINERS:
            next(parts, None)  # the entry's own name, or its place in the list
    return list(model.model_fields)


def _all_keys(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each key that may be written anywhere, with the place it belongs to."""
    for name, field in model.model_fields.items():
        yield above, name
        inner = _model_in(field.annotation)
        if inner is not None:
            named = ("<name>",) if get_origin(field.annotation) in _CONTAINERS else ()
            yield from _all_keys(inner, (*above, name, *named))


def _model_in(annotation: object) -> type[BaseModel] | None:
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in cast("tuple[object, ...]", get_args(annotation)):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
