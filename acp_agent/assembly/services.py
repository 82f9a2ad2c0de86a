"""The models of all sessions: how they are found, by whose keys they are asked, who is left alone for now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acp_agent.assembly.adapters import connect
from acp_agent.errors import AgentError
from acp_agent.models.breaker import Breakers
from acp_agent.models.course import Lane, Means, Patience
from acp_agent.models.flat_tools import FlatTools
from acp_agent.models.naming import resolve
from acp_agent.models.routes import named_route, route
from acp_agent.models.steady import Steady
from acp_agent.session.options import Ways

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acp_agent.accounts.credentials import Credentials
    from acp_agent.config.schema import Settings
    from acp_agent.models.naming import Resolved
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model


class Services:
    """One for the process."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._breakers = Breakers()

    def ways(self, settings: Settings) -> Ways:
        """How a session with these settings comes by its models."""
        sources = self.credentials.sources

        def make(alias: str, model: str) -> Route:
            return route(alias, settings, sources, model)

        def find(text: str, offered: Sequence[Route]) -> Resolved:
            return resolve(text, offered, make)

        def named(text: str) -> Route:
            return named_route(text, settings, sources)

        return Ways(partial(self._connect, settings), find, named)

    def _connect(self, settings: Settings, first: Route, level: str) -> Model:
        """The model at the end of a route, with those of `fallback` behind it.

        Raises ScriptError for a scripted model's file that is no good.
        """
        ways = (first, *self._behind(settings, first))
        lanes = [Lane(each.thinking(level), self.credentials.keys_for(each, settings)) for each in ways]
        patience = Patience(
            retries=0 if first.provider.protocol == "scripted" else settings.retries,
            tool_gap_s=settings.timeouts.tool_gap_secs,
            most_thought=settings.max_thought_tokens,
        )
        model = Steady(lanes, Means(connect, self._breakers, patience))
        return FlatTools(model) if first.flat_tools else model

    def _behind(self, settings: Settings, first: Route) -> Iterator[Route]:
        """What `fallback` names, but for what cannot be used now."""
        for text in settings.fallback:
            try:
                found = named_route(text, settings, self.credentials.sources)
            except AgentError:
                continue
            if found.name != first.name:
                yield found
