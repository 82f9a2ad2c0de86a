"""A model whose complete answers are kept: asked the same again, it says the same and nothing is spent.

For runs of many prompts that nobody watches. Never for an editor: who asks twice there wants another answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, cast

import anyio.to_thread

from acp_agent.models.around import Around
from acp_agent.models.stream import CallArguments, Failed, Finished, Free, Rerouted, TextPiece, ThoughtPiece

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import Model, StreamEvent

REPLAYED = " (replayed)"
"""Follows the model's name in what is said of requests that were not made."""
_NOT_ASKED = frozenset({"key", "keys", "request_limit_s", "silence_limit_s", "price", "thought_levels"})
"""What of a route does not decide the answer. Anything else may, also what is added one day."""


class Keeps(Protocol):
    """models.answers.Answers. Called in a thread."""

    def get(self, key: str, /) -> Sequence[StreamEvent] | None: ...

    def put(self, key: str, events: Iterable[StreamEvent], /) -> None: ...


class CachedModel(Around):
    """models.stream.Model"""

    def __init__(
        self, model: Model, route: Route, answers: Keeps, harmless: Callable[[str], bool] = lambda _: True
    ) -> None:
        """Answers that hold what is not `harmless` are not kept."""
        super().__init__(model)
        self._route = route
        self._answers = answers
        self._harmless = harmless

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        key = key_of(self._route, request, sees=self.sees)
        if kept := await anyio.to_thread.run_sync(self._answers.get, key):
            for event in kept:
                if isinstance(event, Finished):
                    yield Finished(event.reason, None, self.name + REPLAYED, 0)
                else:
                    yield event
            return
        events: list[StreamEvent] = []
        async with aclosing(self._model.stream(request)) as stream:
            async for event in stream:
                if not isinstance(event, Free):
                    events.append(event)
                if isinstance(event, Finished) and self._may_be_kept(whole := _joined(events)):
                    await anyio.to_thread.run_sync(self._answers.put, key, whole)
                yield event

    def _may_be_kept(self, events: Sequence[StreamEvent]) -> bool:
        """Whole answers of the model that was asked, without secrets."""
        end = events[-1]
        whole = isinstance(end, Finished) and end.reason in ("end", "tools")
        if not whole or any(isinstance(event, Failed | Rerouted) for event in events):
            return False
        return all(self._harmless(str(value)) for event in events for value in event)


def key_of(route: Route, request: ModelRequest, *, sees: bool) -> str:
    """Names everything that decides an answer: where it is asked, with which options, and what."""
    asked = {name: value for name, value in route._asdict().items() if name not in _NOT_ASKED}
    said = [request.system, request.messages, request.tools]
    whole = json.dumps(_plain([asked, sees, said]), sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def _joined(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """Neighbouring pieces of one text as one."""
    found: list[StreamEvent] = []
    for event in events:
        match found[-1] if found else None, event:
            case (TextPiece(one), TextPiece(two)):
                found[-1] = TextPiece(one + two)
            case (ThoughtPiece(one), ThoughtPiece(two)):
                found[-1] = ThoughtPiece(one + two)
            case (CallArguments(slot, one), CallArguments(other, two)) if slot == other:
                found[-1] = CallArguments(slot, one + two)
            case _:
                found.append(event)
    return found


def _plain(value: object) -> object:
    """`value` as JSON holds it; tuples of different classes are different."""
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return [type(items).__name__, *map(_plain, items)]
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[object]", value)]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, cast("frozenset[object]", value)))
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in cast("Mapping[object, object]", value).items()}
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


if TYPE_CHECKING:

    def conforms(model: CachedModel) -> Model:
        return model
