"""What can only be judged when all layers are together: that the provider in use is one, and complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.config.problems import Finding, Problem, quoted, suggestion
from acp_agent.config.reading import as_object
from acp_agent.config.variables import unset
from acp_agent.extend.commands.table import NAME, NAMES
from acp_agent.models.routes import active_alias, provider_types
from acp_agent.models.thinking import can_be_told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from acp_agent.config.layers import Layer
    from acp_agent.config.schema import McpServerEntry, ProviderEntry, Settings


def check(settings: Settings, layers: Sequence[Layer], env: Mapping[str, str]) -> Iterator[Problem]:
    """Problems of settings that are valid by themselves."""
    findings = [each for name, entry in settings.providers.items() for each in _of_entry(name, entry)]
    findings += [each for name, entry in settings.mcp_servers.items() for each in _of_server(name, entry)]
    findings += [each for alias, name in settings.slash_aliases.items() for each in _of_alias(alias, name)]
    active = active_alias(settings, env)
    if active is not None and not _in_a_file(layers, active):
        findings += _of_choice(active, settings)
    elif active is not None and active in settings.providers:
        findings += _of_active(active, settings.providers[active], env)
    for finding in findings:
        yield _speaker(layers, finding.path).problem(finding)


def _of_entry(name: str, entry: ProviderEntry) -> Iterator[Finding]:
    kind = entry.provider_type
    if kind is not None and not _known(kind):
        meant = suggestion(kind, provider_types())
        listed = ", ".join(provider_types())
        hint = (
            f'did you mean "{meant}"?' if meant else f"write one of {listed}; custom for what speaks OpenAI's"
        )
        yield Finding(("providers", name, "provider_type"), f"{quoted(kind)} is not a known type", hint)
    if entry.script is not None and (kind or name).lower() != "scripted":
        hint = 'add "provider_type": "scripted", or delete script'
        yield Finding(("providers", name, "script"), "is only for scripted models", hint)
    known = provider_types().get((kind or name).lower())
    if (
        entry.thought_levels
        and known
        and not can_be_told((kind or name).lower(), entry.protocol or known.protocol)
    ):
        message = f"has no effect: models of the type {quoted(kind or name)} cannot be told how long to think"
        yield Finding(("providers", name, "thought_levels"), message, "delete it")


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
    if not _known(name):
        others = [each for each in (*settings.providers, *provider_types()) if each != name]
        meant = suggestion(name, others)
        hint = (
            f'did you mean "{meant}"?' if meant else f"add it to providers, or use one of {', '.join(others)}"
        )
        yield Finding(("provider",), f"there is no provider {quoted(name)}", hint)


def _of_active(name: str, entry: ProviderEntry, env: Mapping[str, str]) -> Iterator[Finding]:
    if entry.provider_type is None and not _known(name):
        hint = 'add "provider_type": "custom" if it speaks the OpenAI protocol, or another type'
        yield Finding(("providers", name), "has no provider_type", hint)
    values: dict[tuple[str, ...], str] = {("headers", key): value for key, value in entry.headers.items()}
    if entry.api_key is not None:
        values[("api_key",)] = entry.api_key
    for key, value in values.items():
        for variable in unset(value, env):
            message = f"the environment variable {variable} is not set"
            yield Finding(("providers", name, *key), message, f"set {variable} where your editor is started")


def _known(kind: str) -> bool:
    return kind.lower() in provider_types()


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
