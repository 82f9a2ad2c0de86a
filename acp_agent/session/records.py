"""Events as JSON and back: the form of a journal's lines and of headless output.

Every named tuple becomes an object with its class under "type" and its fields, those that
hold their default left out. Unknown fields are ignored when reading, so a newer journal can be read.
"""

from __future__ import annotations

from typing import Any, cast

from acp_agent import content, events
from acp_agent.errors import JournalError

_CLASSES: dict[str, type[tuple[object, ...]]] = {
    name: value
    for module in (events, content)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, tuple)
}
_PLAIN = frozenset({"raw_input", "record"})
"""Fields that hold JSON as it came and are not looked into."""


def to_json(event: tuple[object, ...]) -> dict[str, object]:
    """The object for an event, or for anything an event holds."""
    named: Any = event
    defaults: dict[str, object] = named._field_defaults
    fields: dict[str, object] = named._asdict()
    found: dict[str, object] = {"type": type(event).__name__}
    for name, value in fields.items():
        if name not in defaults or value != defaults[name]:
            found[name] = value if name in _PLAIN else _value_to_json(value)
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
    named: Any = kind
    known: tuple[str, ...] = named._fields
    fields = {
        key: value if key in _PLAIN else _value_from_json(value)
        for key, value in data.items()
        if key in known
    }
    try:
        return kind(**fields)
    except TypeError as error:
        raise JournalError(f"incomplete record {name}: {error}") from None


def _value_from_json(value: object) -> object:
    if isinstance(value, list):
        return tuple(_value_from_json(item) for item in cast("list[object]", value))
    if isinstance(value, dict):
        return from_json(cast("dict[str, object]", value))
    return value
