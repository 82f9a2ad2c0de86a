"""A tool's parameters, described once: the schema the model is told and the check of what it sends."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["string", "integer", "number", "boolean", "array"]
_EXPECTED: dict[Kind, str] = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array of objects",
}
GOT_CHARACTERS = 60


class Param(NamedTuple):
    """One parameter. It is required unless `optional`."""

    name: str
    kind: Kind = "string"
    about: str = ""
    """For the model; left out where the name says it."""
    optional: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    items: Parameters | None = None
    """What the objects of an array hold."""


class Parameters:
    """The parameters of a tool, in order."""

    def __init__(self, *params: Param) -> None:
        self._params = params

    def schema(self) -> dict[str, object]:
        """As JSON Schema."""
        schema: dict[str, object] = {
            "type": "object",
            "properties": {param.name: _schema(param) for param in self._params},
        }
        required = [param.name for param in self._params if not param.optional]
        return {**schema, "required": required} if required else schema

    def check(self, tool: str, arguments: Mapping[str, object]) -> Arguments:
        """The arguments with the right types. Raises ToolError naming all that is wrong, expected and given.

        What is not known is ignored; numbers and booleans written as strings, and null for
        what may be left out, are taken for what they mean.
        """
        problems: list[str] = []
        values = self._values(arguments, "", problems)
        if problems:
            raise ToolError(
                f"Invalid arguments for {tool}, nothing was done.\n"
                + "\n".join(problems)
                + f"\nSend: {self._example()}"
            )
        return Arguments(values)

    def _values(self, arguments: Mapping[str, object], where: str, problems: list[str]) -> dict[str, object]:
        values: dict[str, object] = {}
        for param in self._params:
            value = arguments.get(param.name)
            if value is None and param.optional:
                continue
            values[param.name] = _checked(param, value, f"{where}{param.name}", problems)
        return values

    def _example(self) -> str:
        fields = [f'"{param.name}": {param.kind}{" (optional)" * param.optional}' for param in self._params]
        return "{" + ", ".join(fields) + "}"

    def item_values(self, item: object, where: str, problems: list[str]) -> Arguments:
        """One object of an array."""
        if not isinstance(item, dict):
            problems.append(f"{where}: expected an object {self._example()}, got {_shown(item)}")
            return Arguments({})
        return Arguments(self._values(cast("dict[str, object]", item), f"{where}.", problems))


class Arguments:
    """Checked arguments. Asking for one in another type than it was described with is a bug."""

    def __init__(self, values: dict[str, object]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        return cast(str, self._values.get(name, default))

    def integer(self, name: str, default: int) -> int:
        return cast(int, self._values.get(name, default))

    def number(self, name: str, default: float) -> float:
        return cast(float, self._values.get(name, default))

    def flag(self, name: str) -> bool:
        return cast(bool, self._values.get(name, False))

    def items(self, name: str) -> list[Arguments]:
        return cast("list[Arguments]", self._values.get(name, []))


def _schema(param: Param) -> dict[str, object]:
    schema: dict[str, object] = {"type": param.kind}
    if param.choices:
        schema["enum"] = list(param.choices)
    if param.minimum is not None:
        schema["minimum"] = param.minimum
    if param.items:
        schema["items"] = param.items.schema()
    return {**schema, "description": param.about} if param.about else schema


def _checked(param: Param, value: object, where: str, problems: list[str]) -> object:
    if value is None:
        problems.append(f"{where}: expected {_expected(param)}, got nothing")
        return None
    mended = _mended(param.kind, value)
    if isinstance(mended, list):
        assert param.items is not None
        items = cast("list[object]", mended)
        return [param.items.item_values(item, f"{where}[{n}]", problems) for n, item in enumerate(items)]
    wrong = mended is None or (param.choices and mended not in param.choices)
    if isinstance(mended, int | float) and param.minimum is not None and mended < param.minimum:
        wrong = True
    if wrong:
        problems.append(f"{where}: expected {_expected(param)}, got {_shown(value)}")
    return mended


def _mended(kind: Kind, value: object) -> object:
    """`value` if it is of `kind` or clearly means one that is, else None."""
    if kind in ("integer", "number", "boolean") and isinstance(value, str):
        try:
            value = cast(object, json.loads(value.lower()))
        except ValueError:
            return None
    match kind:
        case "string":
            return value if isinstance(value, str) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "array":
            return cast("list[object]", value) if isinstance(value, list) else None
        case "integer" | "number":
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                return None
            if kind == "number":
                return value
            return int(value) if value == int(value) else None


def _expected(param: Param) -> str:
    if param.choices:
        return "one of " + ", ".join(f'"{choice}"' for choice in param.choices)
    least = "" if param.minimum is None else f" of at least {param.minimum}"
    return _EXPECTED[param.kind] + least


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= GOT_CHARACTERS else f"{text[:GOT_CHARACTERS]}…"
