"""What can only be judged when all layers are together: that the provider in use is one, and complete."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.config.problems import Finding, Problem, quoted, suggestion
from acp_agent.config.reading import as_object
from acp_agent.config.schema import Routing
from acp_agent.config.variables import unset
from acp_agent.extend.commands.table import NAME, NAMES
from acp_agent.models.catalogue.providers import CUSTOM, provider_types, type_name, why_left_out
from acp_agent.models.routes import active_alias, configured_as, kind_of
from acp_agent.models.thinking import can_be_told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from acp_agent.config.layers import Layer
    from acp_agent.config.schema import McpServerEntry, ProviderEntry, Settings

ROLES = (
    "default", "smol", "slow", "plan", "commit", "review", "escalation", "summarization", "subagent",
    "critic", "approval",
)  # fmt: skip
"""Those that have a meaning of their own; others are the user's."""
_ROLE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def check(settings: Settings, layers: Sequence[Layer], env: Mapping[str, str]) -> Iterator[Problem]:
    """Problems of settings that are valid by themselves."""
    findings = [each for name, entry in settings.providers.items() for each in _of_entry(name, entry)]
    findings += [each for name, entry in settings.mcp_servers.items() for each in _of_server(name, entry)]
    findings += [each for alias, name in settings.slash_aliases.items() for each in _of_alias(alias, name)]
    findings += [each for role, text in settings.roles.items() for each in _of_role(role, text, settings)]
    findings += [each for text in settings.fallback for each in _of_named(("fallback",), text, settings)]
    findings += _of_limits(settings)
    active = active_alias(settings, env)
    if active is not None and not _in_a_file(layers, active):
        findings += _of_choice(active, settings)
    elif active is not None and active in settings.providers:
        findings += _of_active(active, settings.providers[active], env)
    for finding in findings:
        yield _speaker(layers, finding.path).problem(finding)


def _of_entry(name: str, entry: ProviderEntry) -> Iterator[Finding]:
    stated, kind = entry.provider_type, kind_of(name, entry)
    if stated is not None and kind is None:
        hint = _instead(
            stated, provider_types(), f'write one of docs/models.md, "{CUSTOM}" for what speaks OpenAI\'s'
        )
        yield Finding(("providers", name, "provider_type"), f"{quoted(stated)} is not a known type", hint)
    if entry.script is not None and kind != "scripted":
        hint = 'add "provider_type": "scripted", or delete script'
        yield Finding(("providers", name, "script"), "is only for scripted models", hint)
    if entry.thought_levels and kind and not can_be_told(kind, _protocol(kind, entry)):
        message = (
            f"has no effect: models of the type {quoted(stated or name)} cannot be told how long to think"
        )
        yield Finding(("providers", name, "thought_levels"), message, "delete it")


def _protocol(kind: str, entry: ProviderEntry) -> str:
    return entry.protocol or provider_types()[kind].protocol


def _of_limits(settings: Settings) -> Iterator[Finding]:
    """Numbers of which one must not be above the other."""
    low, high = settings.routing.low, settings.routing.high
    if low > high:
        path = ("routing", "low" if low != Routing().low else "high")
        yield Finding(path, f"low is {low:g}, high {high:g}", "write a low that is not above high")
    for name, limit in settings.budget._asdict().items():
        if limit.warn is not None and limit.stop is not None and limit.warn > limit.stop:
            message = f"is above stop, which is {limit.stop:g}: nobody would be warned"
            yield Finding(("budget", name, "warn"), message, "write less than stop")


def _of_server(name: str, entry: McpServerEntry) -> Iterator[Finding]:
    if bool(entry.command) == bool(entry.url):
        said = "has both command and url" if entry.command else "has neither command nor url"
        yield Finding(
            ("mcp_servers", name), said, "write a command to run or the url of a server, one of the two"
        )


def _of_alias(alias: str, name: str) -> Iterator[Finding]:
    path = ("slash_aliases", alias)
    if not NAME.fullmatch(alias):
        yield Finding(path, "cannot be typed as a command", "use a letter, then letters, digits and hyphens")
    elif alias in NAMES:
        yield Finding(path, f"/{alias} is a command already", "choose another name")
    if name.removeprefix("/") not in NAMES:
        meant = suggestion(name.removeprefix("/"), NAMES)
        hint = f'did you mean "{meant}"?' if meant else f"use one of {', '.join(NAMES)}"
        yield Finding(path, f"there is no command {quoted(name)}", hint)


def _of_choice(name: str, settings: Settings) -> Iterator[Finding]:
    """The provider is chosen, but no file has an entry for it: then it must be a type that is known."""
    if type_name(name) is None:
        others = [each for each in settings.providers if each != name]
        yield Finding(("provider",), f"there is no provider {quoted(name)}", _other_provider(name, others))


def _of_role(role: str, text: str, settings: Settings) -> Iterator[Finding]:
    if role not in ROLES and not _ROLE.fullmatch(role):
        hint = f"use letters, digits, - and _, or one of {', '.join(ROLES)}"
        yield Finding(("roles", role), "is no name for a role", hint)
    yield from _of_named(("roles", role), text, settings)


def _of_named(path: tuple[str, ...], text: str, settings: Settings) -> Iterator[Finding]:
    """`PROVIDER/MODEL`, or `PROVIDER`."""
    name = text.partition("/")[0]
    alias = configured_as(name, settings)
    if kind_of(alias, settings.providers.get(alias)) is None:
        message = f"there is no provider {quoted(name)}"
        yield Finding(path, message, _other_provider(name, settings.providers))


def _other_provider(name: str, configured: Iterable[str]) -> str:
    own = list(configured)
    listed = f"one of {', '.join(own)}, or " if own else ""
    return _instead(
        name, [*own, *provider_types()], f"add it to providers, or use {listed}a type of docs/models.md"
    )


def _instead(name: str, known: Iterable[str], otherwise: str) -> str:
    if left_out := why_left_out(name):
        return left_out
    meant = suggestion(name, known)
    return f'did you mean "{meant}"?' if meant else otherwise


def _of_active(name: str, entry: ProviderEntry, env: Mapping[str, str]) -> Iterator[Finding]:
    if entry.provider_type is None and kind_of(name, entry) is None:
        usual = 'add "base_url" if it speaks the OpenAI protocol, or a "provider_type" of docs/models.md'
        yield Finding(
            ("providers", name), "has neither base_url nor provider_type", why_left_out(name) or usual
        )
    values: dict[tuple[str, ...], str] = {("headers", key): value for key, value in entry.headers.items()}
    if entry.api_key is not None:
        values[("api_key",)] = entry.api_key
    values.update({("api_keys", str(number)): text for number, text in enumerate(entry.api_keys)})
    for key, value in values.items():
        for variable in unset(value, env):
            message = f"the environment variable {variable} is not set"
            yield Finding(("providers", name, *key), message, f"set {variable} where your editor is started")


def _in_a_file(layers: Sequence[Layer], name: str) -> bool:
    """Whether a file has the entry: one that exists only because a model was chosen for it does not count."""
    return any(layer.label == str(layer.file) and _says(layer, ("providers", name)) for layer in layers)


def _speaker(layers: Sequence[Layer], path: tuple[str | int, ...]) -> Layer:
    """The highest layer that says something at `path`, else the highest of all."""
    return next((layer for layer in reversed(layers) if _says(layer, path)), layers[-1])


def _says(layer: Layer, path: tuple[str | int, ...]) -> bool:
    value: object = layer.data
    for part in path:
        holder = as_object(value)
        if holder is None or part not in holder:
            return False
        value = holder[part]
    return True
