"""The settings that hold in a folder: read, merged, checked. One bad key never resets the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.config import command_lists, paths
from acp_agent.config.layers import Layer, merge, restrain, trusted, with_sources
from acp_agent.config.problems import Problem
from acp_agent.config.reading import JsonObject, as_object, read_file
from acp_agent.config.schema import Settings, expanded_permission, expanded_sandbox
from acp_agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from acp_agent.config.trust import Trust

_PROVIDER_VARIABLE = "ACP_AGENT_PROVIDER"
_MODEL_VARIABLE = "ACP_AGENT_MODEL"


class Overrides(NamedTuple):
    """Command-line flags; they beat the environment, which beats the files."""

    provider: str | None = None
    model: str | None = None
    mode: str | None = None
    trust_project: bool = False
    """Trust what the project's settings ask for, this time. Nothing but a flag may say so."""
    max_cost: float | None = None
    """US dollars that the session may cost."""


class Loaded(NamedTuple):
    """Settings that can be used, and what was left out of them.

    `problems` are mistakes to mend, `notes` what a project may not set, `sources` the files
    that were read, the user's own first, `trust` whether what only a trusted project may set counts;
    None when it asks for nothing of the kind.
    """

    settings: Settings
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    sources: tuple[Path, ...]
    trust: Trust | None = None


class Resolved(NamedTuple):
    """A load with its layers, lowest first, after what is invalid has been dropped from them."""

    loaded: Loaded
    layers: tuple[Layer, ...]


NO_OVERRIDES = Overrides()


def load(cwd: Path, env: Mapping[str, str], overrides: Overrides = NO_OVERRIDES) -> Loaded:
    """The settings of a session in `cwd`. Never raises for what a file holds: see `require`."""
    return resolve(cwd, env, overrides).loaded


def require(loaded: Loaded) -> Settings:
    """The settings, or a ConfigError that names the first problem and lists all."""
    if not loaded.problems:
        return loaded.settings
    first = loaded.problems[0]
    rest = len(loaded.problems) - 1
    more = f" ({rest} more: run `acp-agent config check`)" if rest else ""
    raise ConfigError(
        f"{first}. To mend it: {first.hint}{more} (docs/configuration.md)",
        data={
            "file": str(first.file),
            "key": first.key,
            "hint": first.hint,
            "details": "\n".join(f"{problem} ({problem.hint})" for problem in loaded.problems),
            "problems": [{**problem._asdict(), "file": str(problem.file)} for problem in loaded.problems],
        },
    )


def resolve(cwd: Path, env: Mapping[str, str], overrides: Overrides = NO_OVERRIDES) -> Resolved:
    """Like `load`, for who also needs to know where each value comes from."""
    from acp_agent.config.checks import check
    from acp_agent.config.validate import validate

    files, problems, notes, trust = _read_files(cwd, env, given=overrides.trust_project)
    above, more = _override_layers(merge(files), env, overrides)
    settings, invalid, layers = validate([*files, *above])
    problems = [*problems, *invalid, *(more or check(settings, layers, env))]
    if listed := command_lists.problem(env):
        problems.append(listed)
    sources = tuple(layer.file for layer in files)
    settings = settings._replace(permission=with_sources(settings.permission, layers))
    return Resolved(Loaded(settings, tuple(problems), tuple(notes), sources, trust), layers)


class _Files(NamedTuple):
    layers: list[Layer]
    problems: list[Problem]
    notes: list[str]
    trust: Trust | None = None


def _read_files(cwd: Path, env: Mapping[str, str], *, given: bool) -> _Files:
    """The user's own file and the project's, of which all counts if it is trusted."""
    found = _Files([], [], [])
    own = paths.config_file(env)
    reading = read_file(own)
    found.problems.extend(reading.problems)
    if reading.data is not None:
        data = _anchored(_expanded(reading.data), own.parent, env)
        found.layers.append(Layer(str(own), own, data))
    project = paths.project_config_file(cwd)
    if _same_file(own, project):
        return found
    reading = read_file(project)
    found.problems.extend(reading.problems)
    if reading.data is None:
        return found
    restrained = restrain(
        _expanded(reading.data),
        turns=_turn_limit(found.layers),
        mode=_section(found.layers, "permission").get("mode"),
        sandbox=_section(found.layers, "sandbox"),
        known=frozenset(Settings._fields),
    )
    trust: Trust | None = None
    if restrained.inert:
        from acp_agent.config.trust import judge

        trust = judge(project, cwd, restrained.inert, env, given=given)
    holds = trust is not None and trust.holds
    data = trusted(restrained) if holds else restrained.data
    found.layers.append(Layer(str(project), project, _anchored(data, project.parent, env), adds_rules=True))
    notes = restrained.refused if holds else (*restrained.refused, *restrained.notes)
    found.notes.extend(f"{project}: {note}" for note in notes)
    return found._replace(trust=trust)


