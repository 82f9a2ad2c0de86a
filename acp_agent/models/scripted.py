"""A model that follows a script: the same conversation always gets the same answer.

It drives the demo, the tests of the loop, and any bug report that should be replayed. The
file is described in docs/scripted-model.md.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, cast

import anyio

from acp_agent.content import Image, Resource, Text
from acp_agent.errors import ScriptError
from acp_agent.models.messages import Reminder, ToolOutput, UserTurn
from acp_agent.models.script import (
    VARIABLE,
    CallTool,
    Count,
    Delay,
    Fail,
    Say,
    Stop,
    Wait,
    read_script,
)
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Failed,
    Finished,
    TextPiece,
    ThoughtPiece,
    Usage,
)
from acp_agent.models.words import in_words

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from pathlib import Path

    from acp_agent.models.messages import Message, ModelRequest
    from acp_agent.models.script import Condition, Script, Step
    from acp_agent.models.stream import Model, StreamEvent

CHARACTERS_PER_TOKEN = 4
"""The usual estimate, for a reply that does not say what it used."""
WORKING_DIRECTORY = re.compile(r"^Working directory: (.+)$", re.MULTILINE)


def load(path: Path, name: str) -> ScriptedModel:
    """The model of the script at `path`. Raises ScriptError saying what is wrong in it, and what to write."""
    return ScriptedModel(name, read_script(path), path)


class ScriptedModel:
    """A models.stream.Model. It keeps no state: what it answers depends on the request alone."""

    def __init__(self, name: str, script: Script, file: Path) -> None:
        self._name = name
        self._script = script
        self._file = file

    @property
    def name(self) -> str:
        return self._name

    @property
    def window(self) -> int:
        return self._script.window

    @property
    def sees(self) -> bool:
        return self._script.vision

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        """The reply of the first rule that holds, step by step."""
        try:
            steps, told = self._reply(request)
        except ScriptError as error:
            yield Failed("request", str(error))
            return
        usage: Usage | None = None
        cost: int | None = None
        for step in steps:
            match step:
                case Say() | CallTool():
                    for number, event in enumerate(told.events(step)):
                        await anyio.sleep(step.pause_s if number else 0)
                        yield event
                case Delay(seconds):
                    await anyio.sleep(seconds)
                case Wait():
                    await anyio.sleep_forever()
                case Fail(kind, message, details, wait_s):
                    yield Failed(kind, told.fill(message), told.fill(details), wait_s)
                    return
                case Stop(reason):
                    yield Finished(reason, usage or told.estimate(request), cost=cost)
                    return
                case Count():
                    usage, cost = step
        yield Finished("tools" if told.calls else "end", usage or told.estimate(request), cost=cost)

    def _reply(self, request: ModelRequest) -> tuple[tuple[Step, ...], _Told]:
        """What to say to `request`. Raises ScriptError when the script has nothing that fits."""
        scene = _scene(request.messages, sees=self.sees)
        for rule in self._script.rules:
            holds, user = _holds(rule.when, scene)
            if holds:
                return rule.reply, self._told(request, rule.reply, user)
        if self._script.otherwise is None:
            raise ScriptError(
                f"{self._file}: no rule holds after {len(scene.results)} tool result(s) to "
                f'{scene.user[:80]!r}. Write a rule for that, or "otherwise": [{{"text": "…"}}].'
            )
        return self._script.otherwise, self._told(request, self._script.otherwise, None)

    def _told(self, request: ModelRequest, reply: tuple[Step, ...], user: re.Match[str] | None) -> _Told:
        folder = WORKING_DIRECTORY.search(request.system)
        if folder is None and "${cwd}" in repr(reply):
            raise ScriptError(
                f"{self._file}: ${{cwd}} is not known, the system prompt has no line "
                "`Working directory: …`. Write the path itself."
            )
        return _Told(folder[1].strip() if folder else "", user)


class _Told:
    """What has been told so far, and what fills the variables in it."""

    def __init__(self, cwd: str, user: re.Match[str] | None) -> None:
        self.calls = 0
        self._characters = 0
        self._cwd = cwd
        self._user = user

    def events(self, step: Say | CallTool) -> Iterator[StreamEvent]:
        """The events of one step that says something."""
        if isinstance(step, Say):
            kind = TextPiece if step.channel == "text" else ThoughtPiece
            for text in step.texts:
                for piece in cut(self.fill(text), step.pieces):
                    self._characters += len(piece)
                    yield kind(piece)
            return
        slot = self.calls
        self.calls += 1
        yield CallStarted(slot, step.tool)
        for piece in cut(self._arguments(step), step.pieces):
            self._characters += len(piece)
            yield CallArguments(slot, piece)

    def estimate(self, request: ModelRequest) -> Usage:
        return Usage(
            _characters(request) // CHARACTERS_PER_TOKEN,
            self._characters // CHARACTERS_PER_TOKEN,
        )

    def fill(self, text: str) -> str:
        """`text` with its variables replaced; a group that took no part is empty."""

        def value(found: re.Match[str]) -> str:
            if found[1] is None:
                return self._cwd
            return (self._user[int(found[1])] or "") if self._user else ""

        return VARIABLE.sub(value, text)

    def _arguments(self, step: CallTool) -> str:
        if isinstance(step.arguments, str):
            return self.fill(step.arguments)
        return json.dumps(self._filled(step.arguments), ensure_ascii=False)

    def _filled(self, value: object) -> object:
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, list):
            return [self._filled(item) for item in cast("list[object]", value)]
        if isinstance(value, dict):
            return {key: self._filled(item) for key, item in cast("dict[str, object]", value).items()}
        return value


class _Scene(NamedTuple):
    """What conditions look at: the last user message, the tool results since, and what was said before."""

    user: str
    given: str
    """What came with the text, in words."""
    images: int
    results: tuple[ToolOutput, ...]
    earlier: Sequence[Message]


def _scene(messages: Sequence[Message], *, sees: bool) -> _Scene:
    results: list[ToolOutput] = []
    for place in reversed(range(len(messages))):
        message = messages[place]
        if isinstance(message, UserTurn):
            if all(isinstance(part, Reminder) for part in message.content):
                continue
            seen = [part for part in message.content if sees and isinstance(part, Image) and part.data]
            rest = [part for part in message.content if not isinstance(part, Text) and part not in seen]
            given = "\n\n".join(map(in_words, rest))
            return _Scene(_said(message), given, len(seen), tuple(reversed(results)), messages[:place])
        if isinstance(message, ToolOutput):
            results.append(message)
    return _Scene("", "", 0, tuple(reversed(results)), ())


def _said(message: Message) -> str:
    if isinstance(message, UserTurn):
        return "\n".join(part.text for part in message.content if isinstance(part, Text))
    return message.output if isinstance(message, ToolOutput) else message.text


def _holds(when: Condition, scene: _Scene) -> tuple[bool, re.Match[str] | None]:
    user = when.user.search(scene.user) if when.user else None
    last = scene.results[-1] if scene.results else None
    holds = (
        (when.user is None or user is not None)
        and (when.given is None or bool(when.given.search(scene.given)))
        and (when.images is None or when.images == scene.images)
        and (when.results is None or when.results == len(scene.results))
        and (when.last_result is None or (last is not None and bool(when.last_result.search(last.output))))
        and (when.failed is None or (last is not None and last.failed == when.failed))
        and (when.earlier is None or any(when.earlier.search(_said(each)) for each in scene.earlier))
    )
    return holds, user


def cut(text: str, pieces: int) -> list[str]:
    """`text` in as many pieces of about one length, or fewer when it has fewer characters."""
    number = max(1, min(pieces, len(text)))
    at = [len(text) * index // number for index in range(number + 1)]
    return [text[start:end] for start, end in pairwise(at)]


def _characters(request: ModelRequest) -> int:
    tools = sum(len(tool.description) + len(json.dumps(tool.parameters)) for tool in request.tools)
    return len(request.system) + tools + sum(map(_length, request.messages))


def _length(message: Message) -> int:
    if isinstance(message, UserTurn):
        return sum(len(part.text) for part in message.content if isinstance(part, Text | Resource | Reminder))
    if isinstance(message, ToolOutput):
        return len(message.output)
    return len(message.text) + sum(len(call.arguments) for call in message.calls)


if TYPE_CHECKING:
    _: type[Model] = ScriptedModel
