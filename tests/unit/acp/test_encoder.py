"""Events as session/update: one event, one or more updates, none too long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent import events as e
from acp_agent.acp.encoder import Encoder, config_options
from acp_agent.acp.params import as_object
from acp_agent.rpc.codec import encode

MIB = 1 << 20


@pytest.mark.parametrize(
    ("event", "update"),
    [
        (
            e.TextDelta("m", "hi"),
            {
                "sessionUpdate": "agent_message_chunk",
                "messageId": "m",
                "content": {"type": "text", "text": "hi"},
            },
        ),
        (
            e.PlanChanged((e.PlanEntry("do", "high", "completed"),)),
            {
                "sessionUpdate": "plan",
                "entries": [{"content": "do", "priority": "high", "status": "completed"}],
            },
        ),
        (e.UsageChanged(3, 10), {"sessionUpdate": "usage_update", "used": 3, "size": 10}),
        (e.ModeChanged("x"), {"sessionUpdate": "current_mode_update", "currentModeId": "x"}),
        (
            e.CommandsChanged((e.Command("plan", "plans", "what"),)),
            {
                "sessionUpdate": "available_commands_update",
                "availableCommands": [{"name": "plan", "description": "plans", "input": {"hint": "what"}}],
            },
        ),
        (
            e.CompactionStarted("k"),
            {"sessionUpdate": "compaction_update", "compactionId": "k", "status": "in_progress"},
        ),
        (
            e.CompactionEnded("k", "cancelled"),
            {"sessionUpdate": "compaction_update", "compactionId": "k", "status": "cancelled"},
        ),
        (
            e.CompactionEnded("k", "failed", error="no"),
            {"sessionUpdate": "compaction_update", "compactionId": "k", "status": "failed", "error": "no"},
        ),
        (
            e.NoticeRaised("warning", "careful", "why"),
            {"sessionUpdate": "notice", "severity": "warning", "title": "careful", "description": "why"},
        ),
    ],
)
def test_an_event_is_just_this_update(event: e.Event, update: dict[str, object]) -> None:
    assert list(Encoder().encode(event)) == [update]


def test_reminders_are_for_the_model_alone() -> None:
    assert list(Encoder().encode(e.Reminded("mode", "plan"))) == []


ONE = e.Choice("a/x", "x", group="a")
TWO = e.Choice("b/x", "x", "dear", group="b")
SWITCH = e.Option("s", "Switch", None, True, description="what it does")


def test_choices_of_several_groups_are_grouped() -> None:
    (found,) = config_options((e.Option("m", "Model", "model", "a/x", (ONE, TWO)),), switches=False)
    assert found == {
        "id": "m", "name": "Model", "category": "model", "type": "select", "currentValue": "a/x",
        "options": [
            {"group": "a", "name": "a", "options": [{"value": "a/x", "name": "x"}]},
            {"group": "b", "name": "b", "options": [{"value": "b/x", "name": "x", "description": "dear"}]},
        ],
    }  # fmt: skip
    (found,) = config_options((e.Option("m", "Model", "model", "a/x", (ONE,)),), switches=False)
    assert found["options"] == [{"value": "a/x", "name": "x"}]


def test_a_switch_is_one_only_for_clients_that_know_them() -> None:
    told = {"id": "s", "name": "Switch", "description": "what it does"}
    assert config_options((SWITCH,), switches=True) == [told | {"type": "boolean", "currentValue": True}]
    assert config_options((SWITCH._replace(current=False),), switches=False) == [
        told
        | {
            "type": "select",
            "currentValue": "off",
            "options": [{"value": "on", "name": "On"}, {"value": "off", "name": "Off"}],
        }
    ]


def test_a_call_from_beginning_to_end_and_all_that_is_known_of_it_on_the_way() -> None:
    encoder = Encoder()
    (created,) = encoder.encode(e.ToolCallStarted("c", "m", "edit", "Edit", "edit"))
    assert created == {
        "sessionUpdate": "tool_call", "toolCallId": "c", "title": "Edit", "name": "edit", "kind": "edit",
        "status": "pending",
    }  # fmt: skip
    assert list(encoder.encode(e.ToolCallUpdated("c", arguments="{}"))) == []
    diff = e.ShownDiff("/a", None, "x")
    list(encoder.encode(e.ToolCallUpdated("c", raw_input={"path": "/a"}, content=(diff,))))
    assert encoder.tool_call("c") == {
        "toolCallId": "c", "title": "Edit", "name": "edit", "kind": "edit", "status": "pending",
        "rawInput": {"path": "/a"},
        "content": [{"type": "diff", "path": "/a", "oldText": None, "newText": "x"}],
    }  # fmt: skip
    (finished,) = encoder.encode(e.ToolCallFinished("c", failed=False, output="done"))
    assert finished == {
        "sessionUpdate": "tool_call_update", "toolCallId": "c", "status": "completed",
        "rawOutput": {"output": "done"},
    }  # fmt: skip
    assert encoder.tool_call("c") == {"toolCallId": "c"}


def test_why_a_call_failed_is_shown_where_nothing_else_is() -> None:
    encoder = Encoder()
    list(encoder.encode(e.ToolCallStarted("c", "m", "read", "Read", "read")))
    (finished,) = encoder.encode(e.ToolCallFinished("c", failed=True, output="no such file"))
    assert finished["status"] == "failed"
    assert finished["content"] == [{"type": "content", "content": {"type": "text", "text": "no such file"}}]


awkward = st.sampled_from(["x", "\n", "\0", "🌍", "é"])
length = st.integers(min_value=0, max_value=600_000)


@settings(max_examples=20)
@given(awkward, length, length)
def test_no_line_is_longer_than_a_mebibyte(character: str, first: int, second: int) -> None:
    old, new = character * first, character * second
    encoder = Encoder()
    story: list[e.Event] = [
        e.TextDelta("m", new),
        e.ToolCallStarted("c", "m", "edit", "Edit", "edit"),
        e.ToolCallUpdated("c", raw_input={"old": old, "new": new}, content=(e.ShownDiff("/a", old, new),)),
        e.ToolCallProgress("c", (e.ShownText(new),)),
        e.ToolCallFinished("c", failed=False, output=new, content=(e.ShownDiff("/a", old, new),)),
    ]
    for event in story:
        for update in encoder.encode(event):
            line = encode({"method": "session/update", "params": {"sessionId": "s", "update": update}})
            assert len(line) < MIB


@given(st.text(max_size=300_000))
@settings(max_examples=20)
def test_text_arrives_whole_however_long(text: str) -> None:
    updates = list(Encoder().encode(e.TextDelta("m", text)))
    assert "".join(str(as_object(update["content"])["text"]) for update in updates) == text
