"""A conversation of before, as few updates as it takes.

The events go through the same encoder as when they happened; what a live client was told piece
by piece is then put together: the chunks of one message, and everything about one tool call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.acp.calls import CHUNK_CHARACTERS
from acp_agent.acp.encoder import Encoder
from acp_agent.acp.params import as_object, as_text
from acp_agent.acp.plain import understood
from acp_agent.rpc.codec import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from acp_agent.acp.initialize import Client
    from acp_agent.acp.params import Json
    from acp_agent.events import Event

LINE_BYTES = 1_000_000
"""An update stays below this, so that its line stays below 1 MiB."""
CHUNKS = frozenset({"user_message_chunk", "agent_message_chunk", "agent_thought_chunk"})
LATEST = frozenset({"plan", "plan_update", "usage_update", "session_info_update"})
"""Of these only the last one says anything."""
LARGE = frozenset({"content", "rawInput", "rawOutput"})
PRESENT = frozenset({"current_mode_update", "config_option_update", "available_commands_update", "notice"})
"""These are about the present, and are no part of what was said."""


def replay(events: Iterable[Event], client: Client) -> Iterator[Json]:
    """The updates that show `events` to a client that knows nothing of them."""
    encoder = Encoder(client, live=False)
    told = (event for each in events if (event := understood(each, client)))
    return compact(update for event in told for update in encoder.encode(event))


def compact(updates: Iterable[Json]) -> Iterator[Json]:
    """The same, told in fewer updates."""
    compaction = _Compaction()
    for update in updates:
        compaction.add(update)
    return compaction.all()


class _Compaction:
    def __init__(self) -> None:
        self._found: list[Json | None] = []
        self._places: dict[object, int] = {}
        """Where the update about a call, or the last one of a kind, stands."""
        self._text: tuple[object, object] | None = None
        """Kind and message of the text that is being put together."""
        self._pieces: list[str] = []
        self._characters = 0

    def add(self, update: Json) -> None:
        kind = update["sessionUpdate"]
        if kind in PRESENT:
            return
        text = as_text(as_object(update.get("content")).get("text")) if kind in CHUNKS else None
        if text is not None:
            self._add_text(update, text)
            return
        self._end_text()
        if kind in LATEST:
            if (place := self._places.get(kind)) is not None:
                self._found[place] = None
            self._put(kind, update)
        elif kind == "tool_call":
            self._put(update["toolCallId"], update)
        elif kind != "tool_call_update" or not self._merge(update):
            self._found.append(update)

    def all(self) -> Iterator[Json]:
        self._end_text()
        return (update for update in self._found if update is not None)

    def _put(self, key: object, update: Json) -> None:
        self._places[key] = len(self._found)
        self._found.append(update)

    def _add_text(self, update: Json, text: str) -> None:
        which = (update["sessionUpdate"], update.get("messageId"))
        if which != self._text or self._characters + len(text) > CHUNK_CHARACTERS:
            self._end_text()
            self._text = which
            self._found.append(update)
        self._pieces.append(text)
        self._characters += len(text)

    def _end_text(self) -> None:
        if self._text and len(self._pieces) > 1 and (chunk := self._found[-1]):
            content = {"type": "text", "text": "".join(self._pieces)}
            self._found[-1] = {**chunk, "content": content}
        self._text, self._characters = None, 0
        self._pieces.clear()

    def _merge(self, update: Json) -> bool:
        """Adds what changed of a call to what was told of it first; False when a line cannot hold it."""
        place = self._places.get(update["toolCallId"])
        known = self._found[place] if place is not None else None
        if place is None or known is None:
            return False
        merged = {**known, **update, "sessionUpdate": "tool_call"}
        if LARGE.intersection(update) and len(encode(merged)) > LINE_BYTES:
            return False
        self._found[place] = merged
        return True
