"""Events of a session as `session/update` notifications, protocol version 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent import events as e
from acp_agent.acp.calls import CHUNK_CHARACTERS, Calls
from acp_agent.acp.content import blocks_of
from acp_agent.acp.initialize import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.acp.params import Json

NOBODY = Client()
"""A client that offers nothing beyond the protocol's baseline."""
MICRO_DOLLARS = 1_000_000
PLAN_ID = "todo"
"""A session has one plan."""


class Encoder:
    """One session's encoder for one client. It remembers what that knows of each unfinished call."""

    def __init__(self, client: Client = NOBODY, *, live: bool = True) -> None:
        """Unless `live`, events of an earlier process can be told: no terminal is mentioned."""
        self._calls = Calls(client, live=live)
        self._switches = client.shows_switches
        self._updates_plans = client.updates_plans

    def encode(self, event: e.Event) -> Iterator[Json]:
        """The updates that tell an editor of `event`; none for what only concerns us."""
        match event:
            case e.TextDelta(message_id, text):
                yield from _chunks("agent_message_chunk", message_id, text)
            case e.ThoughtDelta(message_id, text):
                yield from _chunks("agent_thought_chunk", message_id, text)
            case e.PlanChanged(entries):
                yield _plan(entries, named=self._updates_plans)
            case e.UsageChanged(used, size, cost):
                update: Json = {"sessionUpdate": "usage_update", "used": used, "size": size}
                if cost is not None:
                    update["cost"] = {"amount": cost / MICRO_DOLLARS, "currency": "USD"}
                yield update
            case e.UserMessage(message_id, content):
                for block in blocks_of(content):
                    yield {"sessionUpdate": "user_message_chunk", "messageId": message_id, "content": block}
            case e.CompactionStarted() | e.CompactionEnded():
                yield _compaction(event)
            case e.TurnStarted() | e.TurnEnded() | e.Archived() | e.ModelUsed() | e.Parked():
                return  # who asked gets the answer
            case (
                e.ToolCallStarted()
                | e.ToolCallUpdated()
                | e.ToolCallProgress()
                | e.OutputDelta()
                | e.ToolCallFinished()
            ):
                yield from self._calls.encode(event)
            case _:
                yield from _about_session(event, switches=self._switches)

    def tool_call(self, call_id: str, explanation: str = "") -> Json:
        """All that is known of a call, for a request that must stand on its own, and why it is made."""
        return self._calls.known(call_id, explanation)

    def show_terminal(self, call_id: str, terminal_id: str) -> Json:
        """The update after which a call shows a terminal of the client's."""
        return self._calls.show_terminal(call_id, terminal_id)


def _plan(entries: tuple[e.PlanEntry, ...], *, named: bool) -> Json:
    """The whole plan; `named` is the newer form, in which a session may have several."""
    items: Json = {"entries": [entry._asdict() for entry in entries]}
    if named:
        return {"sessionUpdate": "plan_update", "plan": {"type": "items", "planId": PLAN_ID, **items}}
    return {"sessionUpdate": "plan", **items}


def _compaction(event: e.CompactionStarted | e.CompactionEnded) -> Json:
    """Summary and error belong to one status each."""
    update: Json = {"sessionUpdate": "compaction_update", "compactionId": event.compaction_id}
    if isinstance(event, e.CompactionStarted):
        return {**update, "status": "in_progress"}
    update["status"] = event.status
    if event.status == "completed":
        update["summary"] = [{"type": "text", "text": event.summary[:CHUNK_CHARACTERS]}]
    elif event.status == "failed":
        update["error"] = event.error[:CHUNK_CHARACTERS]
    return update


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
        case e.NoticeRaised(severity, title, description, _):
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


def _commands(commands: tuple[e.Command, ...]) -> list[Json]:
    found: list[Json] = []
    for command in commands:
        entry: Json = {"name": command.name, "description": command.description}
        found.append(entry | ({"input": {"hint": command.hint}} if command.hint else {}))
    return found
