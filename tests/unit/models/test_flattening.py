"""Nested parameters as dotted keys, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from acp_agent.content import Text
from acp_agent.models.flat_tools import FlatTools
from acp_agent.models.flattening import MOST_LEAVES, Flat, flattened
from acp_agent.models.messages import AssistantTurn, ModelRequest, ToolCall, ToolOutput, ToolSpec, UserTurn
from acp_agent.models.stream import CallArguments, CallStarted, Failed, Finished, TextPiece

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from acp_agent.models.stream import StreamEvent

Json = dict[str, Any]
TEXT: Json = {"type": "string"}
LINE: Json = {"type": "integer", "minimum": 1}


def of(properties: Json, *required: str, **more: object) -> Json:
    schema: Json = {"type": "object", "properties": properties, **more}
    return {**schema, "required": list(required)} if required else schema


def spec(parameters: Json) -> ToolSpec:
    return ToolSpec("edit", "Edits.", parameters)


def flat_of(parameters: Json) -> Flat:
    found = flattened(spec(parameters))
    assert found is not None
    return found


POSITION = of({"line": LINE, "column": LINE}, "line", description="Where.")
EDIT = of(
    {
        "path": TEXT,
        "range": of({"from": POSITION, "to": POSITION}, "from"),
        "a.b": of({"c": of({"d": TEXT})}),
        "changes": {"type": "array", "items": of({"at": POSITION, "text": TEXT}, "text")},
    },
    "path", "range",
)  # fmt: skip


def test_objects_become_dotted_keys_and_lists_stay_lists_of_flat_objects() -> None:
    flat = flat_of(EDIT)
    from_line = {**LINE, "description": "Where. Needed with the others of range.from."}
    assert flat.parameters == {
        "type": "object",
        "properties": {
            "path": TEXT,
            "range.from.line": from_line,
            "range.from.column": {**LINE, "description": "Where."},
            "range.to.line": {**LINE, "description": "Where. Needed with the others of range.to."},
            "range.to.column": {**LINE, "description": "Where."},
            "a..b.c.d": TEXT,
            "changes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "at.line": {**LINE, "description": "Where. Needed with the others of at."},
                        "at.column": {**LINE, "description": "Where."},
                        "text": TEXT,
                    },
                    "required": ["text"],
                },
            },
        },
        "required": ["path", "range.from.line"],
    }
    Draft202012Validator.check_schema(flat.parameters)


NESTED: Json = {
    "path": "a.py",
    "range": {"from": {"line": 1}, "to": {"line": 2, "column": 3}},
    "a.b": {"c": {"d": "x"}},
    "changes": [{"at": {"line": 5}, "text": "new"}, {"text": "more"}],
}
FLAT: Json = {
    "path": "a.py",
    "range.from.line": 1,
    "range.to.line": 2,
    "range.to.column": 3,
    "a..b.c.d": "x",
    "changes": [{"at.line": 5, "text": "new"}, {"text": "more"}],
}


def test_arguments_there_and_back() -> None:
    flat = flat_of(EDIT)
    assert flat.flat(NESTED) == FLAT
    assert flat.nested(FLAT) == NESTED


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (NESTED, NESTED),
        (
            {"range": {"from.line": 1}, "range.to.line": 2},
            {"range": {"from": {"line": 1}, "to": {"line": 2}}},
        ),
        ({"range": '{"from": {"line": 1}}'}, {"range": {"from": {"line": 1}}}),
        ({"range.from": {"line": 1}}, {"range": {"from": {"line": 1}}}),
        ({"range.from.line": 1, "range": {}}, {"range": {"from": {"line": 1}}}),
        ({"changes": '[{"at.line": 5}]'}, {"changes": [{"at": {"line": 5}}]}),
        ({"changes": "[broken"}, {"changes": "[broken"}),
        ({"changes": ["odd"]}, {"changes": ["odd"]}),
        ({"range.from.nothing": 1}, {"range": {"from": {"nothing": 1}}}),
        ({"no.such": 1}, {"no.such": 1}),
        ({"range": None}, {"range": None}),
        ({"range": {}}, {"range": {}}),
        ({"path": '{"a": 1}'}, {"path": '{"a": 1}'}),
        ({}, {}),
    ],
)
def test_what_models_make_of_it(written: Json, meant: Json) -> None:
    assert flat_of(EDIT).nested(written) == meant


def chain(depth: int) -> Json:
    return of({"x": chain(depth - 1)}) if depth else TEXT


SIMPLE: list[tuple[str, Json]] = [
    ("no parameters", of({})),
    ("two levels", of({"a": of({"b": TEXT})})),
    ("a list of flat objects", of({"items": {"type": "array", "items": of({"a": TEXT, "b": TEXT})}})),
    ("many, none of them nested", of({f"p{number}": TEXT for number in range(30)})),
    ("ten leaves", of({"a": of({f"p{number}": TEXT for number in range(MOST_LEAVES)})})),
    ("one that leads to itself", of({"a": {"$ref": "#"}})),
    ("names that cannot be part of a key", of({"a": of({"..": of({"b": of({"c": TEXT})})})})),
    ("a name that is too long", of({"a" * 40: of({"b" * 40: of({"c": TEXT})})})),
    ("no object at all", {}),
]


@pytest.mark.parametrize(("name", "parameters"), SIMPLE, ids=[name for name, _ in SIMPLE])
def test_what_stays_as_it_is(name: str, parameters: Json) -> None:
    found = flattened(spec(parameters))
    assert found is None or name.startswith(("one that", "names", "a name")), name
    if found:
        odd: list[Json] = [{"a": {"..": {"b": {"c": "x"}}}}, {"a": {"a": {}}}]
        for arguments in odd:
            assert found.nested(found.flat(arguments)) == arguments


NEEDED: list[tuple[str, Json]] = [
    ("three levels", chain(3)),
    ("eleven leaves", of({"a": of({f"p{number}": TEXT for number in range(MOST_LEAVES + 1)})})),
    ("within a list", of({"items": {"type": "array", "items": of({"a": of({"b": TEXT})})}})),
    (
        "by reference",
        {
            **of({"a": {"$ref": "#/$defs/A"}}),
            "$defs": {"A": of({"b": {"$ref": "#/$defs/B"}}), "B": of({"c": TEXT})},
        },
    ),
    ("or nothing", of({"a": {"anyOf": [of({"b": of({"c": TEXT})}), {"type": "null"}]}}, "a")),
]


@pytest.mark.parametrize(("name", "parameters"), NEEDED, ids=[name for name, _ in NEEDED])
def test_what_is_flattened(name: str, parameters: Json) -> None:
    properties: Any = flat_of(parameters).parameters["properties"]
    assert not any("properties" in each for each in properties.values()), name
    assert "required" not in flat_of(parameters).parameters


def test_a_parameter_may_be_called_as_definitions_are() -> None:
    flat = flat_of(of({"definitions": chain(2), "a": chain(3)}))
    assert flat.parameters["properties"] == {"definitions.x.x": TEXT, "a.x.x.x": TEXT}


def test_references_that_multiply_are_bounded() -> None:
    levels = {f"L{at}": of({f"p{n}": {"$ref": f"#/$defs/L{at + 1}"} for n in range(8)}) for at in range(8)}
    parameters = {**of({"a": {"$ref": "#/$defs/L0"}}), "$defs": {**levels, "L8": TEXT}}
    assert len(json.dumps(flat_of(parameters).parameters)) < 100_000


names = st.sampled_from(["a", "b", "from", "to", "line", "to.line", "x-y", "\u00e9"])
values = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


def objects(depth: int) -> st.SearchStrategy[tuple[Json, Json]]:
    """A schema and arguments that it takes."""
    leaf = st.tuples(st.just(TEXT), values)
    inner = leaf | objects(depth - 1) | listed(depth - 1) if depth else leaf
    return st.dictionaries(names, inner, max_size=4).map(together)


def together(found: dict[str, tuple[Json, Any]]) -> tuple[Json, Json]:
    return of({name: each[0] for name, each in found.items()}), {
        name: each[1] for name, each in found.items()
    }


def listed(depth: int) -> st.SearchStrategy[tuple[Json, Any]]:
    return objects(depth).map(lambda found: ({"type": "array", "items": found[0]}, [found[1], {}]))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(objects(3), st.dictionaries(names, values, max_size=2))
def test_nothing_is_lost_on_the_way(found: tuple[Json, Json], more: Json) -> None:
    parameters, arguments = found
    flat = flattened(spec(parameters))
    if flat:
        arguments = {**more, **arguments}  # what the tool does not know is for it to refuse
        written: Json = json.loads(json.dumps(flat.flat(arguments)))
        assert flat.nested(written) == arguments


# The model around ---------------------------------------------------------------------------------


class Told:
    """A model that remembers what it was asked, and answers with what a test gives it."""

    name = "here/m-1"
    window = 1000
    sees = True

    def __init__(self, *events: StreamEvent) -> None:
        self.events = events
        self.requests: list[ModelRequest] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        self.requests.append(request)
        for event in self.events:
            yield event


READ = ToolSpec("read", "Reads.", of({"path": TEXT}))
ASKED = UserTurn((Text("Go."),))


async def through(told: Told, *messages: Any, tools: Sequence[ToolSpec]) -> list[StreamEvent]:
    model = FlatTools(told)
    assert (model.name, model.window, model.sees) == ("here/m-1", 1000, True)
    with anyio.fail_after(5):
        return [event async for event in model.stream(ModelRequest("", [ASKED, *messages], tools))]


async def test_the_model_is_told_of_flat_tools_and_the_tools_get_what_they_take() -> None:
    pieces = [json.dumps(FLAT)[at : at + 9] for at in range(0, len(json.dumps(FLAT)), 9)]
    told = Told(
        TextPiece("I edit."),
        CallStarted(0, "edit"),
        CallStarted(1, "read"),
        *(CallArguments(0, piece) for piece in pieces),
        CallArguments(1, '{"path"'),
        CallArguments(1, ': "a"}'),
        Finished("tools"),
    )
    old = AssistantTurn("", "", (ToolCall("c1", "edit", json.dumps(NESTED)), ToolCall("c2", "read", "{}")))
    outputs = (ToolOutput("c1", "", failed=False), ToolOutput("c2", "", failed=False))
    *events, arguments, end = await through(told, old, *outputs, tools=[spec(EDIT), READ])
    assert events == [
        TextPiece("I edit."),
        CallStarted(0, "edit"),
        CallStarted(1, "read"),
        CallArguments(1, '{"path"'),
        CallArguments(1, ': "a"}'),
    ]
    assert isinstance(arguments, CallArguments)
    assert (arguments.slot, json.loads(arguments.piece)) == (0, NESTED)
    assert end == Finished("tools")
    (request,) = told.requests
    assert request.tools == [spec(flat_of(EDIT).parameters), READ]
    (turn,) = (each for each in request.messages if isinstance(each, AssistantTurn))
    assert json.loads(turn.calls[0].arguments) == FLAT
    assert turn.calls[1].arguments == "{}"


@pytest.mark.parametrize("end", [Finished("length"), Failed("network", "broke off")])
async def test_arguments_that_cannot_be_read_stay_as_they_are(end: StreamEvent) -> None:
    told = Told(CallStarted(0, "edit"), CallArguments(0, '{"range.fr'), end)
    events = await through(told, tools=[spec(EDIT)])
    assert events == [CallStarted(0, "edit"), CallArguments(0, '{"range.fr'), end]


async def test_without_nested_tools_nothing_is_touched() -> None:
    told = Told(CallStarted(0, "read"), CallArguments(0, "{"), CallArguments(0, "}"), Finished("tools"))
    assert tuple(await through(told, tools=[READ])) == told.events
    assert told.requests[0].tools == [READ]
