"""What can be chosen in a session: its modes, options and commands, as the agent last told."""

from __future__ import annotations

from typing import NamedTuple

from acp_agent.acp.params import Json, as_list, as_object, as_text
from acp_agent.errors import AgentError


class Setting(NamedTuple):
    """Something to choose."""

    value: str
    name: str
    description: str
    current: bool


class NoSuchSetting(AgentError):
    """A mode or model that cannot be chosen; the message lists those that can."""


class Settings:
    def __init__(self) -> None:
        self.mode = ""
        self.has_modes = False
        """Whether the agent offers modes in the older form, beside or instead of an option."""
        self.options: list[Json] = []
        self.commands: list[Json] = []
        self._modes: list[Json] = []

    def opened(self, session: Json) -> None:
        """Takes the answer to session/new."""
        modes = as_object(session.get("modes"))
        self._modes = _objects(modes.get("availableModes"))
        self.has_modes = bool(self._modes)
        self.mode = as_text(modes.get("currentModeId")) or ""
        self.options = _objects(session.get("configOptions"))

    def changed(self, update: Json) -> None:
        """Takes an update, if it is about settings."""
        match update.get("sessionUpdate"):
            case "current_mode_update":
                self.mode = as_text(update.get("currentModeId")) or self.mode
            case "config_option_update":
                self.options = _objects(update.get("configOptions"))
            case "available_commands_update":
                self.commands = _objects(update.get("availableCommands"))
            case _:
                pass

    def choices(self, category: str) -> list[Setting]:
        """What there is to choose for "mode" or "model"."""
        if category == "mode" and self.has_modes:
            return [_setting(mode, "id", self.mode) for mode in self._modes]
        option = self._option(category)
        current = as_text(option.get("currentValue")) or ""
        found: list[Setting] = []
        for entry in _objects(option.get("options")):
            inner = _objects(entry.get("options")) if "group" in entry else [entry]
            found += [_setting(choice, "value", current) for choice in inner]
        return found

    def current(self, category: str) -> str:
        """The value that holds now; empty when there is none to choose."""
        return next((choice.value for choice in self.choices(category) if choice.current), "")

    def find(self, category: str, wanted: str) -> str:
        """The value that a person means: its own, its name, or what comes after the provider's alias.

        Raises NoSuchSetting.
        """
        choices = self.choices(category)
        for same in (
            [choice.value for choice in choices if choice.value == wanted],
            [choice.value for choice in choices if choice.name.lower() == wanted.lower()],
            [choice.value for choice in choices if choice.value.endswith(f"/{wanted}")],
        ):
            if len(same) == 1:
                return same[0]
        known = ", ".join(choice.value for choice in choices)
        if not known:
            raise NoSuchSetting(f"The agent has no {category} to choose.")
        raise NoSuchSetting(f"There is no {category} {wanted!r}. Choose one of: {known}.")

    def option_id(self, category: str) -> str:
        return as_text(self._option(category).get("id")) or category

    def _option(self, category: str) -> Json:
        for key in ("category", "id"):
            for option in self.options:
                if option.get(key) == category:
                    return option
        return {}


def _setting(entry: Json, key: str, current: str) -> Setting:
    value = as_text(entry.get(key)) or ""
    name = as_text(entry.get("name")) or value
    return Setting(value, name, as_text(entry.get("description")) or "", value == current)


def _objects(value: object) -> list[Json]:
    return [as_object(entry) for entry in as_list(value)]
