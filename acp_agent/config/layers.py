"""One source of settings each: what an untrusted project may say, and how layers are merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.config.problems import Finding, Problem, dotted
from acp_agent.config.reading import JsonObject, as_object
from acp_agent.config.schema import MODES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from acp_agent.config.schema import PermissionSettings

_PROJECT_KEYS = frozenset({"max_agent_turns", "timeouts", "context_files", "permission"})
"""What an untrusted project may set. Anything else could run code or redirect money or credentials."""
_STRICTER = ("restrictive", "plan")
"""The modes that a project may set, the stricter last."""


class Layer(NamedTuple):
    """Settings from one source, not validated yet. `label` is what a person calls the source."""

    label: str
    file: Path
    """The file itself; for the environment and flags the user's own file."""
    data: JsonObject
    adds_rules: bool = False
    """Its permission rules come after those of the layers below instead of replacing them."""

    def problem(self, finding: Finding) -> Problem:
        """A finding about something this layer says."""
        named = "" if self.label == str(self.file) else f"{self.label}: "
        return Problem(self.file, dotted(finding.path), named + finding.message, finding.hint)


class Restrained(NamedTuple):
    data: JsonObject
    notes: tuple[str, ...]


def merge(layers: Sequence[Layer]) -> JsonObject:
    """The layers from the lowest to the highest: scalars override, maps unite key by key, lists replace."""
    result: JsonObject = {}
    for layer in layers:
        below = _rules(result)
        result = _united(result, layer.data)
        permission = as_object(result.get("permission"))
        if layer.adds_rules and permission and isinstance(permission.get("rules"), list):
            result["permission"] = {**permission, "rules": [*below, *_rules(layer.data)]}
    return result


def _united(below: JsonObject, above: JsonObject) -> JsonObject:
    result = dict(below)
    for key, value in above.items():
        old, new = as_object(result.get(key)), as_object(value)
        result[key] = value if old is None or new is None else _united(old, new)
    return result


def _rules(data: JsonObject) -> list[object]:
    permission = as_object(data.get("permission"))
    rules = permission.get("rules") if permission else None
    return cast("list[object]", rules) if isinstance(rules, list) else []


def with_sources(permission: PermissionSettings, layers: Sequence[Layer]) -> PermissionSettings:
    """The settings that `layers`, all valid, were merged into, each rule with who says it."""
    labels: list[str] = []
    for layer in layers:
        said = as_object(layer.data.get("permission"))
        if said and isinstance(said.get("rules"), list):
            labels = [*(labels if layer.adds_rules else ()), *[layer.label] * len(_rules(layer.data))]
    rules = (rule._replace(source=label) for rule, label in zip(permission.rules, labels, strict=True))
    return permission._replace(rules=tuple(rules))


def restrain(data: JsonObject, *, turns: int, mode: object, known: frozenset[str]) -> Restrained:
    """What counts of the settings of a project that is not trusted.

    `turns` is the limit it may only lower, `mode` the one it may only tighten, `known` the keys that
    settings have: others stay, so that validation reports them.
    """
    kept: JsonObject = {}
    notes: list[str] = []
    for key, value in data.items():
        if key in known and key not in _PROJECT_KEYS:
            notes.append(f"{key} is ignored: a project that is not trusted cannot set it")
        elif key == "max_agent_turns" and type(value) is int and value > turns:
            notes.append(f"max_agent_turns is ignored: a project can only lower it ({turns})")
        elif key == "permission" and isinstance(value, dict):
            kept[key] = _tightening(cast(JsonObject, value), mode, notes)
        else:
            kept[key] = value
    return Restrained(kept, tuple(notes))


def _tightening(permission: JsonObject, mode: object, notes: list[str]) -> JsonObject:
    kept = dict(permission)
    allowed = _STRICTER[_STRICTER.index(mode) :] if mode in _STRICTER else _STRICTER
    if kept.get("mode") in MODES and kept["mode"] not in allowed:
        only = " or ".join(allowed)
        notes.append(f"permission.mode {kept.pop('mode')} is ignored: a project can only set {only}")
    for key in ("external_directory", "doom_loop"):
        if key in kept and kept[key] != "deny":
            del kept[key]
            notes.append(f"permission.{key} is ignored: a project can only set deny")
    if "ask_timeout_secs" in kept:
        del kept["ask_timeout_secs"]
        notes.append("permission.ask_timeout_secs is ignored: a project cannot set it")
    rules = kept.get("rules")
    if isinstance(rules, list):
        own: list[object] = []
        for rule in cast("list[object]", rules):
            fields = as_object(rule)
            if fields is None:
                own.append(rule)
            elif fields.get("action") != "allow":
                own.append({**fields, "only_tightens": True})
        if len(own) < len(cast("list[object]", rules)):
            notes.append("permission.rules: rules that allow are ignored: a project can only ask or deny")
        kept["rules"] = own
    return kept
