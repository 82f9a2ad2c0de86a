"""The stand-ins for clients are as strict as the clients are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.drops import BETWEEN_PROMPTS, Known
from tests.support.habits import CLIENTS
from tests.support.schema import check

if TYPE_CHECKING:
    from tests.support.wire import JsonObject

CALL: JsonObject = {"sessionUpdate": "tool_call", "toolCallId": "known", "title": "Read a.txt"}
CHANGE: JsonObject = {"sessionUpdate": "tool_call_update", "toolCallId": "known"}
TEXT: JsonObject = {"type": "content", "content": {"type": "text", "text": "one"}}
DIFF: JsonObject = {"type": "diff", "path": "/a", "oldText": None, "newText": "b"}
CHUNK: JsonObject = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "hi"}}
TERMINAL: JsonObject = {**CALL, "content": [{"type": "terminal", "terminalId": "t"}]}
INFO: JsonObject = {**TERMINAL, "_meta": {"terminal_info": {"terminal_id": "t", "cwd": "/"}}}
OLDER: JsonObject = {**CALL, "content": [{"type": "diff", "path": "/a", "newText": "b"}]}


def dropped_by(session: str, update: JsonObject) -> dict[str, str]:
    """Reasons by client. A prompt runs in the session `here`, and the call `known` was announced."""
    known = Known(sessions={"here", "idle"}, prompts={1: "here"}, calls={"known"})
    reasons = {
        habits.name: next(filter(None, (rule(session, update, known) for rule in habits.drops)), "")
        for habits in CLIENTS
    }
    return {name: reason for name, reason in reasons.items() if reason}


EVERYBODY = {habits.name for habits in CLIENTS}
TITLELESS = {"avante", "toad", "marimo", "baseline"}


@pytest.mark.parametrize(
    ("update", "clients"),
    [
        (CALL, set[str]()),
        (CHUNK, set[str]()),
        ({**CALL, "rawInput": {}, "locations": [], "content": [DIFF, TEXT], "_meta": {}}, set[str]()),
        (INFO, set[str]()),
        ({"sessionUpdate": "notice", "severity": "info", "title": "Done"}, EVERYBODY),
        ({"sessionUpdate": "tool_call", "toolCallId": "new"}, EVERYBODY),
        ({**CHANGE, "toolCallId": "new"}, EVERYBODY),
        ({**CHANGE, "rawOutput": ["a list"]}, EVERYBODY),
        ({**CHANGE, "rawOutput": None}, EVERYBODY),
        ({**CALL, "content": None}, EVERYBODY),
        ({**CHANGE, "content": None}, set[str]()),
        (TERMINAL, EVERYBODY),
        ({"sessionUpdate": "session_info_update", "title": "Reading"}, TITLELESS),
        ({"sessionUpdate": "usage_update", "used": 1, "size": 2}, {"marimo", "baseline"}),
        ({"sessionUpdate": "config_option_update", "configOptions": []}, {"toad", "marimo", "baseline"}),
        ({"sessionUpdate": "current_mode_update", "currentModeId": "plan"}, {"codecompanion", "avante"}),
        ({"sessionUpdate": "current_mode_update", "modeId": "plan"}, EVERYBODY),
        ({"sessionUpdate": "plan", "entries": []}, {"codecompanion"}),
        (OLDER, {"toad", "baseline"}),
        ({**CALL, "content": [TEXT, DIFF]}, {"codecompanion", "baseline"}),
        ({**CALL, "title": "Run: ls"}, {"codecompanion", "baseline"}),
        ({**CALL, "title": "Run: ls", "locations": [{"path": "/a"}]}, set[str]()),
    ],
)
def test_who_drops_what(update: JsonObject, clients: set[str]) -> None:
    assert dropped_by("here", update).keys() == clients


def test_updates_of_other_sessions_and_of_no_prompt() -> None:
    assert dropped_by("elsewhere", CHUNK).keys() == EVERYBODY
    assert dropped_by("idle", CHUNK) == {"codecompanion": BETWEEN_PROMPTS}
    assert dropped_by("idle", {"sessionUpdate": "available_commands_update", "availableCommands": []}) == {}


def test_every_client_is_one_of_a_kind_and_speaks_the_protocol() -> None:
    assert [name for name, count in Counter(habits.name for habits in CLIENTS).items() if count > 1] == []
    for habits in CLIENTS:
        assert habits.source
        assert check("InitializeRequest", habits.initialize) == [], habits.name
