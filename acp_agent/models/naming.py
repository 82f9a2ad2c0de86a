"""Which model is meant by what somebody writes, and whether a provider can have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.errors import InvalidParams
from acp_agent.models.catalogue.facts import all_models, facts, maker_of, meant
from acp_agent.models.catalogue.providers import provider_types, type_name, why_left_out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from acp_agent.models.routes import Route

Standing = Literal["possible", "unrecognised", "impossible"]
MOST_NAMED = 8
"""Models that an error lists."""


class Resolved(NamedTuple):
    route: Route
    unrecognised: bool = False
    """Nothing is known of a model of that name there, where other models are known; it may be new."""


def possible(kind: str, model: str, listed: Collection[str] = ()) -> Standing:
    """Whether a provider of that type, at its own address, can have that model.

    Impossible are other makers' families where a maker offers only its own. `listed` are ids that the
    service is known to have beside the catalogue's.
    """
    provider = provider_types()[kind]
    maker = maker_of(model)
    if provider.maker and maker and maker != provider.maker:
        return "impossible"
    if model in listed or facts(provider.group, model) is not None:
        return "possible"
    return "unrecognised" if listed or all_models(provider.group) else "possible"


def resolve(text: str, routes: Sequence[Route], make: Callable[[str, str], Route]) -> Resolved:
    """The model meant by `text`: an id or PROVIDER/ID, a short name such as sonnet, or a part of an id.

    The models of the first of `routes`' provider count before those of others. What is none of these
    is taken for a new model of that provider, or of the one that it names. `make` gives the route of an
    alias and a model. Raises InvalidParams for what cannot be or is not clear, AuthRequired for a
    provider that cannot be used yet.
    """
    text = text.strip()
    if not text:
        raise InvalidParams("Which model? Write PROVIDER/MODEL, a model's id, or a part of it.")
    providers = [[each for each in routes if each.alias == alias] for alias in _aliases(routes)]
    prefix, slash, rest = text.partition("/")
    if slash and (left_out := why_left_out(prefix)):
        raise InvalidParams(f"{left_out}.")
    named = next((own for own in providers if _is_called(own[0], prefix)), None) if rest else None
    found = (
        _exact(text, routes)
        or (_exactly_there(rest, named, make) if named else None)
        or next((found for own in providers if (found := _exactly_there(text, own, make))), None)
        or next((found for own in providers if (found := _part(text, own))), None)
    )
    if found:
        return Resolved(found)
    if named:
        return _part_or_new(rest, named, make)
    if rest and type_name(prefix) and not _routes_to(providers[0][0], prefix):
        return Resolved(make(prefix, rest))
    return _part_or_new(text, providers[0], make)


def _aliases(routes: Sequence[Route]) -> Sequence[str]:
    return list(dict.fromkeys(each.alias for each in routes))


def _is_called(found: Route, name: str) -> bool:
    return name.lower() in (found.alias.lower(), found.kind) or type_name(name) == found.kind


def _routes_to(found: Route, maker: str) -> bool:
    """Whether the provider's ids begin with the names of makers, `maker` among them."""
    start = f"{maker.lower()}/"
    return any(model.lower().startswith(start) for model in all_models(found.provider.group))


def _exact(text: str, routes: Sequence[Route]) -> Route | None:
    wanted = text.lower()
    return next((each for each in routes if wanted in (each.name.lower(), each.model.lower())), None)


def _exactly_there(text: str, own: Sequence[Route], make: Callable[[str, str], Route]) -> Route | None:
    """By an id that is offered or known, or by its short name."""
    if found := _exact(text, own):
        return found
    provider = own[0].provider
    if not own[0].own:
        return None
    model = meant(provider.group, text)
    if model == text and facts(provider.group, text) is None:
        return None
    return _exact(model, own) or make(own[0].alias, model)


def _part(text: str, own: Sequence[Route]) -> Route | None:
    """The one model that is offered whose id holds `text`. Raises InvalidParams when it is not but one."""
    found = [each for each in own if text.lower() in each.model.lower()]
    if len(found) > 1:
        listed = ", ".join(each.name for each in found[:MOST_NAMED])
        raise InvalidParams(f"Which one is {text!r}? There are {listed}.")
    return found[0] if found else None


def _part_or_new(text: str, own: Sequence[Route], make: Callable[[str, str], Route]) -> Resolved:
    if found := _part(text, own):
        return Resolved(found)
    first = own[0]
    if first.provider.protocol == "scripted":  # its script is all it has
        raise InvalidParams(f"{first.alias} has no model {text!r}; it has {first.name}.")
    standing = (
        possible(first.kind, text, {each.model for each in own if each.known}) if first.own else "possible"
    )
    if standing == "impossible":
        listed = ", ".join(each.model for each in own[:MOST_NAMED])
        raise InvalidParams(f"{first.alias} has no model {text!r}; it has {listed}.")
    return Resolved(make(first.alias, text), unrecognised=standing == "unrecognised")
