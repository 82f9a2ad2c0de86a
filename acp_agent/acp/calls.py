"""Tool calls as `tool_call` and `tool_call_update`, and what their commands write, as a client shows it.

A client that knows Zed's extension is told of a terminal when the call of a command is created,
and then gets every piece of output; one that knows only the pieces gets them without a
terminal; everybody else is sent the end of the output as text. A command that runs in a
terminal of the client's is shown as that terminal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acp_agent import events as e
from acp_agent.acp.params import as_list, as_object
from acp_agent.console import fenced, last_lines, overwrite, pieces, plain
from acp_agent.invisible import visible, visible_lines
from acp_agent.rpc.codec import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.acp.initialize import Client
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
TAIL_CHARACTERS = 8 * 1024
"""Of the end of a command's output, where it is sent again with every piece."""
TERMINAL_CHARACTERS = 1 << 20
"""Of one command's output in a terminal; beyond that only its end comes, once it has ended."""

CallEvent = e.ToolCallStarted | e.ToolCallUpdated | e.ToolCallProgress | e.OutputDelta | e.ToolCallFinished


@dataclass(slots=True)
class _Call:
    known: Json = field(default_factory=dict[str, object])
    """What a permission request has to repeat."""
    terminal_id: str = ""
    """The terminal that shows its output."""
    output_key: str = ""
    """The extension under which pieces of its output go out."""
    command: str = ""
    tail: str = ""
    """The end of the output, for a terminal of what it has not been sent."""
    sent: int = 0
    unsent: int = 0
    """Bytes of output beyond what a terminal is sent."""
    begun: bool = False
    """Whether there has been any output."""

    @property
    def terminal(self) -> list[Json]:
        return [{"type": "terminal", "terminalId": self.terminal_id}] if self.terminal_id else []


class Calls:
    """The calls of one session as one client knows them."""

    def __init__(self, client: Client, *, live: bool) -> None:
        """Unless `live`, there are no terminals: those of an earlier process are gone."""
        self._client = client
        self._live = live
        self._calls: dict[str, _Call] = {}

    def encode(self, event: CallEvent) -> Iterator[Json]:
        match event:
            case e.ToolCallStarted():
                yield self._start(event)
            case e.OutputDelta(call_id, text):
                yield from self._output(call_id, self._call(call_id), text)
            case e.ToolCallFinished(call_id):
                yield from self._finish(event, self._call(call_id))
                del self._calls[call_id]
            case _:
                yield from self._change(event, self._call(event.call_id))

    def known(self, call_id: str, explanation: str = "") -> Json:
        """All that is known of a call, for a request that must stand on its own.

        What it shows comes first: some clients look for a difference in the first place only.
        """
        call = self._calls.get(call_id)
        known: Json = {"toolCallId": call_id, **(call.known if call else {})}
        if explanation:
            known["content"] = [*as_list(known.get("content")), _shown(e.ShownText(explanation))]
        return known

    def show_terminal(self, call_id: str, terminal_id: str) -> Json:
        """The update after which a call shows a terminal of the client's."""
        call = self._call(call_id)
        call.terminal_id, call.output_key, call.begun = terminal_id, "", True
        call.known["content"] = call.terminal
        return _update(call_id, {"content": call.terminal})

    def _call(self, call_id: str) -> _Call:
        return self._calls.setdefault(call_id, _Call())

    def _start(self, event: e.ToolCallStarted) -> Json:
        call = self._calls[event.call_id] = _Call()
        call.known = {"title": event.title, "name": event.name, "kind": event.kind, "status": "pending"}
        meta: Json = {}
        if event.terminal_cwd is not None and self._live:
            if self._client.shows_terminals:
                call.terminal_id, call.output_key = event.call_id, "terminal_output"
                call.known["content"] = call.terminal
                info: Json = {"terminal_id": event.call_id, "cwd": event.terminal_cwd}
                meta = {"_meta": {"terminal_info": info}}
            elif self._client.appends_output:
                call.output_key = "terminal_output_delta"
        return {"sessionUpdate": "tool_call", "toolCallId": event.call_id, **call.known, **meta}

    def _change(self, event: e.ToolCallUpdated | e.ToolCallProgress, call: _Call) -> Iterator[Json]:
        fields: Json = {}
        if event.content is not None:
            command = _command(event.content)
            call.command = command.command if command else call.command
            runs = isinstance(event, e.ToolCallProgress) or call.known.get("status") == "in_progress"
            content = _content(call, event.content, running=runs)
            if content != call.known.get("content", []):
                fields["content"] = content
        if isinstance(event, e.ToolCallUpdated):
            fields |= _changed(event)
        call.known |= fields
        if fields:
            yield _update(event.call_id, fields)

    def _output(self, call_id: str, call: _Call, text: str) -> Iterator[Json]:
        call.begun = True
        if not call.output_key:
            if not call.terminal_id:
                call.tail = last_lines(call.tail + plain(text), TAIL_CHARACTERS)
                shown = e.ShownCommand(call.command, overwrite(call.tail))
                call.known["content"] = [_shown(shown)]
                yield _update(call_id, {"content": call.known["content"]})
            return
        for piece in pieces(text, CHUNK_CHARACTERS):
            if call.unsent or call.sent + len(piece) > TERMINAL_CHARACTERS:
                call.unsent += len(piece.encode(errors="replace"))
                call.tail = last_lines(call.tail + plain(piece), TAIL_CHARACTERS)
                continue
            call.sent += len(piece)
            yield _piece(call_id, call, piece)

    def _finish(self, event: e.ToolCallFinished, call: _Call) -> Iterator[Json]:
        fields: Json = {}
        if event.content is not None:
            fields["content"] = _content(call, event.content, running=True)
        elif event.failed and (content := _with_reason(call, event.output)):
            fields["content"] = content
        if event.locations is not None:
            fields["locations"] = [_location(location) for location in event.locations]
        fields["status"] = "failed" if event.failed else "completed"
        fields["rawOutput"] = bounded(event.record if event.record is not None else {"output": event.output})
        if call.output_key:
            command = _command(event.content or ())
            if call.unsent:
                yield _piece(event.call_id, call, _rest(call, command.full_output if command else ""))
            ended: Json = {"terminal_id": event.call_id, "exit_code": None, "signal": None}
            if command:
                ended |= {"exit_code": command.exit_code, "signal": command.signal}
            fields["_meta"] = {"terminal_exit": ended}
        yield _update(event.call_id, fields)


