"""Schemas of other people's tools."""

from __future__ import annotations

import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from acp_agent.tools.schemas import LARGEST, accepted

KEYWORDS = [
    "type",
    "properties",
    "required",
    "anyOf",
    "allOf",
    "items",
    "$ref",
    "$schema",
    "description",
    "enum",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYWORDS) | st.text(max_size=8), inner)
    ),
    max_leaves=30,
)


def test_an_ordinary_schema_stays() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"path": {"type": "string", "description": "Where."}, "type": {"enum": ["a", "b"]}},
        "required": ["path"],
        "additionalProperties": False,
    }
    assert accepted(schema) == schema


def test_what_services_refuse_goes() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "oneOf": [
            {"properties": {"a": {"type": "string", "$comment": "x"}}, "required": ["a"]},
            {"properties": {"b": True, "not a name": {}, "$schema": {"type": "string"}}},
        ],
        "required": ["b", "gone"],
    }
    assert accepted(schema) == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {}},
        "required": ["b"],
    }
    assert accepted({}) == {"type": "object", "properties": {}}
    assert accepted({"type": "string", "properties": 3}) == {"type": "object", "properties": {}}


def test_large_schemas_lose_explanations_then_all_but_names() -> None:
    wordy = {"properties": {f"p{n}": {"type": "string", "description": "d" * 1000} for n in range(30)}}
    told = accepted(wordy)
    assert told["properties"] == {f"p{n}": {"type": "string"} for n in range(30)}
    deep = {"properties": {f"p{n}": {"type": "array", "items": {"enum": list("x" * 900)}} for n in range(30)}}
    assert accepted(deep)["properties"] == {f"p{n}": {"type": "array"} for n in range(30)}


@given(st.dictionaries(st.sampled_from(KEYWORDS) | st.text(max_size=8), json_values))
def test_whatever_comes_is_a_bounded_object(schema: dict[str, Any]) -> None:
    told = accepted(schema)
    assert told["type"] == "object"
    assert isinstance(told["properties"], dict)
    assert not {"anyOf", "oneOf", "allOf", "$ref", "enum", "not"} & told.keys()
    required: Any = told.get("required", [])
    assert set(required) <= set(cast("dict[str, object]", told["properties"]))
    assert len(json.dumps(told, ensure_ascii=False)) <= LARGEST * 2
    assert accepted(told) == told
