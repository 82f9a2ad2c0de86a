"""What a model wrote as arguments, and what it is told when that is broken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import ToolError
from acp_agent.turn.repair import parse_arguments


@pytest.mark.parametrize(
    ("text", "arguments"), [("", {}), (" \n", {}), ("{}", {}), ('{"a": [1]}', {"a": [1]})]
)
def test_what_is_whole_is_taken(text: str, arguments: dict[str, object]) -> None:
    assert parse_arguments(text) == arguments


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"path": "a', "cut off"),
        ('{"path": "a"', "cut off"),
        ('{"a": 1,,}', "near"),
        ("{'a': 1}", "not valid JSON"),
        ("[1]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "too deeply"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1e999}', "1e999"),
        ('{"a": ' + "9" * 5000 + "}", "number"),
    ],
)
def test_what_is_broken_is_explained(text: str, says: str) -> None:
    with pytest.raises(ToolError, match=says):
        parse_arguments(text)


@given(
    st.dictionaries(st.text(), st.integers() | st.text(), min_size=1, max_size=4), st.integers(min_value=1)
)
def test_no_part_of_an_object_passes_for_the_whole(arguments: dict[str, object], cut: int) -> None:
    text = json.dumps(arguments)
    part = text[: cut % len(text)]
    if part:
        with pytest.raises(ToolError, match=r"cut off|not valid"):
            parse_arguments(part)


@given(st.text(max_size=60))
def test_nothing_else_is_raised(text: str) -> None:
    try:
        assert isinstance(parse_arguments(text), dict)
    except ToolError as error:
        assert str(error)
