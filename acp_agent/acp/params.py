"""Reading the parameters of a request: strict about what is needed, lenient about the rest.

A missing or wrong required value is -32602 with the name of the parameter; an optional value
that does not fit counts as absent, and unknown keys are ignored.
"""

from __future__ import annotations

import os
from typing import cast

from acp_agent.errors import InvalidParams

Json = dict[str, object]


def as_object(value: object) -> Json:
    """`value` if it is a JSON object, else an empty one."""
    return cast(Json, value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """`value` if it is a JSON array, else an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """`value` if it is a string."""
    return value if isinstance(value, str) else None


class Params:
    """The parameters of one request."""

    def __init__(self, method: str, values: object) -> None:
        if not isinstance(values, dict):
            raise InvalidParams(f"{method}: params must be an object")
        self._method = method
        self.values = cast(Json, values)

    def text(self, key: str) -> str:
        """A required string that is not empty."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value:
            raise self.refuse(key, "must be a string")
        return value

    def optional_text(self, key: str) -> str | None:
        """A string, if there is one."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self.refuse(key, "must be a string")
        return value

    def array(self, key: str) -> list[object]:
        """A required array."""
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.refuse(key, "must be an array")
        return cast("list[object]", value)

    def absolute_path(self, key: str) -> str:
        """A required absolute path."""
        value = self.text(key)
        if not os.path.isabs(value):
            raise self.refuse(key, f"must be an absolute path, got {value!r}")
        return value

    def absolute_paths(self, key: str) -> tuple[str, ...]:
        """Absolute paths; none when there is no such parameter."""
        values = self.values.get(key)
        found: list[str] = []
        for value in as_list(values):
            if not isinstance(value, str) or not os.path.isabs(value):
                raise self.refuse(key, f"must hold absolute paths, got {value!r}")
            found.append(value)
        return tuple(found)

    def refuse(self, key: str, why: str) -> InvalidParams:
        """The error for a parameter that cannot be used."""
        return InvalidParams(f"{self._method}: {key} {why}", data={"param": key})
