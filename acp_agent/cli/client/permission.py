"""Permission requests: asks the person, or answers as `--permit` says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import anyio

from acp_agent.acp.params import Json, as_text

if TYPE_CHECKING:
    from acp_agent.cli.client.lines import Line, Lines
    from acp_agent.cli.client.screen import Screen
    from acp_agent.cli.client.view import View

Policy = Literal["ask", "allow", "reject"]
POLICIES: tuple[str, ...] = get_args(Policy)

_KINDS_OF_WORD = {
    "y": "allow_once",
    "yes": "allow_once",
    "a": "allow_always",
    "always": "allow_always",
    "n": "reject_once",
    "no": "reject_once",
    "never": "reject_always",
}
_KEY_OF_KIND = {"allow_once": "y", "allow_always": "a", "reject_once": "n", "reject_always": "never"}
_KINDS_OF_POLICY = {
    "allow": ("allow_once", "allow_always"),
    "reject": ("reject_once", "reject_always"),
}


class Questions:
    """A client.agent.Asker: one question at a time, shown with what it is about."""

    def __init__(self, view: View, screen: Screen, lines: Lines, policy: Policy, *, why: str = "") -> None:
        self._view = view
        self._screen = screen
        self._lines = lines
        self._policy: Policy = policy
        self._why = why or f"--permit {policy}"
        self._one_at_a_time = anyio.Lock()
        self.pending = False
        """Whether a person is being asked."""

    async def ask(self, tool_call: Json, options: list[Json]) -> tuple[str | None, str]:
        async with self._one_at_a_time:
            self._view.present(tool_call)
            if self._policy != "ask":
                return self._decide(options, self._policy, self._why), ""
            self.pending = True
            try:
                return await self._ask_person(options)
            finally:
                self.pending = False

    def _decide(self, options: list[Json], policy: Policy, why: str) -> str | None:
        for kind in _KINDS_OF_POLICY[policy]:
            for option in options:
                if option.get("kind") == kind:
                    self._screen.line(f"  {_name(option)} ({why})", "yellow")
                    return as_text(option.get("optionId"))
        self._screen.line(f"  No answer would {policy} it ({why})", "yellow")
        return None

    async def _ask_person(self, options: list[Json]) -> tuple[str | None, str]:
        asked_at = self._lines.arrived
        self._screen.end_line()
        keys = dict(_KEY_OF_KIND)
        for number, option in enumerate(options, 1):
            key = keys.pop(as_text(option.get("kind")) or "", "")
            self._screen.line(f"  {number} {key:5} {_name(option)}")

        def answers(line: Line) -> bool:
            """What a person typed before the question was there is no answer to it."""
            return not line.text.startswith("/") and (line.number > asked_at or not self._lines.terminal)

        while True:
            self._screen.end_line()
            self._screen.write("  Allow it? ", "yellow")
            text = await self._lines.take(answers, anywhere=self._lines.terminal)
            if text is None:
                return self._decide(options, "reject", "nobody is there to answer"), ""
            self._screen.entered(text, by_terminal=self._lines.terminal)
            chosen, words = _chosen(options, text)
            if chosen is not None:
                return as_text(chosen.get("optionId")), words
            self._screen.line(
                f"  Answer with a number from 1 to {len(options)}, or with one of the letters. "
                "What follows n is told to the model."
            )


def _chosen(options: list[Json], text: str) -> tuple[Json | None, str]:
    """The option that an answer means, and with a refusal the words that are for the model."""
    word, _, words = text.partition(" ")
    if word.isdecimal() and 1 <= int(word) <= len(options):
        chosen = options[int(word) - 1]
    else:
        kind = _KINDS_OF_WORD.get(word.lower())
        chosen = next((option for option in options if kind and option.get("kind") == kind), None)
    words = words.strip()
    refused = chosen is not None and str(chosen.get("kind")).startswith("reject")
    return (chosen, words) if refused or not words else (None, "")


def _name(option: Json) -> str:
    return as_text(option.get("name")) or as_text(option.get("optionId")) or "?"
