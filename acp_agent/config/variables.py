"""`${NAME}` in a setting: the value comes from the environment when it is used, never into a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expand(text: str, env: Mapping[str, str]) -> str:
    """`text` with every `${NAME}` replaced. Raises ConfigError, naming it, for a variable that is not set."""
    missing = unset(text, env)
    if missing:
        raise ConfigError(
            f"The environment variable {missing[0]} is not set",
            data={"hint": f"Set {missing[0]} and start again."},
        )
    return _REFERENCE.sub(lambda found: env[found[1]], text)


def names(text: str) -> list[str]:
    """The variables that `text` refers to."""
    return _REFERENCE.findall(text)


def unset(text: str, env: Mapping[str, str]) -> list[str]:
    """The variables `text` refers to that are not set, or empty, in their order."""
    if "${" not in text:
        return []
    return [name for name in _REFERENCE.findall(text) if not env.get(name)]


def is_reference(text: str) -> bool:
    """True when `text` is one `${NAME}` and nothing else, and so holds no secret."""
    return _REFERENCE.fullmatch(text) is not None
