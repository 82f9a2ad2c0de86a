"""/mode, /model and /effort: the session's options, for who would rather type."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from acp_agent.extend.commands.markdown import bullets, code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.events import Choice, Option
    from acp_agent.extend.commands.desk import Answer, Desk, Words

LISTED = 20
"""Of the choices that something may have meant."""


async def mode(desk: Desk, words: Words) -> Answer:
    option = _option(desk, "mode")
    if words.text:
        return _choose(desk, option, words.text)
    return bullets(_line(choice, option, choice.description) for choice in option.choices)


async def model(desk: Desk, words: Words) -> Answer:
    option = _option(desk, "model")
    if words.text:
        return _choose(desk, option, words.text, guess=True)
    groups = groupby(option.choices, key=lambda choice: choice.value.partition("/")[0])
    return "\n\n".join(
        f"**{provider}**\n\n{bullets(_line(choice, option) for choice in choices)}"
        for provider, choices in groups
    )


async def effort(desk: Desk, words: Words) -> Answer:
    option = _option(desk, "thought_level")
    if words.text:
        return _choose(desk, option, words.text, guess=True)
    return bullets(_line(choice, option, choice.description) for choice in option.choices)


def _option(desk: Desk, category: str) -> Option:
    return next(option for option in desk.options if option.category == category)


def _line(choice: Choice, option: Option, about: str | None = None) -> str:
    name = f"{code(choice.value)} (current)" if choice.value == option.current else code(choice.value)
    return f"{name}: {about}" if about else name


def _choose(desk: Desk, option: Option, wanted: str, *, guess: bool = False) -> str:
    """With `guess` what is none of the choices is left to the option, which may know what is meant."""
    found = _matching(option.choices, wanted)
    if guess and not found:
        desk.choose(option.id, wanted)
        now = _option(desk, option.category or "")
        about = next((each.description for each in now.choices if each.value == now.current), None)
        return f"{option.name}: {code(str(now.current))} from the next request on." + (
            f" {about}." if about else ""
        )
    if len(found) != 1:
        listed = ", ".join(code(choice.value) for choice in (found or option.choices)[:LISTED])
        which = "could be one of" if found else "is none of"
        return f"{code(wanted)} {which}: {listed}."
    value = found[0].value
    if value == option.current:
        return f"{option.name}: {code(value)} already."
    desk.choose(option.id, value)
    return f"{option.name}: {code(value)} from the next request on."


def _matching(choices: Sequence[Choice], wanted: str) -> Sequence[Choice]:
    """The one that is called so, else those that have `wanted` in their name."""
    word = wanted.lower()
    for names in (_exact(word, choices), [each for each in choices if word in each.value.lower()]):
        if names:
            return names
    return [each for each in choices if word in each.name.lower()]


def _exact(word: str, choices: Sequence[Choice]) -> list[Choice]:
    same = [each for each in choices if each.value.lower() == word]
    return same or [each for each in choices if each.name.lower() == word]
