"""Checks an agent's lines against the protocol's own JSON schema, and against the rules it cannot express.

Stricter than the schema in one point: a key that the schema does not know is an error, as extensions
belong under `_meta`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft202012Validator

from tests.support.node import installed
from tests.support.wire import JsonObject, id_key, objects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.wire import Wire

MAX_LINE_BYTES = 1 << 20
SCHEMA = "@agentclientprotocol/sdk/schema/v1/schema.unstable.json"
COMPOSED = {"properties", "$ref", "allOf", "anyOf", "oneOf"}
SHOWN_PROBLEMS = 5


def problems(wire: Wire) -> list[str]:
    """What is wrong with anything the agent has written."""
    found = [f"no newline after {wire.unfinished[:200]!r}"] if wire.unfinished else []
    for line in wire.lines:
        subject = line.raw[:200].decode(errors="replace")
        found += [f"{told} in {subject}" for told in _line_problems(line.raw, line.message, wire.methods)]
    return found[:SHOWN_PROBLEMS]


def _line_problems(raw: bytes, message: JsonObject, methods: dict[tuple[str, object], str]) -> list[str]:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return [f"not UTF-8: {error}"]
    if len(raw) >= MAX_LINE_BYTES:
        return [f"{len(raw)} bytes"]
    if message.get("jsonrpc") != "2.0":
        return ["not a JSON-RPC 2.0 object"]
    if "method" in message:
        return _call_problems(message)
    return _response_problems(message, methods)


def _call_problems(message: JsonObject) -> list[str]:
    extra = message.keys() - {"jsonrpc", "id", "method", "params"}
    kind = "Request" if "id" in message else "Notification"
    definition = definitions().get((message["method"], kind))
    if extra or definition is None:
        return [f"unknown keys {extra} or unknown {kind.lower()} {message['method']!r}"]
    found = check(definition, message.get("params"))
    if message["method"] == "session/update":
        found += _update_problems(message["params"]["update"])
    elif message["method"] == "session/request_permission":
        found += _update_problems(message["params"]["toolCall"])
    return found


def _update_problems(update: JsonObject) -> list[str]:
    """Rules that the schema leaves to prose and to clients."""
    raws = [key for key in ("rawInput", "rawOutput") if not isinstance(update.get(key, {}), dict)]
    places = objects(update, "locations")
    shown = objects(update, "content") if isinstance(update.get("content"), list) else []
    paths = [item["path"] for item in [*places, *shown] if "path" in item]
    found = [f"{key} is no object" for key in raws]
    found += [f"relative path {path!r}" for path in paths if not path.startswith("/")]
    found += [
        f"line {place['line']}" for place in places if place.get("line") is not None and place["line"] < 1
    ]
    return found


def _response_problems(message: JsonObject, methods: dict[tuple[str, object], str]) -> list[str]:
    if message.keys() - {"jsonrpc", "id"} not in ({"result"}, {"error"}) or "id" not in message:
        return ["neither a result nor an error, or no id"]
    if "error" in message:
        return check("Error", message["error"])
    method = methods.get(id_key(message["id"]))
    if method is None:
        return ["a result for a request that was not sent"]
    definition = definitions().get((method, "Response"))
    return check(definition, message["result"]) if definition else []


def check(definition: str, value: object) -> list[str]:
    """What the schema says against `value`, naming the branch it was closest to."""
    errors = cast("Iterable[Any]", cast(Any, _validator(definition)).iter_errors(value))
    told = [_most_telling(error) for error in errors]
    return [f"{definition}: {error.json_path}: {error.message[:300]}" for error in told]


def _most_telling(error: Any) -> Any:
    """The innermost cause, in the branch that the discriminator of a union selects."""
    while error.context:
        branches: dict[object, list[Any]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        fitting = [inner for inner in branches.values() if not any(one.validator == "const" for one in inner)]
        error = (fitting or list(branches.values()))[0][0]
    return error


@cache
def definitions() -> dict[tuple[str, str], str]:
    """Name of the definition for a method's Request, Notification or Response."""
    found: dict[tuple[str, str], str] = {}
    for name, definition in _schema()["$defs"].items():
        for kind in ("Request", "Notification", "Response"):
            if "x-method" in definition and name.endswith(kind):
                found[definition["x-method"], kind] = name
    return found


@cache
def _schema() -> JsonObject:
    return _closed(json.loads(installed(SCHEMA).read_text(encoding="utf-8")))


@cache
def _validator(definition: str) -> Draft202012Validator:
    whole = _schema()
    return Draft202012Validator(_sealed({"$ref": f"#/$defs/{definition}"}) | {"$defs": whole["$defs"]})


def _closed(schema: Any) -> Any:
    """The schema with every value position sealed: properties, array items, map values."""
    if not isinstance(schema, dict):
        return schema
    closed = dict(cast(JsonObject, schema))
    for key in {"allOf", "anyOf", "oneOf"} & closed.keys():
        closed[key] = [_closed(branch) for branch in closed[key]]
    for key in {"items", "additionalProperties"} & closed.keys():
        closed[key] = _sealed(_closed(closed[key]))
    if "properties" in closed:
        closed["properties"] = {name: _sealed(_closed(part)) for name, part in closed["properties"].items()}
    if "$defs" in closed:
        closed["$defs"] = {name: _closed(part) for name, part in closed["$defs"].items()}
    return closed


def _sealed(schema: Any) -> Any:
    """The schema of one value, refusing keys that none of its parts knows."""
    if not isinstance(schema, dict) or not COMPOSED & schema.keys():
        return cast(Any, schema)
    return cast(JsonObject, schema) | {"unevaluatedProperties": False}
