"""Arguments are checked once, and what is wrong is told so that it can be mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import ToolError
from acp_agent.tools.parameters import Param, Parameters

if TYPE_CHECKING:
    from acp_agent.tools.parameters import Arguments

PARAMETERS = Parameters(
    Param("path", about="Where"),
    Param("count", "integer", optional=True, minimum=1),
    Param("ratio", "number", optional=True),
    Param("all", "boolean", optional=True),
    Param(
        "steps",
        "array",
        optional=True,
        items=Parameters(Param("name"), Param("state", choices=("on", "off"), optional=True)),
    ),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def check(**arguments: object) -> Arguments:
    return PARAMETERS.check("tool", arguments)


def test_the_schema() -> None:
    assert PARAMETERS.schema() == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where"},
            "count": {"type": "integer", "minimum": 1},
            "ratio": {"type": "number"},
            "all": {"type": "boolean"},
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "state": {"type": "string", "enum": ["on", "off"]},
                    },
                    "required": ["name"],
                },
            },
        },
        "required": ["path"],
    }


def test_right_arguments() -> None:
    given = check(path="a", count=3, ratio=0.5, all=True, steps=[{"name": "n", "state": "on"}], extra=1)
    assert (given.text("path"), given.integer("count", 1), given.number("ratio", 1), given.flag("all")) == (
        "a",
        3,
        0.5,
        True,
    )
    assert [(step.text("name"), step.text("state")) for step in given.items("steps")] == [("n", "on")]


def test_defaults() -> None:
    given = check(path="a", count=None)
    assert (given.integer("count", 7), given.number("ratio", 2.0), given.flag("all")) == (7, 2.0, False)
    assert (given.items("steps"), given.text("other", "x")) == ([], "x")


def test_what_is_clearly_meant_is_taken() -> None:
    given = check(path="a", count="12", ratio="1.5", all="True")
    assert (given.integer("count", 1), given.number("ratio", 1), given.flag("all")) == (12, 1.5, True)
    assert check(path="a", count=4.0).integer("count", 1) == 4


WRONG: list[tuple[dict[str, object], str]] = [
    ({}, "path: expected a string, got nothing"),
    ({"path": None}, "path: expected a string, got nothing"),
    ({"path": 1}, "path: expected a string, got 1"),
    ({"path": "a", "count": "x"}, 'count: expected an integer of at least 1, got "x"'),
    ({"path": "a", "count": 0}, "count: expected an integer of at least 1, got 0"),
    ({"path": "a", "count": 1.5}, "count: expected an integer of at least 1, got 1.5"),
    ({"path": "a", "count": True}, "count: expected an integer of at least 1, got true"),
    ({"path": "a", "ratio": "NaN"}, 'ratio: expected a number, got "NaN"'),
    ({"path": "a", "all": 1}, "all: expected true or false, got 1"),
    ({"path": "a", "steps": {}}, "steps: expected an array of objects, got {}"),
    ({"path": "a", "steps": [{}]}, "steps[0].name: expected a string, got nothing"),
    (
        {"path": "a", "steps": [{"name": "n", "state": "up"}]},
        'steps[0].state: expected one of "on", "off", got "up"',
    ),
    (
        {"path": "a", "steps": ["n"]},
        'steps[0]: expected an object {"name": string, "state": string (optional)}, got "n"',
    ),
]


@pytest.mark.parametrize(("arguments", "problem"), WRONG)
def test_what_is_wrong_is_named(arguments: dict[str, object], problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        PARAMETERS.check("tool", arguments)
    first, *problems, last = str(caught.value).split("\n")
    assert first == "Invalid arguments for tool, nothing was done."
    assert problems == [problem]
    assert last == (
        'Send: {"path": string, "count": integer (optional), "ratio": number (optional), '
        '"all": boolean (optional), "steps": array (optional)}'
    )


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ToolError) as caught:
        check(count=0, all="x" * 100)
    assert str(caught.value).count(": expected") == 3
    assert f'got "{"x" * 59}…' in str(caught.value)


@given(st.dictionaries(st.sampled_from(["path", "count", "ratio", "all", "steps"]), ANYTHING))
def test_anything_is_checked_or_refused(arguments: dict[str, object]) -> None:
    try:
        given = PARAMETERS.check("tool", arguments)
    except ToolError:
        return
    assert isinstance(given.text("path"), str)
    assert given.integer("count", 1) >= 1
    assert isinstance(given.flag("all"), bool)
