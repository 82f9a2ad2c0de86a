"""Layers → settings. What is invalid is dropped from the layer that said it, and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.config import values
from acp_agent.config.checker import faults
from acp_agent.config.layers import Layer, merge
from acp_agent.config.problems import Finding, Problem, describe, dotted
from acp_agent.config.reading import JsonObject, as_object
from acp_agent.config.schema import Settings, json_schema, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence


class Validated(NamedTuple):
    """`layers` are what is left of those given, lowest first."""

    settings: Settings
    problems: tuple[Problem, ...]
    layers: tuple[Layer, ...]


class _Place(NamedTuple):
    """A value in one layer: `holder[key]`, or an item of a list."""

    layer: Layer
    holder: JsonObject | list[object]
    item: object
    path: tuple[str | int, ...]


def validate(layers: Sequence[Layer]) -> Validated:
    """One check when all is well; otherwise one for each round of dropping, until the rest is valid."""
    merged = merge(layers)
    findings = check(merged)
    if not findings:
        return Validated(settings_of(merged), (), tuple(layers))
    from copy import deepcopy

    problems: list[Problem] = []
    layers = [layer._replace(data=deepcopy(layer.data)) for layer in layers]
    while findings:
        problems += _drop_invalid(findings, layers, merge(layers))
        findings = check(merge(layers))
    return Validated(settings_of(merge(layers)), tuple(problems), tuple(layers))


def check(data: JsonObject) -> list[Finding]:
    """What is wrong with settings by themselves: first what the schema says, then the rest."""
    found = faults(data, json_schema())
    spoilt = {fault.path[:depth] for fault in found for depth in range(1, len(fault.path) + 1)}
    return [*(describe(fault, json_schema()) for fault in found), *values.findings(data, spoilt)]


def _drop_invalid(findings: Sequence[Finding], layers: Sequence[Layer], merged: JsonObject) -> list[Problem]:
    """Removes from the layers what `findings` name. Raises LookupError if one is in no layer: a bug."""
    problems: list[Problem] = []
    places: list[_Place] = []
    for finding in findings:
        place = _highest(layers, merged, _droppable(finding.path))
        if place is None:
            raise LookupError(f"no layer says {dotted(finding.path)}")
        places.append(place)
        local = (*place.path, *finding.path[len(place.path) :])
        problems.append(place.layer.problem(finding._replace(path=local)))
    for place in places:
        _remove(place)
    return list(dict.fromkeys(problems))


def _droppable(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Of a list's item nothing is kept: half a rule is none."""
    for depth, part in enumerate(path, start=1):
        if isinstance(part, int):
            return path[:depth]
    return path


def _highest(layers: Sequence[Layer], merged: JsonObject, path: tuple[str | int, ...]) -> _Place | None:
    places = (_locate(layer, merged, path) for layer in reversed(layers))
    return next((place for place in places if place is not None), None)


def _locate(layer: Layer, merged: JsonObject, path: tuple[str | int, ...]) -> _Place | None:
    """Where `layer` says what is at `path` of the merged settings.

    Merging joins lists without copying their items, so an item is known by its identity.
    """
    above, last = path[:-1], path[-1]
    holder = _at(layer.data, above)
    if isinstance(last, int):
        own, whole = _as_list(holder), _as_list(_at(merged, above))
        index = next((at for at, item in enumerate(own) if item is whole[last]), None)
        return None if index is None else _Place(layer, own, whole[last], (*above, index))
    fields = as_object(holder)
    return None if fields is None or last not in fields else _Place(layer, fields, fields[last], path)


def _at(data: JsonObject, path: tuple[str | int, ...]) -> object:
    """The value at a path of keys; None where there is none."""
    value: object = data
    for part in path:
        value = (as_object(value) or {}).get(str(part))
    return value


def _as_list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _remove(place: _Place) -> None:
    """A place was found before anything was removed: it may be gone, its index may have moved."""
    if isinstance(place.holder, dict):
        place.holder.pop(str(place.path[-1]), None)
        return
    index = next((at for at, item in enumerate(place.holder) if item is place.item), None)
    if index is not None:
        del place.holder[index]


def origins(layers: Sequence[Layer]) -> dict[str, str]:
    """For each value that some layer sets: its dotted key → the labels of the layers that count."""
    found: dict[str, str] = {}
    for layer in layers:
        for path, value in _leaves(layer.data, ()):
            key = dotted(path)
            joins = layer.adds_rules and isinstance(value, list) and key in found
            found[key] = f"{found[key]}, {layer.label}" if joins else layer.label
    return found


def _leaves(data: JsonObject, above: tuple[str, ...]) -> list[tuple[tuple[str, ...], object]]:
    result: list[tuple[tuple[str, ...], object]] = []
    for key, value in data.items():
        path = (*above, key)
        result += _leaves(cast(JsonObject, value), path) if isinstance(value, dict) else [(path, value)]
    return result
