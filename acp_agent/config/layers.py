"""One source of settings each: what an untrusted project may say, and how layers are merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.config.problems import Finding, Problem, dotted
from acp_agent.config.reading import JsonObject, as_object
from acp_agent.config.schema import MODES, PermissionSettings
from acp_agent.config.variables import is_reference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PROJECT_KEYS = frozenset({"max_agent_turns", "timeouts", "context_files", "permission", "sandbox"})
"""What an untrusted project may set. Anything else could run code or redirect money or credentials."""
_NEVER = frozenset({"environment"})
"""What no project sets, trusted or not: which secrets its commands are given."""
_PERMISSION_KEYS = frozenset({"mode", "rules"})
"""The keys of `permission` that are taken apart; of others nothing is known to be harmless."""
_DENIABLE = frozenset({"external_directory", "doom_loop"})
"""Keys of `permission` with which a project may deny, and do nothing else."""
_STRICTER = ("restrictive", "plan")
"""The modes that a project may set, the stricter last."""
_SANDBOXES: dict[object, tuple[str, ...]] = {
    "auto": ("bwrap", "required"),
    "required": ("bwrap",),
    "landlock": ("bwrap", "required"),
}
"""What a project may make of the user's sandbox. It cannot switch one on: in it fewer commands ask."""


class Layer(NamedTuple):
    """Settings from one source, not validated yet. `label` is what a person calls the source."""

    label: str
    file: Path
    """The file itself; for the environment and flags the user's own file."""
    data: JsonObject
    adds_rules: bool = False
    """Its permission rules join those of the layers below instead of replacing them: those that allow come
    before them, so that they never outweigh one of theirs, the others after them."""

    def problem(self, finding: Finding) -> Problem:
        """A finding about something this layer says."""
        named = "" if self.label == str(self.file) else f"{self.label}: "
        return Problem(self.file, dotted(finding.path), named + finding.message, finding.hint)


class Restrained(NamedTuple):
    """A project's settings, taken apart."""

    data: JsonObject
    """What counts in any case."""
    notes: tuple[str, ...]
    inert: JsonObject
    """The rest, as it is written; it counts once the user trusts the project."""
    refused: tuple[str, ...] = ()
    """Notes about what counts in no case."""


def merge(layers: Sequence[Layer]) -> JsonObject:
    """The layers from the lowest to the highest: scalars override, maps unite key by key, lists replace."""
    result: JsonObject = {}
    for layer in layers:
        below = _rules(result)
        result = _united(result, layer.data)
        permission = as_object(result.get("permission"))
        if layer.adds_rules and permission and isinstance(permission.get("rules"), list):
            own = _rules(layer.data)
            allowing = [rule for rule in own if _allows(rule)]
            others = [rule for rule in own if not _allows(rule)]
            result["permission"] = {**permission, "rules": [*allowing, *below, *others]}
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


def _allows(rule: object) -> bool:
    fields = as_object(rule) or {}
    return "allow" in (fields.get("action"), fields.get("effect"))


def with_sources(permission: PermissionSettings, layers: Sequence[Layer]) -> PermissionSettings:
    """The settings that `layers`, all valid, were merged into, each rule with who says it."""
    labels: list[str] = []
    for layer in layers:
        said = as_object(layer.data.get("permission"))
        if not said or not isinstance(said.get("rules"), list):
            continue
        own = _rules(layer.data)
        if layer.adds_rules:  # as `merge` orders them
            allowing = sum(map(_allows, own))
            labels = [*[layer.label] * allowing, *labels, *[layer.label] * (len(own) - allowing)]
        else:
            labels = [layer.label] * len(own)
    rules = (rule._replace(source=label) for rule, label in zip(permission.rules, labels, strict=True))
    return permission._replace(rules=tuple(rules))


def restrain(
    data: JsonObject, *, turns: int, mode: object, sandbox: JsonObject, known: frozenset[str]
) -> Restrained:
    """What counts of the settings of a project that is not trusted, and what does not.

    `turns` is the limit it may only lower, `mode` and `sandbox` what it may only tighten, `known` the
    keys that settings have: others stay, so that validation reports them.
    """
    kept: JsonObject = {}
    inert: JsonObject = {}
    notes: list[str] = []
    refused: list[str] = []
    for key, value in data.items():
        if key in _NEVER:
            refused.append(f"{key} is ignored: no project can set it")
        elif key in known and key not in _PROJECT_KEYS:
            inert[key] = _keyless(value, refused) if key == "providers" else value
            notes.append(f"{key} is ignored: a project that is not trusted cannot set it")
        elif key == "max_agent_turns" and type(value) is int and value > turns:
            inert[key] = value
            notes.append(f"max_agent_turns is ignored: a project can only lower it ({turns})")
        elif key == "permission" and isinstance(value, dict):
            kept[key], loosening = _tightening(cast(JsonObject, value), mode, notes)
            if loosening:
                inert[key] = loosening
        elif key == "sandbox" and isinstance(value, dict):
            kept[key], loosening = _confining(cast(JsonObject, value), sandbox, notes)
            if loosening:
                inert[key] = loosening
        else:
            kept[key] = value
    return Restrained(kept, tuple(notes), inert, tuple(refused))


