"""Documents near a schema: valid ones made from it, and the same with one thing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hypothesis import strategies as st

from acp_agent.config.checker import resolved, type_names

if TYPE_CHECKING:
    from acp_agent.config.checker import Schema

LARGEST = 10**400
"""No float can hold it."""

SCALARS: st.SearchStrategy[object] = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([0.0, 0.5, 1.0, 2.5, float("inf"), LARGEST, -LARGEST])
    | st.sampled_from(["", "accept", "read", "deny", "model", "$schema"])
    | st.text(max_size=2)
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def valid(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    """Values that `schema` takes."""
    schema = resolved(schema, root)
    if "anyOf" in schema:
        return st.one_of([valid(each, root) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return st.one_of([_of_type(name, schema, root) for name in type_names(schema)])


def _of_type(name: str, schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    least: int = schema.get("minimum", schema.get("exclusiveMinimum", -3))
    if name == "object":
        return _objects(schema, root)
    simple: dict[str, st.SearchStrategy[Any]] = {
        "null": st.none(),
        "boolean": st.booleans(),
        "string": st.text(min_size=schema.get("minLength", 0), max_size=4),
        "integer": st.integers(least, schema.get("maximum")),
        "number": st.floats(
            least, schema.get("maximum"), allow_infinity=False, exclude_min="exclusiveMinimum" in schema
        )
        | st.integers(least + 1, schema.get("maximum", 10**20)),
    }
    return st.lists(valid(schema["items"], root), max_size=3) if name == "array" else simple[name]


def _objects(schema: Schema, root: Schema) -> st.SearchStrategy[dict[str, Any]]:
    fields = {key: valid(inner, root) for key, inner in schema.get("properties", {}).items()}
    needed = {key: fields.pop(key) for key in schema.get("required", ())}
    others = schema["additionalProperties"]
    if isinstance(others, dict):
        names = st.text(max_size=3) | st.sampled_from(["model", "a"])
        return st.dictionaries(names, valid(cast("Schema", others), root), max_size=3)
    return st.fixed_dictionaries(needed, optional=fields)


@st.composite
def changed(draw: st.DrawFn, schema: Schema) -> object:
    """A value that `schema` takes in which something was replaced, added or left out."""
    value: object = draw(valid(schema, schema))
    return _changed(draw, value, schema)


def _changed(draw: st.DrawFn, value: object, root: Schema) -> object:
    """Goes down as far as it is drawn, and changes what is there."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        actions = ["replace", "add", *(["leave out", "deeper", "deeper", "deeper"] if fields else [])]
        match draw(st.sampled_from(actions)):
            case "add":
                key = draw(st.sampled_from(["model", "modle", "rules", "timeouts", ""]) | st.text(max_size=3))
                return {**fields, key: draw(JUNK)}
            case "leave out":
                gone = draw(st.sampled_from(sorted(fields)))
                return {key: inner for key, inner in fields.items() if key != gone}
            case "deeper":
                key = draw(st.sampled_from(sorted(fields)))
                return {**fields, key: _changed(draw, fields[key], root)}
            case _:
                return draw(JUNK)
    if isinstance(value, list) and value:
        items = cast("list[object]", value)
        index = draw(st.integers(0, len(items) - 1))
        return [*items[:index], _changed(draw, items[index], root), *items[index + 1 :]]
    return draw(JUNK)
