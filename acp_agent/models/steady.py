"""A model that does not give up at once: by other keys, after a while, and through other models.

What it does depends on what was to be seen of the answer. As long as that is nothing, the request is
made again; afterwards whoever asked decides, so that no text ever comes twice.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio

from acp_agent.errors import AgentError
from acp_agent.models.course import Course
from acp_agent.models.prices import cost, is_free
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Failed,
    Finished,
    Free,
    TextPiece,
    ThoughtPiece,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from acp_agent.models.course import Lane, Means, Patience
    from acp_agent.models.keys import Key
    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, StreamEvent

CHARACTERS_PER_TOKEN = 4


class Steady:
    """models.stream.Model: the first lane's, and when that fails the others' in their order."""

    def __init__(self, lanes: Sequence[Lane], means: Means) -> None:
        """Raises what connecting the first one raises."""
        self._lanes = lanes
        self._means = means
        self._connected: dict[tuple[str, str | None], Model] = {}
        first = lanes[0].route
        model = self._model(first, first.key)
        self.name = model.name
        self.window = model.window

    @property
    def sees(self) -> bool:
        """A model may turn out not to take images."""
        return all(model.sees for (name, _), model in self._connected.items() if name == self.name)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        course = Course(self._lanes, self._means)
        patience = self._means.patience
        try:
            while lane := await course.lane():
                if course.change:
                    yield course.change
                watch = _Watch(lane.route.name, patience)
                try:
                    model = self._model(lane.route, course.key)
                except AgentError as error:  # a script that cannot be read, an adapter that is not there
                    course.failed(Failed("not_found", str(error)), shown=False)
                    continue
                if is_free(lane.route.price):
                    yield Free()
                async with aclosing(model.stream(request)) as events:
                    while not isinstance(event := await watch.next(events), Failed):
                        if isinstance(event, Finished):
                            course.answered()
                            yield _priced(event, lane.route)
                            return
                        yield event
                if delayed := course.failed(event, shown=watch.shown):
                    yield delayed
                    await anyio.sleep(delayed.seconds)
            yield course.outcome()
        finally:
            course.end()

    def _model(self, route: Route, key: Key) -> Model:
        place = (route.name, key.value)
        if place not in self._connected:
            self._connected[place] = self._means.connect(route._replace(key=key))
        return self._connected[place]


def _priced(event: Finished, route: Route) -> Finished:
    known = cost(route.price, event.usage) if route.price and event.usage else event.cost
    if known is None and is_free(route.price):
        known = 0
    return event._replace(model=route.name, cost=known)


class _Watch:
    """Looks at an answer while it comes in."""

    def __init__(self, name: str, patience: Patience) -> None:
        self.shown = False
        """Whether there was anything of it to be seen."""
        self.writing = False
        """Whether it is in the midst of a tool call."""
        self._name = name
        self._patience = patience
        self._open = 0
        """Braces of calls that were opened and not closed yet, about: those in texts count too."""
        self._thought = 0
        self._limit = patience.most_thought * CHARACTERS_PER_TOKEN

    async def next(self, events: AsyncGenerator[StreamEvent]) -> StreamEvent:
        """The next event; a failure when there is none, or not in time."""
        if not self.writing:
            return self._seen(await anext(events, None))
        with anyio.move_on_after(self._patience.tool_gap_s):
            return self._seen(await anext(events, None))
        return self._stalled()

    def _seen(self, event: StreamEvent | None) -> StreamEvent:
        match event:
            case TextPiece():
                self.shown, self.writing, self._limit = True, False, 0
            case ThoughtPiece(text):
                self.shown, self.writing = True, False
                self._thought += len(text)
                if 0 < self._limit < self._thought:
                    return self._endless()
            case CallStarted():
                self.writing, self._open, self._limit = True, 0, 0
            case CallArguments(_, piece):
                # Some services send calls as a whole, and what they write next may take its time.
                self._open += piece.count("{") - piece.count("}")
                self.writing = self._open > 0
            case None:
                return Failed("protocol", f"{self._name} ended without an answer.")
            case _:
                pass
        return event

    def _stalled(self) -> Failed:
        gap_s = self._patience.tool_gap_s
        return Failed(
            "timeout",
            f"{self._name} stopped in the midst of a tool call: nothing came for {gap_s:g} s "
            "(timeouts.tool_gap_secs).",
        )

    def _endless(self) -> Failed:
        most = self._patience.most_thought
        return Failed(
            "runaway",
            f"{self._name} thought for more than about {most} tokens without an answer and was stopped "
            "(max_thought_tokens). Choose a lower thought level, or another model.",
        )
