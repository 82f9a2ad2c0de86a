"""The parts of the terminal client that need no agent: differences, output, settings, the screen."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.cli.client.calls import Call, unfenced
from acp_agent.cli.client.diffs import MOST_LINES, NO_NEWLINE, diff_lines
from acp_agent.cli.client.screen import Screen, cleaned
from acp_agent.cli.client.settings import NoSuchSetting, Settings
from acp_agent.cli.client.view import LAST_OUTPUT_LINES, MOST_OUTPUT_LINES, View

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.acp.params import Json


def difference(old: str | None, new: str) -> list[str]:
    return [line.text for line in diff_lines(old, new)]


class TestDifference:
    def test_lines_that_change(self) -> None:
        lines = list(diff_lines("a\nb\nc\n", "a\nB\nc\n"))
        assert [line.text for line in lines] == ["@@ -1,3 +1,3 @@", " a", "-b", "+B", " c"]
        assert [line.style for line in lines] == ["cyan", "dim", "red", "green", "dim"]

    @pytest.mark.parametrize("new", ["fresh\n", "fresh"])
    def test_a_new_file(self, new: str) -> None:
        end = [] if new.endswith("\n") else [NO_NEWLINE]
        assert difference(None, new) == ["@@ -0,0 +1 @@", "+fresh", *end]

    def test_only_the_end_of_the_last_line(self) -> None:
        assert difference("a", "a\n") == ["@@ -1 +1 @@", "-a", NO_NEWLINE, "+a"]

    @pytest.mark.parametrize("text", ["", "a", "a\n", "a\r\nb\x0c\u2028c\n"])
    def test_nothing(self, text: str) -> None:
        assert difference(text, text) == []

    def test_other_line_separators_do_not_split_lines(self) -> None:
        assert difference("a\x0cb\u2028c\n", "a\x0cb\u2028d\n")[1:] == ["-a\x0cb\u2028c", "+a\x0cb\u2028d"]

    def test_a_long_one_is_cut(self) -> None:
        lines = difference(None, "x\n" * 500)
        assert len(lines) == MOST_LINES + 1
        assert lines[-1] == f"… {501 - MOST_LINES} more lines"

    def test_a_huge_one_is_not_made(self) -> None:
        old, new = ("\n".join(f"{side}{number}" for number in range(50_000)) for side in "ab")
        assert difference(old, new) == ["50000 lines become 50000; too many to compare"]

    def test_a_small_change_in_a_huge_file_is(self) -> None:
        lines = [f"line {number}\n" for number in range(50_000)]
        changed = [*lines[:20_000], "other\n", *lines[20_001:]]
        assert difference("".join(lines), "".join(changed))[4:6] == ["-line 20000", "+other"]

    @given(st.text("ab\n", max_size=30), st.text("ab\n", max_size=30))
    def test_it_tells_the_new_text(self, old: str, new: str) -> None:
        lines = difference(old, new)
        added = sum(line.startswith("+") for line in lines)
        removed = sum(line.startswith("-") for line in lines)
        assert (lines == []) == (old == new)
        assert added - removed == len(new.splitlines()) - len(old.splitlines())


class TestOutput:
    @given(st.text("ab`\n", max_size=40), st.integers(0, 40), st.integers(0, 40))
    def test_output_that_grows_is_shown_once(self, text: str, first: int, second: int) -> None:
        call = Call("c")
        shown = ""
        for end in (min(first, second), max(first, second), len(text)):
            call.update({"content": content(f"x{text[:end]}")})
            shown += call.new_output()
        assert shown == f"x{text}"

    def test_output_that_loses_its_beginning_goes_on(self) -> None:
        call = Call("c")
        numbers = "".join(f"{number}\n" for number in range(1000))
        call.update({"content": content(numbers[:2000])})
        first = call.new_output()
        call.update({"content": content(f"[cut]\n{numbers[1000:]}")})
        assert first + call.new_output() == numbers

    def test_output_that_has_nothing_in_common_is_shown_anew(self) -> None:
        call = Call("c")
        call.update({"content": content("one")})
        call.new_output()
        call.update({"content": content("two")})
        assert call.new_output() == "\n…\ntwo"

    @pytest.mark.parametrize(
        ("text", "inside"),
        [
            ("```\na\nb\n```", "a\nb"),
            ("```sh\na\n```\n", "a"),
            ("```\n\na\n\n```", "\na\n"),
            ("````\n```\na\n```\n````", "```\na\n```"),
            ("```\na", "a"),
            ("```\n", ""),
            ("```console\n$ x\n```\nexit code 0", "$ x\nexit code 0"),
            ("```\n```", ""),
            ("a ``` b", "a ``` b"),
            ("```", "```"),
        ],
    )
    def test_a_fence_around_it_is_left_out(self, text: str, inside: str) -> None:
        assert unfenced(text) == inside

    def test_a_command_is_shown_once_and_in_full(self, tmp_path: Path) -> None:
        for title, shown in (("Run `make x`", "● Run `make x`"), ("Run `ma…`", "● Run `ma…`\n  │ $ make x")):
            out = paper()
            view = View(Screen(out, colour=False), tmp_path)
            fields: Json = {"title": title, "kind": "execute", "rawInput": {"command": "make x"}}
            view.show(update("c", status="in_progress", **fields))
            view.show(update("c", content=content("```console\n$ make x\na\n```")))
            view.show(
                update("c", content=content("```console\n$ make x\na\n```\nexit code 0"), status="completed")
            )
            assert written(out) == f"{shown}\n  │ a\n  │ exit code 0\n  ✓ {title}\n"

    def test_much_of_it_is_cut_and_its_end_is_shown(self, tmp_path: Path) -> None:
        out = paper()
        view = View(Screen(out, colour=False), tmp_path)
        lines = [f"{number}." for number in range(1000)]
        view.show({"sessionUpdate": "tool_call", "toolCallId": "c", "title": "Run it", "kind": "execute"})
        for end in (90, 300, 1000):
            shown = content("\n".join(lines[:end]))
            view.show(update("c", status="in_progress", content=shown))
        view.show(update("c", status="completed"))
        *head, last = written(out).splitlines()
        marked = [line.removeprefix("  │ ") for line in head[1:]]
        assert marked == [*lines[:MOST_OUTPUT_LINES], "…", *lines[-LAST_OUTPUT_LINES:]]
        assert last == "  ✓ Run it"

    def test_what_a_tool_tells_the_model_is_shown_only_when_it_fails(self, tmp_path: Path) -> None:
        out = paper()
        view = View(Screen(out, colour=False), tmp_path)
        for call_id, status in (("a", "completed"), ("b", "failed")):
            view.show(update(call_id, title=f"Read {call_id}", kind="read", status="in_progress"))
            view.show(update(call_id, status=status, content=content("the text")))
        assert written(out) == "● Read a ✓\n● Read b\n  │ the text\n  ✗ Read b\n"


class TestScreen:
    @given(st.text())
    def test_nothing_that_steers_gets_through(self, text: str) -> None:
        assert not any(char < " " and char not in "\n\t" for char in cleaned(text))
        assert not any("\x7f" <= char <= "\x9f" or char in "\u202e\u2066" for char in cleaned(text))

    def test_colour_ends_with_the_line(self) -> None:
        out = io.StringIO()
        Screen(out, colour=True).write("a\nb\n", "red")
        assert out.getvalue() == "\x1b[31ma\x1b[0m\n\x1b[31mb\x1b[0m\n"

    def test_a_reader_that_has_left_is_noted(self) -> None:
        out = io.StringIO()
        screen = Screen(out, colour=False)
        out.close()
        screen.line("anybody?")
        assert screen.gone


class TestSettings:
    def test_an_agent_without_any(self) -> None:
        settings = Settings()
        settings.opened({"sessionId": "s"})
        assert settings.choices("mode") == []
        with pytest.raises(NoSuchSetting, match="The agent has no model to choose"):
            settings.find("model", "x")

    def test_a_mode_that_is_an_option_alone(self) -> None:
        settings = Settings()
        values = [{"value": "a", "name": "A"}, {"value": "b", "name": "B"}]
        option = {"id": "m", "category": "mode", "type": "select", "currentValue": "b", "options": values}
        settings.opened({"configOptions": [option]})
        assert (settings.current("mode"), settings.option_id("mode")) == ("b", "m")

    def test_a_name_that_two_providers_have_has_to_be_said_in_full(self) -> None:
        settings = Settings()
        values = [{"value": f"{alias}/large", "name": f"{alias} large"} for alias in ("one", "two")]
        settings.opened({"configOptions": [{"id": "model", "currentValue": "one/large", "options": values}]})
        assert settings.find("model", "two/large") == "two/large"
        with pytest.raises(NoSuchSetting, match="Choose one of: one/large, two/large"):
            settings.find("model", "large")

    def test_what_the_agent_changes(self) -> None:
        settings = Settings()
        settings.changed({"sessionUpdate": "current_mode_update", "currentModeId": "b"})
        settings.changed({"sessionUpdate": "available_commands_update", "availableCommands": [{"name": "x"}]})
        settings.changed({"sessionUpdate": "config_option_update", "configOptions": [{"id": "m"}]})
        assert (settings.mode, settings.commands, settings.options) == ("b", [{"name": "x"}], [{"id": "m"}])


def paper() -> io.TextIOWrapper:
    """A stream that can show everything."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")


def written(out: io.TextIOWrapper) -> str:
    out.seek(0)
    return out.read()


def content(text: str) -> list[Json]:
    return [{"type": "content", "content": {"type": "text", "text": text}}]


def update(call_id: str, **fields: object) -> Json:
    return {"sessionUpdate": "tool_call_update", "toolCallId": call_id, **fields}