def _keyless(providers: object, refused: list[str]) -> object:
    """Keys come from the user and never from a project, which may only name a variable."""
    entries = as_object(providers)
    if entries is None:
        return providers
    kept: JsonObject = {}
    for name, entry in entries.items():
        fields = as_object(entry)
        if fields is None:
            kept[name] = entry
            continue
        keys = [field for field in ("api_key", "api_keys", "oauth") if _brings_key(field, fields.get(field))]
        refused += [
            f"{dotted(('providers', name, field))} is ignored: no project can set a key" for field in keys
        ]
        kept[name] = {field: value for field, value in fields.items() if field not in keys}
    return kept


def _brings_key(field: str, value: object) -> bool:
    """Whether it says of a key more than the name of a variable. Whose OAuth client it is, a person says."""
    if field == "oauth":
        return value is not None
    texts = cast("list[object]", value) if isinstance(value, list) else [value]
    return any(isinstance(text, str) and not is_reference(text) for text in texts)


def trusted(restrained: Restrained) -> JsonObject:
    """All that a trusted project says. Its rules that ask or deny go on only to make things stricter."""
    result = _united(restrained.data, restrained.inert)
    if rules := [*_rules(restrained.inert), *_rules(restrained.data)]:
        result["permission"] = {**(as_object(result.get("permission")) or {}), "rules": rules}
    return result


def _tightening(permission: JsonObject, mode: object, notes: list[str]) -> tuple[JsonObject, JsonObject]:
    """What makes things stricter, and what does not."""
    kept = {key: value for key, value in permission.items() if key not in _PERMISSION_KEYS}
    loosening: JsonObject = {}
    for key in sorted(kept.keys() & frozenset(PermissionSettings._fields)):
        if key in _DENIABLE and kept[key] == "deny":
            continue
        loosening[key] = kept.pop(key)
        only = "only set deny" if key in _DENIABLE else "not set it"
        notes.append(f"permission.{key} is ignored: a project can {only}")
    allowed = _STRICTER[_STRICTER.index(mode) :] if mode in _STRICTER else _STRICTER
    if "mode" in permission:
        if permission["mode"] in MODES and permission["mode"] not in allowed:
            loosening["mode"] = permission["mode"]
            only = " or ".join(allowed)
            notes.append(f"permission.mode {permission['mode']} is ignored: a project can only set {only}")
        else:
            kept["mode"] = permission["mode"]
    rules = permission.get("rules")
    if isinstance(rules, list):
        given = cast("list[object]", rules)
        kept["rules"] = [_marked(rule) for rule in given if not _allows(rule)]
        if allowing := [rule for rule in given if _allows(rule)]:
            loosening["rules"] = allowing
            notes.append("permission.rules: rules that allow are ignored: a project can only ask or deny")
    elif "rules" in permission:
        kept["rules"] = rules
    return kept, loosening


def _marked(rule: object) -> object:
    fields = as_object(rule)
    return rule if fields is None else {**fields, "only_tightens": True}


def _confining(own: JsonObject, users: JsonObject, notes: list[str]) -> tuple[JsonObject, JsonObject]:
    """What makes the sandbox tighter, and what does not."""
    kept: JsonObject = {}
    loosening: JsonObject = {}
    for key, value in own.items():
        if key == "limits" and isinstance(value, dict):
            said, limits = cast(JsonObject, value), as_object(users.get(key)) or {}
            lower = {name: each for name, each in said.items() if _lower(each, limits.get(name))}
            kept[key] = lower
            higher = {name: each for name, each in said.items() if name not in lower}
        elif key == "mode":
            mode = users.get(key, "off")
            higher = value if value != mode and value not in _SANDBOXES.get(mode, ()) else None
        else:
            higher = value if key == "writable" or (key == "network" and value is not False) else None
        if higher:
            loosening[key] = higher
            notes.append(f"sandbox.{key} is ignored: a project can only tighten it")
        elif key not in kept:
            kept[key] = value
    return kept, loosening


def _lower(value: object, limit: object) -> bool:
    return not isinstance(limit, int) or (isinstance(value, int) and value <= limit)
