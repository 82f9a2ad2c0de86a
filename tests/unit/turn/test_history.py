"""Events folded into what the model is told next."""

from __future__ import annotations

from acp_agent.content import Text
from acp_agent.events import (
    CompactionEnded,
    CompactionStarted,
    Event,
    PlanChanged,
    Reminded,
    TextDelta,
    ThoughtDelta,
    ThoughtKept,
    ToolCallFinished,
    ToolCallStarted,
    ToolCallUpdated,
    TurnEnded,
    TurnStarted,
    UserMessage,
)
from acp_agent.models.messages import AssistantTurn, Message, Reminder, ToolCall, ToolOutput, UserTurn
from acp_agent.turn.history import KEPT_CHARACTERS, UNFINISHED, History


def fold(*events: Event) -> list[Message]:
    history = History()
    for event in events:
        history(event)
    return history.messages()


def test_outputs_follow_in_the_order_of_the_calls_not_of_their_ends() -> None:
    assert fold(
        UserMessage("m1", (Text("go"),)),
        ThoughtDelta("m2", "hm"),
        TextDelta("m2", "I "),
        TextDelta("m2", "look"),
        ToolCallStarted("c1", "m2", "read", "Read a", "read"),
        ToolCallStarted("c2", "m2", "read", "Read b", "read"),
        ToolCallUpdated("c1", arguments="{1}"),
        ToolCallUpdated("c2", arguments="{2}"),
        PlanChanged(()),
        ToolCallFinished("c2", failed=True, output="two"),
        ToolCallFinished("c1", failed=False, output="one"),
        TextDelta("m3", "done"),
    ) == [
        UserTurn((Text("go"),)),
        AssistantTurn("I look", "hm", (ToolCall("c1", "read", "{1}"), ToolCall("c2", "read", "{2}"))),
        ToolOutput("c1", "one", failed=False),
        ToolOutput("c2", "two", failed=True),
        AssistantTurn("done", "", ()),
    ]


def test_what_a_service_wants_back_of_thoughts_is_kept_where_it_came() -> None:
    (_, answer, _) = fold(
        UserMessage("m1", (Text("go"),)),
        ThoughtKept("m2", "here/m", {"signature": "a"}),
        ToolCallStarted("c1", "m2", "read", "Read a", "read"),
        ThoughtKept("m2", "here/m", {"signature": "b"}, 1),
        ToolCallUpdated("c1", "{}"),
    )
    assert isinstance(answer, AssistantTurn)
    assert answer.kept_of("here/m", 0) == [{"signature": "a"}]
    assert answer.kept_of("here/m", 1) == [{"signature": "b"}]
    assert answer.kept_of("here/other", 0) == []


def test_a_call_that_never_ended_still_has_an_output() -> None:
    messages = fold(ToolCallStarted("c1", "m1", "bash", "Run", "execute"), ToolCallUpdated("c1", "{}"))
    assert messages == [
        AssistantTurn("", "", (ToolCall("c1", "bash", "{}"),)),
        ToolOutput("c1", UNFINISHED, failed=True),
    ]


def test_a_call_that_was_never_complete_is_not_told() -> None:
    begun = ToolCallStarted("c1", "m1", "bash", "Run", "execute")
    ended = ToolCallFinished("c1", failed=True, output="broke off")
    assert fold(begun, ended) == []
    assert fold(TextDelta("m1", "hm"), begun, ended) == [AssistantTurn("hm", "", ())]


def test_a_question_of_the_agent_itself_is_not_told() -> None:
    assert fold(ToolCallStarted("c1", "m1", "", "Go on?", "other"), ToolCallUpdated("c1", "{}")) == []


def test_an_answer_of_thoughts_alone_is_not_sent_back() -> None:
    assert fold(UserMessage("m1", (Text("go"),)), ThoughtDelta("m2", "hm")) == [UserTurn((Text("go"),))]


