"""Tools without nested parameters, for models that get those wrong: dotted keys, and back.

`{"from": {"line": 1}}` becomes `{"from.line": 1}`. A dot in a name is doubled. Lists stay lists, of
flat objects where they are of objects: weak models write those well, but not JSON within a text,
where every quote has to be escaped; such a text is understood all the same.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from acp_agent.models.messages import ToolSpec

MOST_LEAVES = 10
DEEPEST = 2
"""A tool with more parameters in all, or deeper ones, is flattened."""
LONGEST_KEY = 64
"""Characters that services take in a parameter's name."""
_MOST_REFERENCES = 200
_DEFINITIONS = ("$defs", "definitions")
_SEPARATOR = re.compile(r"(?<!\.)\.(?!\.)")
_ODD_NAME = re.compile(r"^\.|\.$|\.\.|^$")

Json = dict[str, object]
Path = tuple[str, ...]


class Flat(NamedTuple):
    """A tool's parameters without nested objects."""

    parameters: Json
    objects: frozenset[Path]
    """Where there were objects; the root is one."""
    lists: Mapping[Path, Flat]
    """Where there are lists of objects, and what these have become."""

    def flat(self, arguments: Json) -> Json:
        """Arguments as the tool takes them, as the model is to write them."""
        return dict(self._flat((), arguments))

    def nested(self, arguments: Json) -> Json:
        """Arguments as the model has written them, as the tool takes them.

        What it has nested all the same stays so. What is not known stays for the tool to refuse.
        """
        found: Json = {}
        self._nest(found, (), arguments)
        return found

    def _flat(self, above: Path, value: Json) -> Iterator[tuple[str, object]]:
        for name, inner in value.items():
            path = (*above, name)
            if path in self.objects and _can_be_keys(inner):
                yield from self._flat(path, cast(Json, inner))
            elif path in self.lists and isinstance(inner, list):
                items = self.lists[path]
                yield (
                    _key(path),
                    [
                        items.flat(cast(Json, item)) if isinstance(item, dict) else item
                        for item in cast("list[object]", inner)
                    ],
                )
            else:
                yield _key(path), inner

    def _nest(self, found: Json, above: Path, value: Json) -> None:
        for key, given in value.items():
            path = (*above, *_names(key))
            if path[:-1] not in self.objects:
                path = (*above, key)
            inner = _parsed(given) if path in self.objects or path in self.lists else given
            if path in self.objects and isinstance(inner, dict):
                _set(found, path, {})
                self._nest(found, path, cast(Json, inner))
            elif path in self.lists and isinstance(inner, list):
                items = self.lists[path]
                _set(found, path, [
                    items.nested(cast(Json, item)) if isinstance(item, dict) else item
                    for item in cast("list[object]", inner)
                ])  # fmt: skip
            else:
                _set(found, path, given)


def flattened(spec: ToolSpec) -> Flat | None:
    """The tool's parameters flattened; None for one that is simple enough, or cannot be flattened."""
    schema = _resolved(spec.parameters)
    leaves, depth = _size(schema)
    if leaves <= MOST_LEAVES and depth <= DEEPEST:
        return None
    flat = _flattened(schema)
    return flat if len(flat.objects) > 1 or flat.lists else None


def _size(schema: Json) -> tuple[int, int]:
    """How many parameters there are in all, and how deep they are."""
    sizes = [_size(_within(each)) for each in _properties(schema).values()]
    if not sizes:
        return 1, 0
    return sum(leaves for leaves, _ in sizes), 1 + max(depth for _, depth in sizes)


def _within(schema: Json) -> Json:
    """What a parameter holds: the objects of a list count as it."""
    items = schema.get("items")
    return _object(cast(Json, items)) if isinstance(items, dict) else _object(schema)


def _flattened(schema: Json) -> Flat:
    objects: set[Path] = {()}
    lists: dict[Path, Flat] = {}
    properties: dict[str, Json] = {}
    required: list[str] = []

    def walk(inner: Json, above: Path, *, needed: bool) -> None:
        objects.add(above)
        wanted = cast("list[str]", inner.get("required") or [])
        for name, each in _properties(inner).items():
            path = (*above, name)
            must = needed and name in wanted
            if _can_be_parted(each, path):
                walk(_object(each), path, needed=must and _object(each) is each)
                continue
            if must:
                required.append(_key(path))
            items, told = each.get("items"), each
            if isinstance(items, dict) and _properties(_object(cast(Json, items))):
                lists[path] = _flattened(_object(cast(Json, items)))
                told = {**each, "items": lists[path].parameters}
            properties[_key(path)] = _told(told, inner if above else {}, name, above)

    walk(schema, (), needed=True)
    rest = {key: value for key, value in schema.items() if key not in ("properties", "required")}
    parameters: Json = {**rest, "type": "object", "properties": properties}
    return Flat({**parameters, "required": required} if required else parameters, frozenset(objects), lists)


