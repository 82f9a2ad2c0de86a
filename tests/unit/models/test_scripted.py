"""The scripted model: which rule wins, what comes of its steps, and what a bad file is answered with."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.content import Image, Resource, Text
from acp_agent.errors import ScriptError
from acp_agent.models.messages import (
    AssistantTurn,
    Message,
    ModelRequest,
    Reminder,
    ToolCall,
    ToolOutput,
    ToolSpec,
    UserTurn,
)
from acp_agent.models.scripted import ScriptedModel, cut, load
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Failed,
    Finished,
    StreamEvent,
    TextPiece,
    ThoughtPiece,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WAIT_S = 5.0
FOLDER = "/home/me/project"
SYSTEM = f"You are an agent.\nWorking directory: {FOLDER}\nBe brief."
Json = dict[str, Any]


class Writer:
    """Writes scripts and loads them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "script.json"

    def model(self, script: object) -> ScriptedModel:
        self.path.write_text(script if isinstance(script, str) else json.dumps(script), encoding="utf-8")
        return load(self.path, "script/test")

    def rules(self, *rules: Json, **more: object) -> ScriptedModel:
        return self.model({"rules": list(rules), **more})

    def reply(self, *steps: object) -> ScriptedModel:
        return self.model({"otherwise": list(steps)})


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def user(text: str) -> UserTurn:
    return UserTurn((Text(text),))


def output(text: str, *, failed: bool = False) -> ToolOutput:
    return ToolOutput("call_1", text, failed)


def request(*messages: Message, system: str = SYSTEM, tools: Sequence[ToolSpec] = ()) -> ModelRequest:
    return ModelRequest(system, messages, tools)


async def told(model: ScriptedModel, *messages: Message, system: str = SYSTEM) -> list[StreamEvent]:
    with anyio.fail_after(WAIT_S):
        async with aclosing(model.stream(request(*messages, system=system))) as stream:
            return [event async for event in stream]


async def said(model: ScriptedModel, *messages: Message) -> str:
    return "".join(event.text for event in await told(model, *messages) if isinstance(event, TextPiece))


def when(text: str, **conditions: object) -> Json:
    return {"when": conditions, "reply": [{"text": text}]}


class TestRules:
    async def test_the_first_rule_that_holds_wins(self, writer: Writer) -> None:
        model = writer.rules(
            when("one", user="^hello"), when("two", user="hello"), otherwise=[{"text": "none"}]
        )
        assert await said(model, user("hello there")) == "one"
        assert await said(model, user("oh hello")) == "two"
        assert await said(model, user("bye")) == "none"

    async def test_only_the_last_user_text_counts(self, writer: Writer) -> None:
        model = writer.rules(when("old", user="first"), when("new", user="second"))
        assert await said(model, user("first"), AssistantTurn("ok", "", ()), user("second")) == "new"

    async def test_parts_of_text_are_one_text_and_other_parts_are_none(self, writer: Writer) -> None:
        model = writer.rules(when("both", user=r"^a\nb$"))
        parts = (Text("a"), Image("AAAA", "image/png"), Resource("file:///x", "not looked at"), Text("b"))
        assert await said(model, UserTurn(parts)) == "both"

    async def test_what_the_agent_says_in_between_is_no_user_text(self, writer: Writer) -> None:
        model = writer.rules(when("one", user="^go$", results=1), when("none", user="^go$"))
        told = UserTurn((Text("go"), Reminder("the mode is plan")))
        assert await said(model, told) == "none"
        assert await said(model, told, output("x"), UserTurn((Reminder("no longer"),))) == "one"

    async def test_what_came_with_the_text_is_searched_in_words(self, writer: Writer) -> None:
        model = writer.rules(when("both", given=r"not looked at", images=1), when("none"))
        parts = (Text("a"), Image("AAAA", "image/png"), Resource("file:///x", "not looked at"))
        assert await said(model, UserTurn(parts)) == "both"
        assert await said(model, user("not looked at")) == "none"

    async def test_a_model_that_cannot_see_is_told_of_images_in_words(self, writer: Writer) -> None:
        rules = (
            when("blind", given="an image, /x.png, which you cannot see", images=0),
            when("seen", images=1),
        )
        parts = UserTurn((Image("AAAA", "image/png", "file:///x.png"),))
        assert await said(writer.rules(*rules, vision=False), parts) == "blind"
        assert await said(writer.rules(*rules), parts) == "seen"

    async def test_results_are_counted_since_the_user_text(self, writer: Writer) -> None:
        model = writer.rules(when("none", results=0), when("one", results=1), when("more"))
        before = (user("go"), AssistantTurn("", "", (ToolCall("c", "read", "{}"),)), output("x"))
        assert await said(model, *before, user("again")) == "none"
        assert await said(model, *before) == "one"
        assert await said(model, *before, output("y")) == "more"

    async def test_the_last_result_is_searched(self, writer: Writer) -> None:
        model = writer.rules(when("green", last_result=r"\bOK$"), when("red"))
        assert await said(model, user("go"), output("bad"), output("all OK")) == "green"
        assert await said(model, user("go"), output("all OK"), output("bad")) == "red"
        assert await said(model, user("go")) == "red"

    async def test_whether_the_last_result_failed(self, writer: Writer) -> None:
        model = writer.rules(when("bad", failed=True), when("good", failed=False), when("nothing"))
        assert await said(model, user("go"), output("x"), output("y", failed=True)) == "bad"
        assert await said(model, user("go"), output("x", failed=True), output("y")) == "good"
        assert await said(model, user("go")) == "nothing"

    async def test_every_given_condition_has_to_hold(self, writer: Writer) -> None:
        model = writer.rules(
            when("all", user="go", results=1, last_result="x", failed=False), when("not all")
        )
        assert await said(model, user("go"), output("x")) == "all"
        assert await said(model, user("go"), output("x", failed=True)) == "not all"
        assert await said(model, user("stay"), output("x")) == "not all"

    async def test_a_conversation_without_a_user_text(self, writer: Writer) -> None:
        assert await said(writer.rules(when("empty", user="^$", results=0))) == "empty"

    async def test_nothing_that_fits_is_a_failure_that_says_what_to_write(self, writer: Writer) -> None:
        model = writer.rules(when("x", user="never"))
        (failed,) = await told(model, user("hello"), output("x"))
        assert isinstance(failed, Failed)
        assert failed.kind == "request"
        assert failed.message.startswith(f"{writer.path}: no rule holds after 1 tool result(s) to 'hello'")
        assert '"otherwise"' in failed.message


