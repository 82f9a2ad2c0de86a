"""Events of a session as `session/update` notifications, protocol version 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent import events as e
from acp_agent.acp.content import blocks_of
from acp_agent.rpc.codec import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.acp.params import Json

# Clients read lines of a few MiB at most. JSON takes up to six bytes for a character; with
# these bounds a line stays under one MiB even then.
CHUNK_CHARACTERS = 128 * 1024
"""Longer text goes out in several chunks."""
CONTENT_CHARACTERS = 128 * 1024
"""More than this under a tool call is cut; the model's view is not affected."""
DIFF_BYTES = 900 * 1024
"""A difference whose JSON is longer than this is only mentioned; it must be shown whole or not at all."""
RECORD_CHARACTERS = 64 * 1024
"""A longer `rawInput` or `rawOutput` is only begun."""
RAW_CHARACTERS = 8 * 1024
"""More than this of one text in `rawInput` or `rawOutput` is cut."""


class Encoder:
    """One session's encoder. It remembers what is known of each unfinished call, for permission requests."""

    def __init__(self, *, switches: bool = False) -> None:
        """`switches`: the client takes options of type boolean."""
        self._switches = switches
        self._calls: dict[str, Json] = {}

    def encode(self, event: e.Event) -> Iterator[Json]:
        """The updates that tell an editor of `event`; none for what only concerns us."""
        match event:
            case e.TextDelta(message_id, text):
                yield from _chunks("agent_message_chunk", message_id, text)
            case e.ThoughtDelta(message_id, text):
                yield from _chunks("agent_thought_chunk", message_id, text)
            case e.ToolCallStarted() | e.ToolCallUpdated() | e.ToolCallProgress() | e.ToolCallFinished():
                yield from self._tool_call(event)
            case e.PlanChanged(entries):
                yield {"sessionUpdate": "plan", "entries": [entry._asdict() for entry in entries]}
            case e.UsageChanged(used, size):
                yield {"sessionUpdate": "usage_update", "used": used, "size": size}
            case e.UserMessage(message_id, content):
                for block in blocks_of(content):
                    yield {"sessionUpdate": "user_message_chunk", "messageId": message_id, "content": block}
            case e.TurnStarted() | e.TurnEnded() | e.Archived():
                return  # who asked gets the answer
            case _:
                yield from _about_session(event, switches=self._switches)

    def tool_call(self, call_id: str) -> Json:
        """All that is known of a call, for a request that must stand on its own."""
        return {"toolCallId": call_id, **self._calls.get(call_id, {})}

    def _tool_call(
        self, event: e.ToolCallStarted | e.ToolCallUpdated | e.ToolCallProgress | e.ToolCallFinished
    ) -> Iterator[Json]:
        known = self._calls.setdefault(event.call_id, {})
        if isinstance(event, e.ToolCallStarted):
            fields: Json = {"title": event.title, "name": event.name, "kind": event.kind, "status": "pending"}
            known.update(fields)
            yield {"sessionUpdate": "tool_call", "toolCallId": event.call_id, **fields}
            return
        fields = _call_fields(event)
        if isinstance(event, e.ToolCallFinished):
            self._calls.pop(event.call_id)
            if not event.content and event.failed and "content" not in known:
                fields["content"] = [_shown(e.ShownText(event.output))]
        else:
            known.update(fields)
        if fields:
            yield {"sessionUpdate": "tool_call_update", "toolCallId": event.call_id, **fields}


def _call_fields(event: e.ToolCallUpdated | e.ToolCallProgress | e.ToolCallFinished) -> Json:
    """The fields of the call that `event` changes."""
    fields: Json = {}
    if event.content is not None:
        fields["content"] = [_shown(shown) for shown in event.content]
    if isinstance(event, e.ToolCallProgress):
        return fields
    if event.locations is not None:
        fields["locations"] = [_location(location) for location in event.locations]
    if isinstance(event, e.ToolCallFinished):
        fields["status"] = "failed" if event.failed else "completed"
        fields["rawOutput"] = _bounded(event.record if event.record is not None else {"output": event.output})
        return fields
    if event.title is not None:
        fields["title"] = event.title
    if event.status is not None:
        fields["status"] = event.status
    if event.raw_input is not None:
        fields["rawInput"] = _bounded(event.raw_input)
    return fields


