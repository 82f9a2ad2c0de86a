"""The project of one session: what its settings ask for, and the user's word on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from acp_agent.config.trust import Trust


class Project:
    """Loads nothing before it is needed."""

    def __init__(self, cwd: Path, env: Mapping[str, str], look: Callable[[], Trust | None]) -> None:
        """`look` reads the settings anew."""
        self.shown = ""
        """The digest of what the user was shown last."""
        self._cwd = cwd
        self._env = env
        self._look = look

    def look(self) -> Trust | None:
        """How things stand now; None when nothing is asked for that needs trust."""
        return self._look()

    def give(self, digest: str) -> Trust | None:
        """Trusts what has this digest; returns how things stand, trusted if they still have it.

        Raises ConfigError when the user's word cannot be kept.
        """
        from acp_agent.config.trust import give

        now = self._look()
        if now is None or now.state == "refused" or now.demands.digest != digest:
            return now
        return give(now, self._env)

    def withdraw(self) -> bool:
        """Whether there was anything to withdraw. Raises ConfigError when it cannot be."""
        from acp_agent.config.trust import withdraw

        return withdraw(self._cwd, self._env)
