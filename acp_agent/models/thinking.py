"""How long a model thinks: which levels it has, and what a request says for each (thinking.json)."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, object]

LEVELS = ("off", "minimal", "low", "medium", "high", "xhigh", "max")
"""From the least to the most. Some models have only `off` and `on`."""
ROOM_TOKENS = 16_384
"""What is left of the longest answer for what is said after the thoughts."""
_DEFAULT = "default"
_WORDS = {
    "none": "off", "no": "off", "0": "off", "disabled": "off", "min": "minimal", "l": "low", "m": "medium",
    "med": "medium", "mid": "medium", "h": "high", "hi": "high", "x-high": "xhigh", "extra": "xhigh",
    "full": "max", "maximum": "max",
}  # fmt: skip
_NUMBERS = ((0, "off"), (5000, "low"), (10_000, "medium"), (32_000, "high"))
"""The most tokens of thought that a level stands for when it is given as a number."""


class _Row(NamedTuple):
    """Models of one kind."""

    name: re.Pattern[str]
    form: str
    levels: tuple[str, ...]
    most: int | None


class _List(NamedTuple):
    """The models that a service has in a wire protocol."""

    form: str
    rows: tuple[_Row, ...]
    within: str = ""


class Asked(NamedTuple):
    """Which model is asked, of what type of provider, in which wire protocol."""

    kind: str
    protocol: str
    model: str
    max_output: int | None = None
    """Tokens; None when it is not known."""


# Levels as people say them --------------------------------------------------------------------------


def level_of(said: str | float) -> str | None:
    """The level that a word or a number of tokens means; None for what is neither."""
    if isinstance(said, str):
        word = said.strip().lower()
        if word.isascii() and word.isdigit():
            return level_of(int(word))
        return word if word in (*LEVELS, "on") else _WORDS.get(word)
    if said < 0:
        return None
    return next((level for most, level in _NUMBERS if said <= most), "max")


def nearest(level: str, levels: Sequence[str]) -> str | None:
    """Of the `levels` that a model has, the one that comes closest; None when none is meant by it.

    More than the model has is the most it has, but thinking is not turned off for who wanted little
    of it, nor on for who wanted none.
    """
    if level in levels:
        return level
    if level == "off" or (level not in LEVELS and level != "on"):
        return None
    rest = [each for each in levels if each in LEVELS[1:]]
    if not rest:
        return "on" if "on" in levels else None
    wanted = LEVELS.index("medium" if level == "on" else level)
    above = [each for each in rest if LEVELS.index(each) >= wanted]
    return min(above, key=LEVELS.index) if above else max(rest, key=LEVELS.index)


# What a model has -----------------------------------------------------------------------------------


def can_be_told(kind: str, protocol: str) -> bool:
    """Whether services of that type can be told in that protocol how long to think."""
    return _list(kind, protocol) is not None


def thought_levels(asked: Asked, listed: Sequence[str] = ()) -> Mapping[str, Json]:
    """By level, what a request says: for the levels `listed`, else for those the model is known to have."""
    found = _list(asked.kind, asked.protocol)
    if found is None:
        return {}
    row = _row(found, asked.model)
    wanted = [level_of(each) or each for each in listed] or (row.levels if row else ())
    form = _table()["forms"][row.form if row else found.form]
    said: dict[str, Json] = {}
    for level in wanted:
        request = _request(form, level, found.within, _budget(level, asked, row))
        if request not in said.values() or not request:  # a budget that the answer has no room for is none
            said[level] = request
    return said


def unsaid(asked: Asked) -> Json:
    """What a request says when no level is chosen: only that thoughts are to be shown."""
    found = _list(asked.kind, asked.protocol)
    row = _row(found, asked.model) if found else None
    if found is None or row is None or not row.levels:
        return {}
    form = _table()["forms"][row.form]
    return _request(form, _DEFAULT, found.within, 0) if _DEFAULT in form else {}


def _list(kind: str, protocol: str) -> _List | None:
    name = _table()["types"].get(kind, {}).get(protocol) or _table()["protocols"].get(protocol)
    return _read(name) if name else None


def _row(found: _List, model: str) -> _Row | None:
    name = model.lower()
    return next((row for row in found.rows if row.name.search(name)), None)


def _budget(level: str, asked: Asked, row: _Row | None) -> int:
    """Tokens, no more than the model takes and the longest answer has room for."""
    budgets = cast("dict[str, int]", _table()["budgets"])
    budget = budgets.get(level, budgets["medium"])
    if row and row.most:
        budget = min(budget, row.most)
    if asked.max_output:
        budget = min(budget, asked.max_output - ROOM_TOKENS)
    return max(budget, budgets["minimal"])


def _request(form: Mapping[str, Json], level: str, within: str, budget: int) -> Json:
    said = cast(Json, _filled(form.get(level, form["*"]), level, budget))
    return {within: said} if within and said else said


def _filled(value: object, level: str, budget: int) -> object:
    if isinstance(value, dict):
        return {key: _filled(inner, level, budget) for key, inner in cast(Json, value).items()}
    return {"$level": level, "$budget": budget}.get(value, value) if isinstance(value, str) else value


@cache
def _table() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("thinking.json").read_text(encoding="utf-8"))


@cache
def _read(name: str) -> _List:
    """A list of the table, with what counts after it."""
    entry = _table()["lists"][name]
    rows = tuple(
        _Row(re.compile(row["name"]), row.get("form", entry["form"]), tuple(row["levels"]), row.get("most"))
        for row in entry["models"]
    )
    if also := entry.get("also"):
        rows += _read(also).rows
    return _List(entry["form"], rows, entry.get("within", ""))
