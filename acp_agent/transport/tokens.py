"""The secret that a client has to know where the network does not say who it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acp_agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "ACP_AGENT_TOKEN"
LEAST_CHARACTERS = 16
MOST_CHARACTERS = 1024
_FOR_OTHERS = 0o077


class Token:
    """A token. It is not in its repr, so that no log has it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "Token(…)"

    def matches(self, given: object) -> bool:
        """Whether `given` is this token; takes the same time for every wrong one of a length."""
        import hmac

        return isinstance(given, str) and hmac.compare_digest(
            given.encode(errors="replace"), self.text.encode()
        )


def read_token(file: str | None, env: Mapping[str, str]) -> Token | None:
    """The token in `file`, else in ACP_AGENT_TOKEN, else none. Raises ConfigError when it cannot be used."""
    if file is not None:
        return _checked(_read(os.path.expanduser(file)), file)
    if VARIABLE in env:
        return _checked(env[VARIABLE], VARIABLE)
    return None


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MOST_CHARACTERS + 2)
    except OSError as error:
        raise ConfigError(
            f"The token cannot be read: {error.strerror}: {path}. "
            "`(umask 077; openssl rand -hex 32 > FILE)` makes one (docs/remote.md)."
        ) from None
    if status.st_mode & _FOR_OTHERS or status.st_uid not in (0, os.geteuid()):
        raise ConfigError(f"{path} is not for you alone: `chmod 600 {path}`, and own it (docs/remote.md).")
    return data.decode(errors="replace").strip()


def _checked(text: str, source: str) -> Token:
    """What is short can be guessed; what is not plain text cannot stand in a header."""
    if len(text) < LEAST_CHARACTERS:
        raise ConfigError(
            f"The token of {source} has {len(text)} characters, at least {LEAST_CHARACTERS} are needed: "
            "`openssl rand -hex 32` makes a good one (docs/remote.md)."
        )
    if len(text) > MOST_CHARACTERS or not (text.isascii() and text.isprintable()) or " " in text:
        raise ConfigError(
            f"The token of {source} must be at most {MOST_CHARACTERS} plain characters without spaces "
            "(docs/remote.md)."
        )
    return Token(text)