def _about_session(event: e.Event, *, switches: bool) -> Iterator[Json]:
    match event:
        case e.ModeChanged(mode_id):
            yield {"sessionUpdate": "current_mode_update", "currentModeId": mode_id}
        case e.OptionsChanged(options):
            listed = config_options(options, switches=switches)
            yield {"sessionUpdate": "config_option_update", "configOptions": listed}
        case e.CommandsChanged(commands):
            yield {"sessionUpdate": "available_commands_update", "availableCommands": _commands(commands)}
        case e.TitleChanged(title):
            yield {"sessionUpdate": "session_info_update", "title": title}
        case e.Waiting(what, seconds):
            yield {"sessionUpdate": "notice", "severity": "info", "title": f"{what}, {seconds} s"}
        case e.NoticeRaised(severity, title, description):
            update: Json = {"sessionUpdate": "notice", "severity": severity, "title": title}
            yield update | ({"description": description} if description else {})
        case _:
            pass


def config_options(options: tuple[e.Option, ...], *, switches: bool) -> list[Json]:
    """The session's options in the form of `configOptions`; without `switches` all are selectors."""
    found: list[Json] = []
    for option in options:
        entry: Json = {"id": option.id, "name": option.name}
        if option.description:
            entry["description"] = option.description
        if option.category:
            entry["category"] = option.category
        if not isinstance(option.current, bool):
            entry |= {"type": "select", "currentValue": option.current, "options": _choices(option.choices)}
        elif switches:
            entry |= {"type": "boolean", "currentValue": option.current}
        else:
            now = "on" if option.current else "off"
            entry |= {"type": "select", "currentValue": now, "options": _ON_OR_OFF}
        found.append(entry)
    return found


def modes(options: tuple[e.Option, ...]) -> Json:
    """The mode option in the older form, `modes`."""
    mode = next(option for option in options if option.category == "mode")
    return {
        "currentModeId": mode.current,
        "availableModes": [_named("id", choice) for choice in mode.choices],
    }


_ON_OR_OFF = [{"value": "on", "name": "On"}, {"value": "off", "name": "Off"}]


def _choices(choices: tuple[e.Choice, ...]) -> list[Json]:
    """Under the names of their groups when there is more than one; a list cannot mix both forms."""
    groups: dict[str, list[Json]] = {}
    for choice in choices:
        groups.setdefault(choice.group or "", []).append(_named("value", choice))
    if len(groups) > 1:
        return [{"group": name, "name": name, "options": inner} for name, inner in groups.items()]
    return [_named("value", choice) for choice in choices]


def _named(key: str, choice: e.Choice) -> Json:
    named: Json = {key: choice.value, "name": choice.name}
    return named | ({"description": choice.description} if choice.description else {})


def _chunks(kind: str, message_id: str, text: str) -> Iterator[Json]:
    for start in range(0, len(text), CHUNK_CHARACTERS):
        piece = text[start : start + CHUNK_CHARACTERS]
        yield {"sessionUpdate": kind, "messageId": message_id, "content": {"type": "text", "text": piece}}


def _shown(shown: e.Shown) -> Json:
    if isinstance(shown, e.ShownText):
        return {
            "type": "content",
            "content": {"type": "text", "text": _clipped(shown.text, CONTENT_CHARACTERS)},
        }
    diff: Json = {"type": "diff", "path": shown.path, "oldText": shown.old_text, "newText": shown.new_text}
    large = len(shown.old_text or "") + len(shown.new_text) > CONTENT_CHARACTERS
    if large and len(encode(diff)) > DIFF_BYTES:
        return _shown(e.ShownText(f"{shown.path} changes; the difference is too large to show."))
    return diff


def _bounded(record: dict[str, object]) -> Json:
    """`record` with its long texts cut; what is shown in full is in the content."""
    bounded: Json = {
        key: _clipped(value, RAW_CHARACTERS) if isinstance(value, str) else value
        for key, value in record.items()
    }
    text = encode(bounded).decode()
    return bounded if len(text) <= RECORD_CHARACTERS else {"cut": _clipped(text, RAW_CHARACTERS)}


def _clipped(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n[{len(text) - limit} more characters]"


def _location(location: e.Location) -> Json:
    found: Json = {"path": location.path}
    return found | ({"line": location.line} if location.line is not None else {})


def _commands(commands: tuple[e.Command, ...]) -> list[Json]:
    found: list[Json] = []
    for command in commands:
        entry: Json = {"name": command.name, "description": command.description}
        found.append(entry | ({"input": {"hint": command.hint}} if command.hint else {}))
    return found
