"""The room's tables: JSON files beside the code, read at first use and checked as they are read."""

from __future__ import annotations

import json
import os
from typing import cast

Table = dict[str, object]


def load(name: str) -> Table:
    """The table in the file `name` of this folder. Raises ValueError when it is not an object."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return as_table(json.load(file), name)


def as_table(value: object, where: str) -> Table:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object")
    return cast(Table, value)


def only(table: Table, where: str, *keys: str) -> None:
    """Raises ValueError when `table` has a key that nobody reads: a slip there would switch off a check."""
    unknown = sorted(set(table) - {*keys, "about"})
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(unknown)}")


def words(table: Table, key: str) -> tuple[str, ...]:
    """A list of texts; a single text is split at its blanks. Empty when the key is missing."""
    value = table.get(key, [])
    if isinstance(value, str):
        return tuple(value.split())
    if not isinstance(value, list) or not all(isinstance(item, str) for item in cast(list[object], value)):
        raise ValueError(f"{key} must be a list of texts")
    return tuple(cast(list[str], value))


def text(table: Table, key: str, default: str = "") -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text")
    return value


def number(table: Table, key: str, default: int) -> int:
    value = table.get(key, default)
    if not isinstance(value, int):
        raise ValueError(f"{key} must be a number")
    return value


def flag(table: Table, key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} must be true or false")
    return value