class TestSteps:
    async def test_text_and_thought_come_in_their_pieces(self, writer: Writer) -> None:
        model = writer.reply({"thought": ["Hm", "m."]}, {"text": "One."}, {"text": ["T", "", "wo"]})
        *events, end = await told(model, user("x"))
        assert events == [
            ThoughtPiece("Hm"),
            ThoughtPiece("m."),
            TextPiece("One."),
            TextPiece("T"),
            TextPiece(""),
            TextPiece("wo"),
        ]
        assert isinstance(end, Finished)
        assert end.reason == "end"

    async def test_a_string_can_be_cut(self, writer: Writer) -> None:
        model = writer.reply({"text": "abcdefg", "pieces": 3, "pause_s": 0})
        assert (await told(model, user("x")))[:-1] == [TextPiece("ab"), TextPiece("cd"), TextPiece("efg")]

    async def test_calls_have_slots_of_their_own_and_end_with_tools(self, writer: Writer) -> None:
        model = writer.reply({"call": "list"}, {"call": "read", "arguments": {"path": "ü"}})
        assert (await told(model, user("x")))[:-1] == [
            CallStarted(0, "list"),
            CallArguments(0, "{}"),
            CallStarted(1, "read"),
            CallArguments(1, '{"path": "ü"}'),
        ]
        end = (await told(model, user("x")))[-1]
        assert isinstance(end, Finished)
        assert end.reason == "tools"

    async def test_arguments_can_be_broken_and_in_pieces(self, writer: Writer) -> None:
        model = writer.reply({"call": "read", "arguments": '{"path": ', "pieces": 3})
        pieces = [event.piece for event in await told(model, user("x")) if isinstance(event, CallArguments)]
        assert pieces == ['{"p', "ath", '": ']

    async def test_an_error_ends_the_reply(self, writer: Writer) -> None:
        error = {"kind": "rate_limit", "message": "Wait a bit.", "details": "429"}
        model = writer.reply({"text": "Half"}, {"error": error})
        expected = [TextPiece("Half"), Failed("rate_limit", "Wait a bit.", "429")]
        assert await told(model, user("x")) == expected

    @pytest.mark.parametrize("reason", ["length", "refusal"])
    async def test_a_reply_can_stop_short(self, writer: Writer, reason: str) -> None:
        end = (await told(writer.reply({"text": "Half"}, {"stop": reason}), user("x")))[-1]
        assert isinstance(end, Finished)
        assert end.reason == reason

    async def test_given_usage(self, writer: Writer) -> None:
        usage = {"input": 1000, "output": 20, "cached": 900, "reasoning": 5}
        end = (await told(writer.reply({"usage": usage}), user("x")))[-1]
        assert end == Finished("end", Usage(1000, 20, 900, 5))

    async def test_usage_is_estimated_from_all_that_is_sent_and_told(self, writer: Writer) -> None:
        model = writer.reply({"text": "a" * 40}, {"thought": "b" * 40}, {"call": "x", "arguments": "c" * 40})
        messages = (
            user("d" * 400),
            AssistantTurn("e" * 400, "", (ToolCall("c", "x", "f" * 400),)),
            output("g" * 400),
        )
        asked = request(*messages, system="h" * 400, tools=[ToolSpec("x", "i" * 400, {})])
        async with aclosing(model.stream(asked)) as stream:
            events = [event async for event in stream]
        assert events[-1] == Finished("tools", Usage(input=(6 * 400 + len("{}")) // 4, output=30))

    async def test_a_delay_keeps_the_order(self, writer: Writer) -> None:
        model = writer.reply({"text": "a"}, {"delay_s": 0.01}, {"text": ["b", "c"], "pause_s": 0.01})
        assert await said(model, user("x")) == "abc"

    async def test_waiting_ends_with_the_cancellation_alone(self, writer: Writer) -> None:
        model = writer.reply({"text": "before"}, {"wait": True})
        heard = anyio.Event()
        ended: list[str] = []

        async def listen() -> None:
            try:
                async with aclosing(model.stream(request(user("x")))) as stream:
                    async for event in stream:
                        assert event == TextPiece("before")
                        heard.set()
            finally:
                ended.append("cancelled")

        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen)
                await heard.wait()
                await anyio.wait_all_tasks_blocked()
                assert not ended
                tasks.cancel_scope.cancel()
        assert ended == ["cancelled"]

    async def test_an_endless_run_of_pieces_lets_others_run(self, writer: Writer) -> None:
        model = writer.reply({"text": ["x"] * 10_000})
        with anyio.move_on_after(0) as scope:
            await told(model, user("x"))
        assert scope.cancelled_caught

    async def test_the_same_conversation_gets_the_same_answer(self, writer: Writer) -> None:
        model = writer.rules(when("one", user="a"), otherwise=[{"call": "read"}, {"text": "x", "pieces": 4}])
        for messages in ([user("a")], [user("b")], [user("b"), output("c")]):
            assert await told(model, *messages) == await told(model, *messages)


class TestVariables:
    async def test_groups_of_the_user_text_and_the_folder(self, writer: Writer) -> None:
        rule = {
            "when": {"user": r"^put (\S+)( twice)?: (.*)"},
            "reply": [
                {"text": "${user:3} in ${user:1}${user:2}"},
                {
                    "call": "write",
                    "arguments": {"path": "${cwd}/${user:1}", "lines": [{"text": "${user:3}"}, 7, None]},
                },
            ],
        }
        *events, _end = await told(writer.rules(rule), user('put a.txt: say "ü"'))
        assert events[0] == TextPiece('say "ü" in a.txt')
        assert isinstance(events[2], CallArguments)
        expected = {"path": f"{FOLDER}/a.txt", "lines": [{"text": 'say "ü"'}, 7, None]}
        assert json.loads(events[2].piece) == expected

    async def test_group_zero_is_all_that_was_found(self, writer: Writer) -> None:
        model = writer.rules({"when": {"user": "b+"}, "reply": [{"text": "<${user:0}>"}]})
        assert await said(model, user("abbbc")) == "<bbb>"

    async def test_raw_arguments_and_errors_are_filled_in_too(self, writer: Writer) -> None:
        error = {"kind": "server", "message": "no ${user:1}", "details": "in ${cwd}"}
        reply = [{"call": "read", "arguments": '["${user:1}"'}, {"error": error}]
        events = await told(writer.rules({"when": {"user": "(.)"}, "reply": reply}), user("x"))
        assert events[1:] == [CallArguments(0, '["x"'), Failed("server", "no x", f"in {FOLDER}")]

    async def test_other_braces_and_what_was_filled_in_are_left_alone(self, writer: Writer) -> None:
        model = writer.rules({"when": {"user": "(.*)"}, "reply": [{"text": "${HOME} ${user:1} $x ${user}"}]})
        assert await said(model, user("${cwd}")) == "${HOME} ${cwd} $x ${user}"

    async def test_a_folder_that_is_not_known_is_a_failure(self, writer: Writer) -> None:
        model = writer.reply({"call": "list", "arguments": {"path": "${cwd}"}})
        (failed,) = await told(model, user("x"), system="You are an agent.")
        assert isinstance(failed, Failed)
        assert "Working directory:" in failed.message

    async def test_a_folder_that_is_not_needed_may_be_unknown(self, writer: Writer) -> None:
        assert (await told(writer.reply({"text": "x"}), user("x"), system=""))[0] == TextPiece("x")


class TestFile:
    def test_name_and_window(self, writer: Writer) -> None:
        model = writer.model({"window": 1000})
        assert (model.name, model.window) == ("script/test", 1000)
        assert writer.model({}).window == 128_000

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ScriptError, match=r"gone\.json: cannot be read \(No such file or directory\)"):
            load(tmp_path / "gone.json", "x")

    def test_a_file_that_is_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "latin.json"
        path.write_bytes(b'{"rules": "\xfc"}')
        with pytest.raises(ScriptError, match="is not UTF-8 at byte 11"):
            load(path, "x")

    def test_a_file_that_is_nested_too_deeply(self, writer: Writer) -> None:
        with pytest.raises(ScriptError, match="nested too deeply"):
            writer.model("[" * 100_000)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('{"rules": [}', "line 1, column 12: is not JSON (Expecting value). Write valid JSON."),
            ("", "line 1, column 1: is not JSON (Expecting value). Write valid JSON."),
            ("[]", 'must be an object, got []. Write {"rules": [], "otherwise": []}.'),
            ('{"rule": []}', 'unknown key "rule". Write only "otherwise", "rules", "vision" and "window".'),
            ('{"window": 0}', '"window" must be a whole number, 1 or more, got 0. Write "window": 128000.'),
            ('{"vision": 1}', '"vision" must be true or false, got 1. Write "vision": true.'),
            ('{"window": true}', '"window" must be a whole number, 1 or more, got true.'),
            ('{"rules": {}}', '"rules" must be an array, got {}. Write "rules": [{'),
            ('{"rules": [7]}', "rule 1: must be an object, got 7. Write {"),
            ('{"rules": [{}]}', 'rule 1: "reply" is missing. Write "reply": [{"text": "…"}].'),
            ('{"rules": [{"reply": [], "then": 1}]}', 'rule 1: unknown key "then".'),
            ('{"rules": [{"reply": {}}]}', 'rule 1: "reply" must be an array, got {}.'),
            (
                '{"rules": [{"reply": []}, {"when": 1, "reply": []}]}',
                "rule 2, when: must be an object, got 1.",
            ),
            ('{"otherwise": "hello"}', 'otherwise: "reply" must be an array, got "hello".'),
        ],
    )
    def test_a_bad_file(self, writer: Writer, text: str, problem: str) -> None:
        assert problem_of(writer, text).startswith(problem)

    @pytest.mark.parametrize(
        ("condition", "problem"),
        [
            (
                {"users": "x"},
                'unknown key "users". Write only "earlier", "failed", "given", "images", "last_result", ',
            ),
            ({"user": 1}, '"user" must be a string, got 1.'),
            ({"user": "("}, '"user" is not a regular expression: missing ), unterminated subpattern'),
            ({"last_result": "*"}, '"last_result" is not a regular expression: nothing to repeat'),
            ({"results": -1}, '"results" must be a whole number, 0 or more, got -1. Write "results": 0.'),
            ({"results": "1"}, '"results" must be a whole number, 0 or more, got "1".'),
            ({"failed": "no"}, '"failed" must be true or false, got "no". Write "failed": true.'),
            ({"results": 0, "failed": True}, 'with "results": 0 there is no last result'),
            ({"results": 0, "last_result": "x"}, 'with "results": 0 there is no last result'),
        ],
    )
    def test_a_bad_condition(self, writer: Writer, condition: Json, problem: str) -> None:
        rules: list[Json] = [{"reply": []}, {"when": condition, "reply": []}]
        assert problem_of(writer, {"rules": rules}).startswith(f"rule 2, when: {problem}")

    @pytest.mark.parametrize(
        ("step", "problem"),
        [
            ("hello", 'must be an object, got "hello". Write {"text": "Hello."}.'),
            ({}, 'the step does not say what to do. Write each step with one of "text", "thought",'),
            ({"txt": "x"}, 'unknown key "txt". Write only "arguments", "call", "delay_s",'),
            ({"text": "x", "call": "y"}, 'one step says "text" and "call".'),
            ({"text": 1}, '"text" must be a string, got 1.'),
            ({"thought": ["x", 1]}, '"thought" must be a string, got 1.'),
            ({"text": ["x"], "pieces": 2}, '"text" is in pieces already.'),
            ({"text": "x", "pieces": 0}, '"pieces" must be a whole number, 1 or more, got 0.'),
            ({"text": "x", "pause_s": -1}, '"pause_s" must be seconds, 0 or more, got -1.'),
            ({"text": "x", "arguments": {}}, 'unknown key "arguments". Write only "pause_s", "pieces" and'),
            ({"call": 1}, '"call" must be a string, got 1.'),
            ({"call": "x", "arguments": [1]}, '"arguments" must be an object, or JSON in a string, got [1].'),
            ({"call": "x", "pieces": "2"}, '"pieces" must be a whole number, 1 or more, got "2".'),
            ({"delay_s": "1"}, '"delay_s" must be seconds, 0 or more, got "1". Write "delay_s": 0.5.'),
            ({"delay_s": True}, '"delay_s" must be seconds, 0 or more, got true.'),
            ({"wait": False}, '"wait" can only be true.'),
            ({"wait": True, "pieces": 1}, 'unknown key "pieces". Write only "wait".'),
            ({"stop": "end"}, '"stop" must be "length" or "refusal", got "end". Write {"stop": "length"}.'),
            ({"error": "x"}, 'error: must be an object, got "x".'),
            ({"error": {"kind": "x", "message": "y"}}, 'error: "kind" must be one of "auth",'),
            ({"error": {"kind": "server"}}, 'error: "message" must be a string, got null.'),
            ({"error": {"kind": "server", "message": "x", "code": 1}}, 'error: unknown key "code".'),
            ({"error": {"kind": "auth", "message": "x", "details": 1}}, 'error: "details" must be a string'),
            ({"usage": 1}, "usage: must be an object, got 1."),
            ({"usage": {"input": 1}}, 'usage: "output" is missing. Write {"usage": {'),
            ({"usage": {"input": 1, "output": -1}}, 'usage: "output" must be a whole number, 0 or more'),
            ({"text": "${user:1}"}, '${user:1} needs a "user" condition.'),
            ({"text": "x" * 100, "txt": 1}, 'unknown key "txt".'),
        ],
    )
    def test_a_bad_step(self, writer: Writer, step: object, problem: str) -> None:
        rules = [{"reply": [{"text": "fine"}, step]}]
        place = "rule 1, step 2"
        text = problem_of(writer, {"rules": rules})
        assert text.startswith((f"{place}: {problem}", f"{place}, {problem}"))
        assert "Write " in text

    @pytest.mark.parametrize(
        "last", [{"wait": True}, {"stop": "length"}, {"error": {"kind": "auth", "message": "x"}}]
    )
    def test_steps_that_can_never_come(self, writer: Writer, last: Json) -> None:
        (kind,) = last
        text = problem_of(writer, {"otherwise": [last, {"text": "x"}]})
        assert text == f'otherwise, step 2: nothing can follow "{kind}". Write "{kind}" as the last step.'

    def test_a_group_that_the_expression_does_not_have(self, writer: Writer) -> None:
        rule = {"when": {"user": "(a)"}, "reply": [{"call": "x", "arguments": {"y": ["${user:2}"]}}]}
        assert problem_of(writer, {"rules": [rule]}).startswith(
            'rule 1, step 1: ${user:2}, but "user" has 1 group(s).'
        )

    def test_long_values_are_shown_short(self, writer: Writer) -> None:
        assert len(problem_of(writer, {"otherwise": ["x" * 10_000]})) < 200

    def test_the_error_also_names_file_place_and_remedy_as_data(self, writer: Writer) -> None:
        with pytest.raises(ScriptError) as caught:
            writer.rules({"reply": [{"delay_s": -1}]})
        hint = 'Write "delay_s": 0.5.'
        assert caught.value.data == {"file": str(writer.path), "key": "rule 1, step 1", "hint": hint}


def problem_of(writer: Writer, script: object) -> str:
    """What is wrong with a script, without the file's name in front."""
    with pytest.raises(ScriptError) as caught:
        writer.model(script)
    name, _, problem = str(caught.value).partition(": ")
    assert name == str(writer.path)
    return problem


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_cutting_loses_nothing(text: str, pieces: int) -> None:
    parts = cut(text, pieces)
    assert "".join(parts) == text
    assert len(parts) == max(1, min(pieces, len(text)))
    assert all(parts) or not text
