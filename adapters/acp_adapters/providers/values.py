"""JSON as services send it: anything may be missing or of another type."""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, cast

from acp_agent.errors import ToolError
from acp_agent.turn.repair import parse_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from acp_agent.models.routes import Route

Json = dict[str, object]
_decode = json.JSONDecoder().decode
"""Spares each of thousands of frames what json.loads looks at first."""


def read_object(data: bytes) -> Json:
    """The object that a frame holds; an empty one for other JSON. Raises ValueError."""
    return as_object(_decode(data.decode()))


def as_object(value: object) -> Json:
    return cast(Json, value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def as_number(value: object) -> int:
    """A count; 0 for what is none."""
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else 0


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def as_index(value: object) -> int | str | None:
    """What tells the parts of an answer apart."""
    return value if isinstance(value, int | str) else None


def sound_text(arguments: str) -> str:
    """A call's arguments as the model wrote them, which a service's cache goes by, if they are an object."""
    return arguments if sound(arguments) else "{}"


def sound(arguments: str) -> Json:
    """A call's arguments as an object.

    Services refuse a history with arguments that are none; the output says what was wrong with them.
    """
    try:
        return parse_arguments(arguments)
    except ToolError:
        return {}


def united(body: Json, more: Mapping[str, object]) -> Json:
    """`body` with `more`, which counts where they differ; what both have of one name is united in turn."""
    found = dict(body)
    for key, value in more.items():
        old, new = as_object(found.get(key)), as_object(value)
        found[key] = united(old, new) if old and new else value
    return found


def without(body: Json, name: str) -> Json:
    """`body` without what a dotted name stands for, and without what is empty then."""
    head, _, rest = name.partition(".")
    inner = without(as_object(body.get(head)), rest) if rest else {}
    return {key: inner if key == head else value for key, value in body.items() if key != head or inner}


def place(base_url: str, path: str, query: str = "") -> str:
    """The address of `path` below `base_url`, whose own query stays behind it."""
    base, _, own = base_url.partition("?")
    queries = "&".join(filter(None, (query, own)))
    return f"{base.rstrip('/')}{path}{'?' if queries else ''}{queries}"


def vertex(base_url: str, publisher: str) -> str | None:
    """Where Vertex AI has the models of `publisher`; None for an address that is not of Vertex AI."""
    base, mark, query = base_url.partition("?")
    if "/projects/" not in base:
        return None
    above = base.partition("/publishers/")[0].rstrip("/")
    return f"{above}/publishers/{publisher}{mark}{query}"


def key_header(route: Route, usual: str = "Authorization") -> dict[str, str]:
    """The header with the key; in `usual` where the service has none of its own."""
    key, name = route.key.value, route.provider.key_header or usual
    if not key:
        return {}
    return {name: f"Bearer {key}" if name.lower() == "authorization" else key}


def alternating(said: Iterator[tuple[str, list[Json]]], field: str) -> Iterator[Json]:
    """Messages of a role and pieces, the pieces in `field`; those of one role after another become one.

    Services that have outputs of calls in the user's messages want all those of an answer in one.
    """
    filled = ((role, pieces) for role, pieces in said if pieces)
    for role, run in groupby(filled, key=itemgetter(0)):
        yield {"role": role, field: [piece for _, pieces in run for piece in pieces]}