def _turn_limit(layers: Sequence[Layer]) -> int:
    turns = merge(layers).get("max_agent_turns")
    return turns if type(turns) is int and turns >= 1 else Settings().max_agent_turns


def _section(layers: Sequence[Layer], key: str) -> JsonObject:
    return as_object(merge(layers).get(key)) or {}


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _expanded(data: JsonObject) -> JsonObject:
    """Short forms written out, so that layers can be merged."""
    result = {key: value for key, value in data.items() if key != "$schema"}
    if "permission" in result:
        result["permission"] = expanded_permission(result["permission"])
    if "sandbox" in result:
        result["sandbox"] = expanded_sandbox(result["sandbox"])
    return result


def _anchored(data: JsonObject, folder: Path, env: Mapping[str, str]) -> JsonObject:
    """The paths of scripts made absolute."""
    providers = as_object(data.get("providers"))
    if providers is None:
        return data
    entries = {name: _anchored_entry(entry, folder, env) for name, entry in providers.items()}
    return {**data, "providers": entries}


def _anchored_entry(entry: object, folder: Path, env: Mapping[str, str]) -> object:
    fields = as_object(entry)
    script = fields.get("script") if fields else None
    if fields is None or not isinstance(script, str) or not script:
        return entry
    return {**fields, "script": str(paths.user_path(script, folder, env))}


def _override_layers(
    below: JsonObject, env: Mapping[str, str], flags: Overrides
) -> tuple[list[Layer], list[Problem]]:
    """The environment and the flags as layers; the model belongs to the provider that is then active."""
    from acp_agent.models.routes import active_alias

    file = paths.config_file(env)
    layers: list[Layer] = []
    provider, label = _first(
        (flags.provider, "--provider"), (env.get(_PROVIDER_VARIABLE), _PROVIDER_VARIABLE)
    )
    if provider:
        layers.append(Layer(label, file, {"provider": provider}))
    for label, what, entry in _of_active(env, flags):
        active = provider or _active_in(below) or active_alias(Settings(), env)
        if active is None:
            message = f"{label} names a {what}, but no provider is chosen"
            return layers, [Problem(file, "provider", message, f"set --provider or {_PROVIDER_VARIABLE} too")]
        layers.append(Layer(label, file, {"providers": {active: entry}}))
    if flags.mode:
        layers.append(Layer("--mode", file, {"permission": {"mode": flags.mode}}))
    if flags.max_cost is not None:
        limit: JsonObject = {"warn": None, "stop": flags.max_cost}
        layers.append(Layer("--max-cost", file, {"budget": {"session": limit}}))
    return layers, []


def _of_active(env: Mapping[str, str], flags: Overrides) -> Iterator[tuple[str, str, JsonObject]]:
    """What the environment and the flags say of the provider in use: who says it, what, the entry."""
    from acp_agent.models.keys import FROM_COMMAND_LINE, KEY_VARIABLE

    model, label = _first((flags.model, "--model"), (env.get(_MODEL_VARIABLE), _MODEL_VARIABLE))
    if model:
        yield label, "model", {"model": model}
    if env.get(KEY_VARIABLE):
        entry: JsonObject = {"api_key": FROM_COMMAND_LINE, "api_keys": [], "pool": None, "account": None}
        yield f"the command line or {KEY_VARIABLE}", "key", entry


def _first(*candidates: tuple[str | None, str]) -> tuple[str | None, str]:
    return next((each for each in candidates if each[0]), (None, ""))


def _active_in(data: JsonObject) -> str | None:
    """`active_alias` for settings that are not validated yet."""
    chosen, providers = data.get("provider"), as_object(data.get("providers"))
    if isinstance(chosen, str) and chosen:
        return chosen
    return next(iter(providers), None) if providers else None