def _told(schema: Json, holder: Json, name: str, above: Path) -> Json:
    """A parameter's schema, which says what that of the object around it has said."""
    said = [text for text in (holder.get("description"), schema.get("description")) if isinstance(text, str)]
    if above and name in cast("list[str]", holder.get("required") or []):
        said.append(f"Needed with the others of {_key(above)}.")
    return {**schema, "description": " ".join(said)} if said else schema


def _can_be_parted(schema: Json, path: Path) -> bool:
    """Whether it is an object of known parameters, all of whose names can be part of a key."""
    names = _properties(_object(schema))
    keys = (_key((*path, name)) for name in names)
    return (
        bool(names) and not any(map(_ODD_NAME.search, names)) and all(len(key) <= LONGEST_KEY for key in keys)
    )


def _object(schema: Json) -> Json:
    """The schema itself, or the one object that it may be, where the alternative is nothing."""
    for word in ("anyOf", "oneOf"):
        ways = [
            cast(Json, way) for way in cast("list[object]", schema.get(word) or []) if isinstance(way, dict)
        ]
        rest = [way for way in ways if way.get("type") != "null"]
        if len(rest) == 1 and len(ways) == 2 and not schema.get("properties"):
            about = {key: schema[key] for key in ("description",) if key in schema}
            return {**rest[0], **about}
    return schema


def _properties(schema: Json) -> dict[str, Json]:
    found = schema.get("properties")
    if not isinstance(found, dict):
        return {}
    return {
        name: cast(Json, each)
        for name, each in cast("dict[str, object]", found).items()
        if isinstance(each, dict)
    }


def _resolved(parameters: Json) -> Json:
    """With what it refers to in the place of references, but for those that lead to themselves."""
    left = _MOST_REFERENCES
    kept = False

    def resolve(value: object, seen: frozenset[str]) -> object:
        nonlocal left, kept
        if isinstance(value, list):
            return [resolve(each, seen) for each in cast("list[object]", value)]
        if not isinstance(value, dict):
            return value
        schema = cast(Json, value)
        reference = schema.get("$ref")
        if isinstance(reference, str):
            found = _referred(parameters, reference)
            if found is not None and reference not in seen and left:
                left -= 1
                rest = {key: each for key, each in schema.items() if key != "$ref"}
                return resolve({**found, **rest}, seen | {reference})
            kept = True
        return {key: resolve(each, seen) for key, each in schema.items()}

    bare = {key: value for key, value in parameters.items() if key not in _DEFINITIONS}
    found = cast(Json, resolve(bare, frozenset()))
    definitions = {key: parameters[key] for key in _DEFINITIONS if kept and key in parameters}
    return {**found, **definitions}


def _referred(root: Json, reference: str) -> Json | None:
    found = root if reference == "#" or reference.startswith("#/") else None
    for name in reference.split("/")[1:]:
        inner = found.get(name) if found else None
        found = cast(Json, inner) if isinstance(inner, dict) else None
    return found


# Keys ----------------------------------------------------------------------------------------------


def _key(path: Path) -> str:
    return ".".join(name.replace(".", "..") for name in path)


def _can_be_keys(value: object) -> bool:
    """Whether it is an object with something in it, whose names can all be part of a key."""
    names = cast(Json, value) if isinstance(value, dict) else {}
    return bool(names) and not any(map(_ODD_NAME.search, names))


def _names(key: str) -> Path:
    return tuple(name.replace("..", ".") for name in _SEPARATOR.split(key))


def _set(found: Json, path: Path, value: object) -> None:
    """Puts a value where a path leads, making objects on the way; one that is there is not emptied."""
    for name in path[:-1]:
        inner = found.get(name)
        above, found = found, cast(Json, inner) if isinstance(inner, dict) else {}
        above[name] = found
    if value != {} or not isinstance(found.get(path[-1]), dict):
        found[path[-1]] = value


def _parsed(value: object) -> object:
    """JSON that a model has written as a text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return cast(object, json.loads(value))
        except (ValueError, RecursionError):
            pass
    return value