def test_a_reminder_goes_with_the_message_it_comes_after() -> None:
    assert fold(UserMessage("m1", (Text("go"),)), Reminded("mode", "plan"), TextDelta("m2", "ok")) == [
        UserTurn((Text("go"), Reminder("plan"))),
        AssistantTurn("ok", "", ()),
    ]


def test_a_reminder_between_calls_comes_after_their_outputs() -> None:
    *_, output, reminder, answer = fold(
        UserMessage("m1", (Text("go"),)),
        ToolCallStarted("c1", "m2", "read", "Read a", "read"),
        ToolCallUpdated("c1", "{}"),
        ToolCallFinished("c1", failed=False, output="one"),
        Reminded("mode", "plan"),
        TextDelta("m3", "done"),
    )
    assert output == ToolOutput("c1", "one", failed=False)
    assert reminder == UserTurn((Reminder("plan"),))
    assert answer == AssistantTurn("done", "", ())


def test_what_was_told_last_of_a_topic_is_known() -> None:
    history = History()
    assert history.told("mode") == ""
    for text in ("plan", "no plan"):
        history(Reminded("mode", text))
    history(Reminded("other", "x"))
    assert history.told("mode") == "no plan"


def test_what_our_own_commands_say_is_not_told() -> None:
    assert fold(
        TurnStarted("t1"),
        UserMessage("m1", (Text("go"),)),
        TurnEnded("t1", "end_turn"),
        TurnStarted("t2", local=True),
        UserMessage("m2", (Text("/usage"),)),
        TextDelta("m3", "much"),
        TurnEnded("t2", "end_turn"),
        TurnStarted("t3"),
        UserMessage("m4", (Text("on"),)),
    ) == [UserTurn((Text("go"),)), UserTurn((Text("on"),))]


def said(*texts: str) -> list[Event]:
    return [UserMessage(f"m{number}", (Text(text),)) for number, text in enumerate(texts)]


def compacted(summary: str, status: str = "completed") -> list[Event]:
    return [
        TurnStarted("t", local=True),
        CompactionStarted("k"),
        CompactionEnded("k", "completed" if status == "completed" else "failed", summary),
        TurnEnded("t", "end_turn"),
    ]


def text_of(message: Message) -> str:
    assert isinstance(message, UserTurn)
    return "".join(part.text for part in message.content if isinstance(part, Text))


def test_a_compaction_leaves_the_summary_and_the_last_words() -> None:
    calls: list[Event] = [
        ToolCallStarted("c", "m9", "read", "Read", "read"),
        ToolCallFinished("c", failed=False, output="secret"),
    ]
    (summary,) = fold(*said("one", "two", "three", "four"), *calls, *compacted("SUM"))
    text = text_of(summary)
    assert "SUM" in text
    assert "one" not in text
    assert [text.index(word) for word in ("two", "three", "four")] == sorted(
        text.index(word) for word in ("two", "three", "four")
    )
    assert "secret" not in text
    again = fold(*said("one", "two"), *compacted("SUM"), *said("five"), *compacted("MORE"))
    assert len(again) == 1
    assert all(word in text_of(again[0]) for word in ("MORE", "one", "two", "five"))
    assert "SUM" not in text_of(again[0])


def test_the_last_words_are_bounded() -> None:
    (summary,) = fold(*said("x" * 100, "y" * KEPT_CHARACTERS * 3), *compacted("SUM"))
    assert len(text_of(summary)) < KEPT_CHARACTERS + 500
    assert "y" in text_of(summary)


def test_a_compaction_that_failed_changes_nothing() -> None:
    assert fold(*said("one"), *compacted("SUM", "failed")) == fold(*said("one"))


def test_beginning_anew() -> None:
    history = History([*said("one"), *compacted("SUM"), TurnStarted("t", local=True)])
    history.restart(said("two"))
    assert history.messages() == [UserTurn((Text("two"),))]
