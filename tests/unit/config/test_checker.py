"""The checker says what JSON Schema says, with the place and the keyword."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import assume, given, settings
from jsonschema import Draft202012Validator
from jsonschema.validators import extend  # pyright: ignore[reportUnknownVariableType] -- it has no types

from acp_agent.config.checker import faults
from acp_agent.config.layers import Layer, merge
from acp_agent.config.schema import json_schema, settings_of
from acp_agent.config.validate import validate
from tests.unit.config.near import JUNK, LARGEST, changed, valid

if TYPE_CHECKING:
    from acp_agent.config.checker import Schema

ROOT = json_schema()


def is_finite_number(_: object, value: object) -> bool:
    """Stricter than the standard, which has no bounds."""
    try:
        return not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:
        return False


def is_strict_integer(_: object, value: object) -> bool:
    """Stricter than the standard, for which 1.0 is an integer, and so is one of any size."""
    return type(value) is int and is_finite_number(_, value)


def oracle() -> Any:
    """The jsonschema library, with the two things in which ours is stricter."""
    types: Any = Draft202012Validator.TYPE_CHECKER
    types = types.redefine("integer", is_strict_integer).redefine("number", is_finite_number)
    strict = cast("Any", extend(Draft202012Validator, type_checker=types))
    return strict(ROOT)


ORACLE = oracle()


@given(document=valid(ROOT, ROOT))
@settings(deadline=None)
def test_what_the_schema_means_is_taken(document: object) -> None:
    assert ORACLE.is_valid(document)
    assert faults(document, ROOT) == []


@given(document=changed(ROOT) | JUNK)
@settings(deadline=None, max_examples=400)
def test_we_agree_with_the_library(document: object) -> None:
    assert (faults(document, ROOT) == []) == ORACLE.is_valid(document)


@given(document=changed(ROOT))
@settings(deadline=None, max_examples=200)
def test_what_is_left_after_dropping_is_valid(document: object) -> None:
    assume(isinstance(document, dict))
    data = cast("dict[str, object]", document)
    result = validate([Layer("file", Path("file"), data)])
    left = merge(result.layers)
    assert ORACLE.is_valid(left)
    assert result.settings == settings_of(left)
    assert bool(result.problems) == (left != data)


RULE: Schema = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}},
    "required": ["a"],
    "additionalProperties": False,
}
REFERRING: Schema = {"$defs": {"D": RULE}, "properties": {"x": {"$ref": "#/$defs/D"}}}
CHOICE: Schema = {"anyOf": [{"type": "object", "required": ["a"], "properties": {"a": {}}}, {"enum": ["x"]}]}


@pytest.mark.parametrize(
    ("schema", "value", "found"),
    [
        ({}, [object], []),
        ({"type": "integer"}, 1, []),
        ({"type": "integer"}, 1.0, [((), "type")]),
        ({"type": "integer"}, True, [((), "type")]),
        ({"type": "integer"}, LARGEST, [((), "finite")]),
        ({"type": "number"}, 1, []),
        ({"type": "number"}, False, [((), "type")]),
        ({"type": "number"}, math.inf, [((), "finite")]),
        ({"type": "number"}, math.nan, [((), "finite")]),
        ({"type": "number"}, -LARGEST, [((), "finite")]),
        ({"type": "boolean"}, 0, [((), "type")]),
        ({"type": ["string", "null"], "minLength": 1}, None, []),
        ({"type": ["string", "null"], "minLength": 1}, "", [((), "minLength")]),
        ({"type": "string"}, "a\ud800", [((), "unicode")]),
        ({"type": "string"}, "é\U0001f600", []),
        ({"type": "number", "minimum": 0, "maximum": 2}, 2, []),
        ({"type": "number", "minimum": 0, "maximum": 2}, -1, [((), "minimum")]),
        ({"type": "number", "minimum": 0, "maximum": 2}, 2.1, [((), "maximum")]),
        ({"type": "number", "exclusiveMinimum": 0}, 0, [((), "exclusiveMinimum")]),
        ({"type": "array", "items": RULE}, [{"a": 1}, {}, 5], [((1, "a"), "required"), ((2,), "type")]),
        (RULE, {"b": "z"}, [(("a",), "required"), (("b",), "enum")]),
        (RULE, {"c": 1, "a": 1}, [(("c",), "additionalProperties")]),
        ({"additionalProperties": {"type": "string"}}, {"a": "", "b": 1}, [(("b",), "type")]),
        ({"additionalProperties": {"type": "string"}}, {"\udfff": ""}, [(("\udfff",), "unicode")]),
        (REFERRING, {"x": {}}, [(("x", "a"), "required")]),
        (CHOICE, "x", []),
        (CHOICE, {"a": None}, []),
        (CHOICE, "y", [((), "enum")]),
        (CHOICE, {}, [(("a",), "required")]),
    ],
)  # fmt: skip
def test_fault(schema: Schema, value: object, found: list[object]) -> None:
    assert [(fault.path, fault.keyword) for fault in faults(value, schema)] == found
