"""What children see of the agent's environment: what ordinary work needs, and no secrets.

environment.json lists it, with the reason for each group; the person adds to it in the settings. What
is secret by its name or its value is held back all the same, unless it is named in full.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from acp_agent.redaction.redactor import NO_VALUES
from acp_agent.redaction.shapes import table
from acp_agent.workspace.guard import MARKER_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

OWN_PREFIX = "ACP_AGENT_"
QUIET = {
    "TERM": "dumb",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}
"""A command has nobody to wait for."""
_SECRET = re.compile(
    r"(?:^|_)(?:KEYS?|SECRETS?|TOKENS?|PASSWORDS?|PASSWD|PASSPHRASE|PASS|PWD|CREDS?|CREDENTIALS?|AUTH)(?:_|$)"
    r"|(?:APIKEY|SECRET|TOKEN|PASSWORD)$"
)
KEY_AGENT = "SSH_AUTH_SOCK"
"""Whoever reaches it can open whatever the person's keys open."""
_PLAIN_GIT = re.compile(r"\s*git\s[^;&|`$<>\n]*")
_PLACE = re.compile(r"[/~.]*/|https?://[^@?]*$")
"""Where a secret is, or is used: SSH_AUTH_SOCK, a file with a key, the address of a login."""
_NO_SECRET = frozenset({"PWD", "OLDPWD"})


class _Table(NamedTuple):
    commands: re.Pattern[str]
    servers: re.Pattern[str]
    excepted: frozenset[str]
    """Passed to commands although they are secrets."""


@cache
def _table() -> _Table:
    text = Path(__file__).with_name("environment.json").read_text(encoding="utf-8")
    groups = cast("list[dict[str, Any]]", json.loads(text)["groups"])
    excepted = {name for group in groups if group.get("secret") for name in group["names"]}
    return _Table(
        _any_of(tuple(name for group in groups for name in group["names"])),
        _any_of(tuple(name for group in groups if group.get("servers") for name in group["names"])),
        frozenset(excepted),
    )


@cache
def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in names), re.DOTALL)


def has_secret_name(name: str) -> bool:
    """Whether a variable of this name is likely to hold a secret."""
    return name not in _NO_SECRET and _SECRET.search(name.upper()) is not None


def is_secret(name: str, value: str) -> bool:
    """Whether a variable is likely to be a secret, by its name or by what its value looks like."""
    if has_secret_name(name):
        return True
    return NO_VALUES.holds(value)


def secret_values(environment: Mapping[str, str]) -> Iterator[str]:
    """What of the values of `environment` must not be shown, wherever it turns up."""
    ordinary_values = table().ordinary
    for name, value in environment.items():
        if not has_secret_name(name):
            yield from NO_VALUES.secrets(value)
        elif value.lower() not in ordinary_values and not _PLACE.match(value):
            yield value


class Passing(NamedTuple):
    """What a person has changed of what passes, and what is the agent's own."""

    more: tuple[str, ...] = ()
    """Names that pass too, also with `*`; one without it passes even if it is a secret."""
    own: frozenset[str] = frozenset()
    """Variables that the agent takes its keys from: they never pass."""
    keys: frozenset[str] = frozenset()
    """The keys themselves: what holds one never passes."""

    def for_command(self, command: str | Sequence[str]) -> Passing:
        """What passes to that command: the agent for keys only to a single plain git command."""
        plain = isinstance(command, str) and _PLAIN_GIT.fullmatch(command)
        return self if plain or KEY_AGENT in self.more else self._replace(own=self.own | {KEY_AGENT})

    def is_held(self, name: str, value: str) -> bool:
        """Whether a variable does not pass because it is a secret."""
        if self._is_own(name, value):
            return True
        return name not in self.more and name not in _table().excepted and is_secret(name, value)

    def to_commands(self, name: str, value: str) -> bool:
        wanted = name in self.more or _table().commands.fullmatch(name) or _any_of(self.more).fullmatch(name)
        return bool(wanted) and not name.startswith(OWN_PREFIX) and not self.is_held(name, value)

    def to_servers(self, name: str, value: str) -> bool:
        return _table().servers.fullmatch(name) is not None and not self.is_held(name, value)

    def _is_own(self, name: str, value: str) -> bool:
        return name in self.own or any(key in value for key in self.keys)


NOTHING_MORE = Passing()


def scrubbed(
    environment: Mapping[str, str],
    marker: str,
    passing: Passing = NOTHING_MORE,
    given: Collection[str] = (),
) -> dict[str, str]:
    """`environment` for a command that carries `marker`.

    `given` are the variables in it that were set for this command: they pass unless they are secrets.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if passing.to_commands(name, value)
        or (name in given and not name.startswith(OWN_PREFIX) and not passing.is_held(name, value))
    }
    return {**kept, **QUIET, **marked(environment, marker)}


def ordinary(environment: Mapping[str, str], passing: Passing = NOTHING_MORE) -> dict[str, str]:
    """The little of `environment` that a program of somebody else's gets."""
    return {name: value for name, value in environment.items() if passing.to_servers(name, value)}


def marked(environment: Mapping[str, str], marker: str) -> dict[str, str]:
    """What tells the processes of a child. An agent in a command of another keeps the other's marker."""
    return {MARKER_VARIABLE: f"{environment.get(MARKER_VARIABLE, '')} {marker}".strip()}


def overridden(environment: Mapping[str, str], passing: Passing = NOTHING_MORE) -> dict[str, str]:
    """What a terminal of the editor's needs so that a command in it sees no secrets and waits for nobody.

    It has the editor's environment, of which ours is mostly a copy. A variable cannot be taken out of it,
    so those that hold secrets are emptied; what merely is not in the table is left.
    """
    hidden = {
        name
        for name, value in environment.items()
        if name != MARKER_VARIABLE and (name.startswith(OWN_PREFIX) or passing.is_held(name, value))
    }
    return {**dict.fromkeys(hidden, ""), **QUIET}


def held_back(environment: Mapping[str, str], passing: Passing = NOTHING_MORE) -> list[str]:
    """The names of the variables that commands are not given because they are secrets."""
    return sorted(
        name
        for name, value in environment.items()
        if not name.startswith(OWN_PREFIX) and passing.is_held(name, value)
    )
