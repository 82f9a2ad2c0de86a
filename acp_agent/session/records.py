"""Events as JSON and back: the form of a journal's lines and of headless output.

Every named tuple becomes an object with its class under "type" and its fields, those that
hold their default left out. Unknown fields are ignored when reading, so a newer journal can
be read; a field of the wrong type is refused, so what is read can be relied upon.
"""

from __future__ import annotations

import types
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

from acp_agent import content, events
from acp_agent.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

_CLASSES: dict[str, type[tuple[object, ...]]] = {
    name: value
    for module in (events, content)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, tuple)
}


def to_json(event: tuple[object, ...]) -> dict[str, object]:
    """The object for an event, or for anything an event holds."""
    named: Any = event
    defaults: dict[str, object] = named._field_defaults
    fields: dict[str, object] = named._asdict()
    found: dict[str, object] = {"type": type(event).__name__}
    for name, value in fields.items():
        if name not in defaults or value != defaults[name]:
            found[name] = _value_to_json(value)
    return found


def _value_to_json(value: object) -> object:
    if not isinstance(value, tuple):
        return value
    items = cast("tuple[object, ...]", value)
    return to_json(items) if type(items).__name__ in _CLASSES else [_value_to_json(item) for item in items]


def from_json(data: dict[str, object]) -> tuple[object, ...]:
    """The event that `to_json` made `data` of; raises JournalError when it cannot be one."""
    name = data.get("type")
    kind = _CLASSES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise JournalError(f"unknown record {name!r}")
    readers = _readers(kind)
    try:
        return kind(**{key: readers[key](value) for key, value in data.items() if key in readers})
    except TypeError as error:
        raise JournalError(f"no {name}: {error}") from None


@cache
def _readers(kind: type) -> dict[str, Callable[[object], object]]:
    """For each field, what makes its value of the JSON value or raises TypeError."""
    hints = get_type_hints(kind, localns=vars(content))
    return {field: _reader(field, hint) for field, hint in hints.items()}


class _Kinds(NamedTuple):
    """What a value may be."""

    scalars: tuple[type, ...]
    """Classes whose values are the same in JSON; a dict holds JSON as it came and is not looked into."""
    named: frozenset[str]
    items: tuple[Callable[[object], object], ...]
    """What reads the items, if it may be a tuple."""


def _reader(field: str, hint: object) -> Callable[[object], object]:
    scalars, named, items = _kinds(field, hint)

    def refuse(value: object) -> TypeError:
        return TypeError(f"{field} cannot be {type(value).__name__}")

    def scalar(value: object) -> object:
        if isinstance(value, scalars):
            return value
        raise refuse(value)

    def anything(value: object) -> object:
        if items and isinstance(value, list):
            return tuple([items[0](item) for item in cast("list[object]", value)])
        if isinstance(value, dict):
            fields = cast("dict[str, object]", value)
            if fields.get("type") in named:
                return from_json(fields)
        return scalar(cast(object, value))

    return anything if items or named else scalar


def _kinds(field: str, hint: object) -> _Kinds:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        each = [_kinds(field, argument) for argument in arguments]
        return _Kinds(
            tuple({scalar for kinds in each for scalar in kinds.scalars}),
            frozenset[str]().union(*(kinds.named for kinds in each)),
            tuple(reader for kinds in each for reader in kinds.items),
        )
    if origin is Literal:  # a newer version may know more of them
        return _Kinds((str,), frozenset(), ())
    if origin is tuple:
        return _Kinds((), frozenset(), (_reader(field, arguments[0]),))
    kind = origin or hint
    if kind is float:
        return _Kinds((float, int), frozenset(), ())
    if kind in _CLASSES.values():
        return _Kinds((), frozenset({cast(type, kind).__name__}), ())
    return _Kinds((cast(type, kind),), frozenset(), ())
