"""What is known of a provider's models (models.json), and what is guessed by their names (families.json)."""

from __future__ import annotations

import re
import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from acp_agent.models.catalogue.tables import table
from acp_agent.models.prices import MICRO, Price

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_WINDOW = 128_000
"""Tokens, for models nobody has said anything about."""
_DECIMALS = 6


class ModelFacts(NamedTuple):
    """What is known of one model at one provider; None is not known."""

    window: int | None = None
    output: int | None = None
    """The longest answer, in tokens."""
    price: Price | None = None
    images: bool | None = None
    tools: bool | None = None


NOTHING = ModelFacts()


class _Group(NamedTuple):
    models: Mapping[str, dict[str, Any]]
    ids: Mapping[str, str]
    """Every id of a model, in lower case, and the one that it goes by."""
    aliases: Mapping[str, str]
    dated: re.Pattern[str] | None


@cache
def _group(name: str) -> _Group:
    entry: dict[str, Any] = table("models")["groups"].get(name) or {"models": {}}
    models: dict[str, dict[str, Any]] = entry["models"]
    ids = {each.lower(): model for model, says in models.items() for each in (model, *says.get("also", ()))}
    aliases = {alias: model for model, says in models.items() for alias in says.get("aliases", ())}
    dated = entry.get("dated")
    return _Group(models, ids, aliases, re.compile(f"(.+)(?:{dated})") if dated else None)


def _known_as(group: _Group, model: str) -> str | None:
    """The id that `model` goes by: it is one, or one with a date as this provider writes them."""
    name = model.lower()
    found = group.ids.get(name)
    if found is None and group.dated and (dated := group.dated.fullmatch(name)):
        found = group.ids.get(dated[1])
    return found


def facts(group: str, model: str, day: str | None = None) -> ModelFacts | None:
    """What is known of exactly that model on `day`, such as 2026-11-30 (default: today); else None."""
    known = _group(group)
    found = _known_as(known, model)
    return None if found is None else facts_of(known.models[found], day)


def facts_of(says: Mapping[str, Any], day: str | None = None) -> ModelFacts:
    """What an entry as those of models.json says, its numbers being text or whole."""
    return ModelFacts(
        window=says.get("window"),
        output=says.get("output"),
        price=_price(says, day or time.strftime("%Y-%m-%d", time.gmtime())),
        images=says.get("images"),
        tools=says.get("tools", True),
    )


def _price(says: Mapping[str, Any], day: str) -> Price | None:
    stated: Sequence[object] | None = says.get("price")
    for start, other in says.get("from", ()):
        if start <= day:
            stated = other
    if stated is None:
        return None
    return _flat(stated)._replace(tiers=tuple((start, _flat(other)) for start, other in says.get("over", ())))


def _flat(stated: Sequence[object]) -> Price:
    asked, answered, read, written = (
        None if each is None else micro(str(each)) for each in (*stated, None, None)[:4]
    )
    return Price(asked or 0, answered or 0, read, written)


def micro(dollars: str) -> int:
    """Micro-dollars of an amount written in decimals, exactly. Raises ValueError for anything else."""
    whole, _, fraction = dollars.partition(".")
    if len(fraction) > _DECIMALS or not f"{whole}{fraction}".isascii():
        raise ValueError(f"{dollars!r} is no number of micro-dollars")
    if not whole.isdigit() or not f"{fraction}0".isdigit():
        raise ValueError(f"{dollars!r} is no amount")
    return int(whole) * MICRO + int(fraction.ljust(_DECIMALS, "0"))


def meant(group: str, text: str) -> str:
    """The id that `text` is a short name of, such as sonnet; just `text` if it is an id, or none of these."""
    known = _group(group)
    if _known_as(known, text) is not None:
        return text
    return known.aliases.get(text.lower(), text)


def all_models(group: str) -> Sequence[str]:
    """The ids of all models that are known."""
    return tuple(_group(group).models)


def listed_models(group: str) -> Sequence[str]:
    """The ids of the few that are offered unasked."""
    return tuple(model for model, says in _group(group).models.items() if says.get("listed"))


# Guesses -------------------------------------------------------------------------------------------


def guessed_window(model: str) -> int:
    """The context window in tokens, by the first text of families.json that the model's name contains."""
    return _first("windows", model) or DEFAULT_WINDOW


def guessed_images(model: str) -> bool:
    """Whether it takes images, likewise; True for one of which no entry knows."""
    return _first("images", model) is not False


def _first(kind: str, model: str) -> Any:
    name = model.lower()
    return next((value for part, value in table("families")[kind] if part in name), None)


def maker_of(model: str) -> str | None:
    """Who makes the model of that name; None when its name does not tell."""
    name = model.lower()
    return next((maker for start, maker in table("families")["makers"] if name.startswith(start)), None)
