"""How hard a prompt is, and so which role's model is to answer it: the model option `auto`."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acp_agent.config.schema import Routing

Strain = Literal["none", "warned", "over"]
"""How far the budget is used up: not noticeably, beyond where one is warned, or all of it."""


class Asked(NamedTuple):
    """What is judged. Only the prompt and the turn before it count, so that no choice sticks."""

    prompt: str
    tokens: int
    """Of the prompt with all that came with it, about."""
    tools: Sequence[str] = ()
    """The tools that the turn before has used, each as often as it was."""
    strain: Strain = "none"


class Verdict(NamedTuple):
    role: str
    """smol, default or slow."""
    score: float
    why: str
    """For a person."""


class _Table(NamedTuple):
    tokens: int
    tools: Mapping[str, int]
    keywords: Mapping[str, float]
    hints: Mapping[str, Sequence[str]]


@cache
def _table() -> _Table:
    data: dict[str, Any] = json.loads(Path(__file__).with_name("routing.json").read_text(encoding="utf-8"))
    tools = {name: int(points) for points, names in data["tools"].items() for name in names}
    return _Table(data["tokens"], tools, data["keywords"], data["hints"])


def judge(asked: Asked, routing: Routing) -> Verdict:
    """The budget outweighs what the user hints at, and that outweighs the score."""
    if asked.strain == "over":
        return Verdict("smol", 0, "the budget is used up")
    table = _table()
    for role, phrases in table.hints.items():
        if said := next((phrase for phrase in phrases if _says(asked.prompt, phrase)), None):
            return Verdict(role, 0, f"you said “{said}”")
    score, parts = _score(asked, {**table.keywords, **routing.keywords})
    if asked.strain == "warned":
        score /= 2
        parts.append("halved, most of the budget is used up")
    role = "smol" if score < routing.low else "slow" if score > routing.high else "default"
    return Verdict(role, score, f"{score:g} points: {', '.join(parts) or 'nothing to count'}")


def weight_of(tool: str) -> int:
    """The points for one use of a tool."""
    tools = _table().tools
    return tools.get(tool, tools["*"])


def _score(asked: Asked, keywords: Mapping[str, float]) -> tuple[float, list[str]]:
    size = asked.tokens / _table().tokens
    used = sum(map(weight_of, asked.tools))
    words = {word: points for word, points in keywords.items() if _says(asked.prompt, word)}
    parts = [f"{size:g} for its length"] if size else []
    parts += [f"{used} for the tools before"] if used else []
    parts += [f"{word} {points:+g}" for word, points in words.items()]
    return size + used + sum(words.values()), parts


def _says(prompt: str, phrase: str) -> bool:
    """Whether these words stand in it as words: `read` is not in `already`."""
    return _pattern(phrase).search(prompt) is not None


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    words = r"\s+".join(map(re.escape, phrase.split()))
    return re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