def _command(shown: tuple[e.Shown, ...]) -> e.ShownCommand | None:
    return next((each for each in shown if isinstance(each, e.ShownCommand)), None)


def _with_reason(call: _Call, reason: str) -> list[Json]:
    """What a call shows that failed without saying what to show: what it had shown, and why it failed.

    Who was shown what a call would do and refused it knows why; a terminal without output goes.
    """
    shown = [item for item in as_list(call.known.get("content")) if item not in call.terminal]
    if shown and not call.terminal_id and call.known.get("status") != "in_progress":
        return []
    terminal = call.terminal if call.begun else []
    return [*terminal, *map(as_object, shown), _shown(e.ShownText(reason))]


def _update(call_id: str, fields: Json) -> Json:
    return {"sessionUpdate": "tool_call_update", "toolCallId": call_id, **fields}


def _piece(call_id: str, call: _Call, text: str) -> Json:
    return _update(call_id, {"_meta": {call.output_key: {"terminal_id": call_id, "data": text}}})


def _rest(call: _Call, full_output: str) -> str:
    """What stands in a terminal for the output that was too much for it: where it is, and its end."""
    left_out = call.unsent - len(call.tail.encode(errors="replace"))
    if left_out <= 0:
        return call.tail
    where = f", full output: {full_output}" if full_output else ""
    return f"\n[… {left_out} more bytes{where} …]\n{call.tail}"


def _changed(event: e.ToolCallUpdated) -> Json:
    """The fields of the call, but its content, that `event` changes."""
    fields: Json = {}
    if event.locations is not None:
        fields["locations"] = [_location(location) for location in event.locations]
    if event.title is not None:
        fields["title"] = visible(event.title)
    if event.status is not None:
        fields["status"] = event.status
    if event.raw_input is not None:
        fields["rawInput"] = bounded(event.raw_input)
    return fields


def _content(call: _Call, shown: tuple[e.Shown, ...], *, running: bool) -> list[Json]:
    """What a call shows. Its terminal stays in it, and stands for what a running command writes."""
    content = call.terminal
    for each in shown:
        if running and isinstance(each, e.ShownCommand) and (call.terminal_id or call.output_key):
            ending = [each.state if each.exit_code is None else "", each.note]
            if text := ". ".join(part for part in ending if part):
                content.append(_shown(e.ShownText(text)))
        else:
            content.append(_shown(each))
    return content


def _shown(shown: e.Shown) -> Json:
    match shown:
        case e.ShownText(text):
            return _text(_clipped(text, CONTENT_CHARACTERS))
        case e.ShownCommand():
            return _text(_console(shown))
        case e.ShownDiff(path, old_text, new_text):
            diff: Json = {"type": "diff", "path": path, "oldText": old_text, "newText": new_text}
            large = len(old_text or "") + len(new_text) > CONTENT_CHARACTERS
            if large and len(encode(diff)) > DIFF_BYTES:
                return _text(f"{path} changes; the difference is too large to show.")
            return diff


def _text(text: str) -> Json:
    return {"type": "content", "content": {"type": "text", "text": text}}


def _console(shown: e.ShownCommand) -> str:
    """A command as a console would show it, in Markdown, and how it ended."""
    ending = ". ".join(part for part in (shown.state, shown.note) if part)
    if shown.full_output:
        ending += f"\nFull output: {shown.full_output}"
    prompt = f"$ {visible_lines(shown.command)}\n" if shown.command else ""
    console = fenced(_clipped(prompt + shown.output, CONTENT_CHARACTERS - len(ending)), "console")
    return f"{console}\n{ending}" if ending else console


def bounded(record: dict[str, object]) -> Json:
    """`record` with its long texts cut; what is shown in full is in the content."""
    cut: Json = {
        key: _clipped(value, RAW_CHARACTERS) if isinstance(value, str) else value
        for key, value in record.items()
    }
    text = encode(cut).decode()
    return cut if len(text) <= RECORD_CHARACTERS else {"cut": _clipped(text, RAW_CHARACTERS)}


def _clipped(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n[{len(text) - limit} more characters]"


def _location(location: e.Location) -> Json:
    found: Json = {"path": location.path}
    return found | ({"line": location.line} if location.line is not None else {})
