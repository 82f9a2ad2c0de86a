"""A model that is told of tools without nested parameters; nobody else notices."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from acp_agent.models.around import Around
from acp_agent.models.flattening import flattened
from acp_agent.models.messages import AssistantTurn
from acp_agent.models.stream import CallArguments, CallStarted, Delayed, Failed, Finished, Rerouted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.models.flattening import Flat
    from acp_agent.models.messages import Message, ModelRequest, ToolCall, ToolSpec
    from acp_agent.models.stream import Model, StreamEvent


class FlatTools(Around):
    """models.stream.Model around another.

    Arguments of the tools concerned come in one piece at the end of an answer. Whoever watches how
    long calls take to be written has to stand within.
    """

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._known: dict[str, tuple[ToolSpec, Flat | None]] = {}

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        flats = {spec.name: flat for spec in request.tools if (flat := self._flat(spec))}
        held: dict[int, tuple[Flat, list[str]]] = {}
        async with aclosing(self._model.stream(_flat_request(request, flats))) as events:
            async for event in events:
                match event:
                    case CallStarted(slot, name) if name in flats:
                        held[slot] = (flats[name], [])
                    case CallArguments(slot, piece) if slot in held:
                        held[slot][1].append(piece)
                        continue
                    case Rerouted() | Delayed():
                        held.clear()
                    case Finished() | Failed():
                        for slot, (flat, pieces) in held.items():
                            if pieces:
                                yield CallArguments(slot, _nested("".join(pieces), flat))
                        held.clear()
                    case _:
                        pass
                yield event

    def _flat(self, spec: ToolSpec) -> Flat | None:
        known = self._known.get(spec.name)
        if known is None or known[0] != spec:
            known = self._known[spec.name] = (spec, flattened(spec))
        return known[1]


def _flat_request(request: ModelRequest, flats: dict[str, Flat]) -> ModelRequest:
    if not flats:
        return request
    tools = [
        spec._replace(parameters=flats[spec.name].parameters) if spec.name in flats else spec
        for spec in request.tools
    ]
    return request._replace(tools=tools, messages=[_flat_message(each, flats) for each in request.messages])


def _flat_message(message: Message, flats: dict[str, Flat]) -> Message:
    """The calls of old as the model would write them now."""
    if isinstance(message, AssistantTurn) and any(call.name in flats for call in message.calls):
        return message._replace(calls=tuple(_flat_call(call, flats.get(call.name)) for call in message.calls))
    return message


def _flat_call(call: ToolCall, flat: Flat | None) -> ToolCall:
    arguments = _object_of(call.arguments) if flat else None
    if flat is None or arguments is None:
        return call
    return call._replace(arguments=json.dumps(flat.flat(arguments), ensure_ascii=False))


def _nested(text: str, flat: Flat) -> str:
    """What cannot be read stays as it is, for whoever explains that to the model."""
    arguments = _object_of(text)
    return text if arguments is None else json.dumps(flat.nested(arguments), ensure_ascii=False)


def _object_of(text: str) -> dict[str, object] | None:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", found) if isinstance(found, dict) else None


if TYPE_CHECKING:

    def conforms(model: FlatTools) -> Model:
        return model
