"""What the models of all sessions share: connections, keys, and who is left alone for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.assembly.adapters import connect
from acp_agent.models.breaker import Breakers
from acp_agent.models.course import Lane, Means, Patience
from acp_agent.models.keys import OneKey
from acp_agent.models.steady import Steady

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.config.schema import Settings
    from acp_agent.models.keys import Keys
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model


class Services:
    """One for the process."""

    def __init__(self) -> None:
        self._breakers = Breakers()

    def connect(self, routes: Sequence[Route], settings: Settings, route: Route, level: str) -> Model:
        """The model at the end of `route`, thinking so long, with those of `fallback` behind it.

        Raises ScriptError for a scripted model's file that is no good.
        """
        lanes = [
            Lane(each.thinking(level), self._keys(each))
            for each in (route, *_behind(routes, settings, route))
        ]
        patience = Patience(
            retries=0 if route.provider.protocol == "scripted" else settings.retries,
            tool_gap_s=settings.timeouts.tool_gap_secs,
            most_thought=settings.max_thought_tokens,
        )
        return Steady(lanes, Means(connect, self._breakers, patience))

    def _keys(self, route: Route) -> Keys:
        return OneKey(route.key)


def _behind(routes: Sequence[Route], settings: Settings, route: Route) -> Sequence[Route]:
    """The routes of `fallback` that can be used, in its order."""
    found = (
        next((each for each in routes if named in (each.name, each.alias)), None)
        for named in settings.fallback
    )
    return [each for each in found if each and each.name != route.name]
