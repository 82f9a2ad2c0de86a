"""A session's updates as lines on a screen: text, thoughts, tool calls, diffs, output, plans, usage."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acp_agent.acp.params import Json, as_list, as_object, as_text
from acp_agent.cli.client.calls import Call, block_text
from acp_agent.cli.client.diffs import diff_lines
from acp_agent.cli.client.screen import cleaned

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.cli.client.screen import Screen, Style

MOST_OUTPUT_LINES = 100
"""Of one call; what comes after is only counted, and its end shown."""
LAST_OUTPUT_LINES = 10
QUIET_KINDS = ("read", "search", "think", "switch_mode")
"""Calls that are shown once they are done: nobody decides on them, and they are quick."""
LIVE_KINDS = ("execute",)
SILENT_KINDS = (*QUIET_KINDS, "edit", "delete", "move")
"""Calls whose text content is for the model; shown only when they fail."""

STOPPED = {
    "cancelled": "Cancelled.",
    "max_tokens": 'The answer got too long and was cut off. Say "go on" to have the rest.',
    "max_turn_requests": 'Stopped: that were all the model requests one prompt may take. Say "go on".',
    "refusal": "The model refused. This prompt will not be part of the conversation.",
}


class View:
    """A client.agent.Viewer. With `prompts` it also shows those that the agent tells of."""

    def __init__(self, screen: Screen, cwd: Path, *, prompts: bool = False) -> None:
        self._screen = screen
        self._prompts = prompts
        self._cwd = cwd
        self._block = ""
        self._calls: dict[str, Call] = {}
        self._open = ""
        """The call whose title is on the line that is not ended yet."""
        self._plan: list[Json] = []
        self._usage: Json = {}
        self.done: list[Call] = []
        """The calls that have come to an end, for whoever wants to know what has happened."""

    def show(self, update: Json) -> None:
        match update.get("sessionUpdate"):
            case "user_message_chunk" if self._prompts:
                self._say("prompt", block_text(as_object(update.get("content"))), "bold")
            case "agent_message_chunk":
                self._say("text", block_text(as_object(update.get("content"))), "plain")
            case "agent_thought_chunk":
                self._say("thought", block_text(as_object(update.get("content"))), "dim")
            case "tool_call" | "tool_call_update":
                self._tool_call(update)
            case "plan":
                self._show_plan([as_object(entry) for entry in as_list(update.get("entries"))])
            case "usage_update":
                self._usage = update
            case "notice":
                self._notice(update)
            case _:
                pass  # settings, and what later versions bring

    def begin_turn(self) -> None:
        """What comes now is a new block, whatever came before."""
        self._screen.end_line()
        self._block = "turn"
        self._usage = {}

    def end_turn(self, stop_reason: str) -> None:
        """Says how the turn ended and what is used of the model's context."""
        self._screen.end_line()
        if stop_reason != "end_turn":
            self._begin_block("end")
            self._screen.line(STOPPED.get(stop_reason, f"Stopped ({stop_reason})."), "yellow")
        used, size = self._usage.get("used"), self._usage.get("size")
        if isinstance(used, int) and isinstance(size, int) and size > 0:
            self._begin_block("end")
            self._screen.line(f"{used:,} of {size:,} tokens ({used * 100 / size:.0f} %){self._cost()}", "dim")

    def problem(self, text: str, hint: str = "") -> None:
        """An error, and what to do about it."""
        self._begin_block("problem")
        self._screen.line(text, "red")
        if hint:
            self._screen.line(hint)

    def remark(self, text: str) -> None:
        """Something the client itself says."""
        self._begin_block("remark")
        self._screen.line(text, "dim")

    def present(self, tool_call: Json) -> Call:
        """Shows all there is to see of a call that needs the person's decision."""
        call = self._known(as_text(tool_call.get("toolCallId")) or "")
        call.update(tool_call)
        self._begin(call)
        self._show_diffs(call)
        if call.hidden_command:
            self._indented(call.hidden_command, "bold")
            call.command_shown = True
        if not call.diffs and call.kind != "execute":
            self._show_output(call)
        return call

    # Text --------------------------------------------------------------------------------

    def _say(self, block: str, text: str, style: Style) -> None:
        if text:
            self._begin_block(block)
            self._screen.write(text, style)

    def _begin_block(self, block: str) -> None:
        """An empty line between things of different kinds."""
        self._open = ""
        if block == self._block:
            return
        self._screen.end_line()
        if self._block:
            self._screen.line()
        self._block = block

    def _notice(self, update: Json) -> None:
        style: Style = "red" if update.get("severity") == "error" else "yellow"
        self._begin_block("notice")
        self._screen.line(as_text(update.get("title")) or "Notice", style)
        if description := as_text(update.get("description")):
            self._screen.line(description)

    def _cost(self) -> str:
        cost = as_object(self._usage.get("cost"))
        amount, currency = cost.get("amount"), as_text(cost.get("currency"))
        return f", {amount:.2f} {currency}" if isinstance(amount, int | float) and currency else ""

    # Tool calls --------------------------------------------------------------------------

    def _known(self, call_id: str) -> Call:
        return self._calls.setdefault(call_id, Call(call_id))

    def _tool_call(self, update: Json) -> None:
        call = self._known(as_text(update.get("toolCallId")) or "")
        call.update(update)
        if call.finished:
            self._finish(call)
            return
        if call.status == "in_progress" and call.kind not in QUIET_KINDS:
            self._begin(call)
        if call.begun:
            self._show_diffs(call)
            if call.kind in LIVE_KINDS and call.status == "in_progress":
                self._show_output(call)

    def _begin(self, call: Call) -> None:
        """Shows the title, and leaves the line open for how the call ends."""
        if call.begun:
            return
        call.begun = True
        self._begin_block("call")
        self._screen.end_line()
        self._screen.write(f"{self._screen.marks.call} ", "cyan")
        self._screen.write(call.title, "bold")
        self._open = call.id

    def _finish(self, call: Call) -> None:
        del self._calls[call.id]
        self.done.append(call)
        failed = call.status == "failed"
        if call.kind == "think" and not failed:
            return  # a plan is shown as a plan
        self._begin(call)
        self._show_diffs(call)
        if failed or call.kind not in SILENT_KINDS:
            self._show_output(call)
            self._show_end_of_output(call)
        mark = self._screen.marks.failed if failed else self._screen.marks.done
        style: Style = "red" if failed else "green"
        if self._open == call.id and not self._screen.fresh:
            self._screen.write(f" {mark}\n", style)
        else:
            self._screen.end_line()
            self._screen.write(f"  {mark} ", style)
            self._screen.write(f"{call.title}\n", "dim")
        self._open = ""

    def _show_diffs(self, call: Call) -> None:
        for diff in call.new_diffs():
            new = " (new file)" if diff.old is None else ""
            self._screen.line(f"  {self._relative(diff.path)}{new}", "dim")
            for line in diff_lines(diff.old, diff.new):
                self._screen.line(f"  {line.text}", line.style)

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._cwd) if path.startswith(f"{self._cwd}{os.sep}") else path

    def _show_output(self, call: Call) -> None:
        """What is new of a call's output, up to a number of lines."""
        new = call.new_output()
        room = MOST_OUTPUT_LINES - call.lines
        if not new or room <= 0:
            return
        begun = call.lines > 0 or len(new) < len(call.output)
        lines = new.split("\n")
        self._indented("\n".join(lines[:room]), "dim", going_on=begun)
        call.lines += min(len(lines) - 1, room)
        if len(lines) > room:
            self._indented("…", "dim")

    def _show_end_of_output(self, call: Call) -> None:
        """The last lines of output that was too long to show as it came."""
        lines = call.output.rstrip("\n").split("\n")
        if len(lines) > MOST_OUTPUT_LINES:
            first = max(MOST_OUTPUT_LINES, len(lines) - LAST_OUTPUT_LINES)
            self._indented("\n".join(lines[first:]), "dim")

    def _indented(self, text: str, style: Style, *, going_on: bool = False) -> None:
        """Text under a call, every line marked; `going_on` continues a line that is not ended."""
        if not going_on:
            self._screen.end_line()
        self._open = ""
        *whole, rest = cleaned(text).split("\n")
        for line in whole:
            self._marked(line, style)
            self._screen.write("\n")
        if rest:
            self._marked(rest, style)

    def _marked(self, text: str, style: Style) -> None:
        if self._screen.fresh:
            self._screen.write(f"  {self._screen.marks.output} ", "dim")
        self._screen.write(text, style)

    # Plan --------------------------------------------------------------------------------

    def _show_plan(self, entries: list[Json]) -> None:
        """The whole plan, or what has changed of one that is known."""
        before, self._plan = self._plan, entries
        known = [entry.get("content") for entry in before] == [entry.get("content") for entry in entries]
        if not entries or before == entries:
            return
        self._begin_block("plan")
        self._screen.end_line()
        if not known:
            self._screen.line("Plan", "bold")
        for old, entry in zip(before if known else [Json()] * len(entries), entries, strict=True):
            if old.get("status") != entry.get("status"):
                self._show_step(entry)

    def _show_step(self, entry: Json) -> None:
        marks = self._screen.marks
        match entry.get("status"):
            case "completed":
                self._screen.write(f"  {marks.done} ", "green")
            case "in_progress":
                self._screen.write(f"  {marks.running} ", "cyan")
            case _:
                self._screen.write(f"  {marks.waiting} ", "dim")
        self._screen.write(f"{as_text(entry.get('content')) or ''}\n")
