"""How long a model thinks: which levels it has, and what a request says for each (thinking.json)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, object]


class _Kind(NamedTuple):
    """What is known of a provider type."""

    form: Mapping[str, Json]
    models: tuple[tuple[str, tuple[str, ...]], ...]


@cache
def _kinds() -> Mapping[str, _Kind]:
    table: Any = json.loads(Path(__file__).with_name("thinking.json").read_text(encoding="utf-8"))
    return {
        name: _Kind(
            table["forms"][entry["form"]], tuple((part, tuple(levels)) for part, levels in entry["models"])
        )
        for name, entry in table["types"].items()
    }


def can_be_told(kind: str) -> bool:
    """Whether services of that provider type can be told how long to think."""
    return kind in _kinds()


def thought_levels(kind: str, model: str, listed: Sequence[str] = ()) -> Mapping[str, Json]:
    """By level, what a request says: for the levels `listed`, else for those the model is known to have."""
    found = _kinds().get(kind)
    if found is None:
        return {}
    name = model.lower()
    known = next((levels for part, levels in found.models if part in name), ())
    return {level: _request(found.form, level) for level in listed or known}


def _request(form: Mapping[str, Json], level: str) -> Json:
    return cast(Json, _filled(form.get(level) or form["*"], level))


def _filled(value: object, level: str) -> object:
    if isinstance(value, dict):
        return {key: _filled(inner, level) for key, inner in cast(Json, value).items()}
    return level if value == "$level" else value
