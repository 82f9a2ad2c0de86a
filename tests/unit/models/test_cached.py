"""Answers that are kept: the same request has the same answer for a while, any other is asked."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from acp_agent.content import Image, Text
from acp_agent.models.answers import Answers
from acp_agent.models.cached import CachedModel, key_of
from acp_agent.models.keys import Key
from acp_agent.models.messages import AssistantTurn as Said
from acp_agent.models.messages import ModelRequest, ToolCall, ToolOutput, ToolSpec, UserTurn
from acp_agent.models.routes import ProviderType, Route
from acp_agent.models.stream import (
    CallArguments,
    CallStarted,
    Delayed,
    Failed,
    Finished,
    KeptPiece,
    Rerouted,
    TextPiece,
    ThoughtPiece,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from acp_agent.models.stream import StreamEvent

ROUTE = Route(
    alias="far", provider=ProviderType("openai"), base_url="https://far.example/v1", model="m",
    key=Key("sk-one", "FAR_KEY"), headers={}, window=1000, request_limit_s=60, silence_limit_s=60,
)  # fmt: skip
TOOL = ToolSpec("read", "Reads.", {"type": "object"})
REQUEST = ModelRequest("You are.", [UserTurn((Text("hi"),))], (TOOL,))
ANSWER: tuple[StreamEvent, ...] = (
    ThoughtPiece("H"), ThoughtPiece("m"), KeptPiece({"signature": "x"}),
    TextPiece("Let me "), TextPiece("see"),
    CallStarted(0, "read"), CallArguments(0, '{"path"'), CallArguments(0, ': "a"}'), CallStarted(1, "read"),
    CallArguments(1, "{}"), Finished("tools", Usage(10, 5), "far/m", 77),
)  # fmt: skip
JOINED = [
    ThoughtPiece("Hm"), KeptPiece({"signature": "x"}), TextPiece("Let me see"), CallStarted(0, "read"),
    CallArguments(0, '{"path": "a"}'), CallStarted(1, "read"), CallArguments(1, "{}"),
]  # fmt: skip
WENT_WRONG = Failed("server", "on fire")


class Model:
    """Answers with what a test gives it, one after the other."""

    name, window, sees = "far/m", 1000, True

    def __init__(self, *answers: Sequence[StreamEvent]) -> None:
        self.answers = list(answers)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        del request
        for event in self.answers.pop(0):
            yield event


async def ask(model: CachedModel, request: ModelRequest = REQUEST) -> list[StreamEvent]:
    return [event async for event in model.stream(request)]


async def test_the_same_is_said_again_and_costs_nothing(tmp_path: Path) -> None:
    model = CachedModel(Model(ANSWER), ROUTE, Answers(tmp_path))
    assert await ask(model) == list(ANSWER)
    replayed = [*JOINED, Finished("tools", None, "far/m (replayed)", 0)]
    assert await ask(model) == replayed
    assert await ask(CachedModel(Model(), ROUTE, Answers(tmp_path))) == replayed


@pytest.mark.parametrize(
    "answer",
    [
        (TextPiece("ha"), WENT_WRONG),
        (TextPiece("ha"), Finished("length")),
        (Finished("refusal"),),
        (Rerouted("near/m", WENT_WRONG), TextPiece("ha"), Finished("end")),
        (TextPiece("secr"), TextPiece("et"), Finished("end")),
        (TextPiece("x" * (5 << 20)), Finished("end")),
    ],
    ids=["failed", "cut off", "refused", "another model", "a secret", "long"],
)
async def test_what_is_not_kept(tmp_path: Path, answer: Sequence[StreamEvent]) -> None:
    model = CachedModel(Model(answer, ANSWER), ROUTE, Answers(tmp_path), lambda text: "secret" not in text)
    assert await ask(model) == list(answer)
    assert await ask(model) == list(ANSWER)


async def test_a_delay_is_no_part_of_an_answer(tmp_path: Path) -> None:
    answer = (Delayed(WENT_WRONG, 0.1, 2, 5), TextPiece("ha"), Finished("end"))
    model = CachedModel(Model(answer), ROUTE, Answers(tmp_path))
    await ask(model)
    assert await ask(model) == [TextPiece("ha"), Finished("end", None, "far/m (replayed)", 0)]


async def test_who_stops_listening_keeps_nothing(tmp_path: Path) -> None:
    model = CachedModel(Model(ANSWER, ANSWER), ROUTE, Answers(tmp_path))
    stream = model.stream(REQUEST)
    await anext(stream)
    await stream.aclose()
    assert await ask(model) == list(ANSWER)


# What decides an answer -----------------------------------------------------------------------------


def image(data: str) -> ModelRequest:
    return REQUEST._replace(messages=[UserTurn((Image(data, "image/png"),))])


OTHER_REQUESTS = [
    REQUEST._replace(system="You are not."),
    REQUEST._replace(tools=()),
    REQUEST._replace(tools=(TOOL._replace(description="Reads a file."),)),
    REQUEST._replace(tools=(TOOL._replace(parameters={"type": "string"}),)),
    REQUEST._replace(messages=[UserTurn((Text("hi "),))]),
    REQUEST._replace(messages=[UserTurn((Text("h"), Text("i")))]),
    REQUEST._replace(messages=[*REQUEST.messages, Said("", "", (ToolCall("c", "read", "{}"),))]),
    REQUEST._replace(messages=[*REQUEST.messages, ToolOutput("c", "", failed=False)]),
    REQUEST._replace(messages=[*REQUEST.messages, ToolOutput("c", "", failed=True)]),
    image("aaaa"),
    image("bbbb"),
]
OTHER_ROUTES: list[dict[str, Any]] = [
    {"alias": "near"}, {"base_url": "https://near.example/v1"}, {"model": "n"}, {"max_tokens": 5},
    {"temperature": 0.0}, {"temperature": 1.0}, {"extra": {"reasoning_effort": "high"}},
    {"provider": ProviderType("anthropic")}, {"headers": {"X-Beta": "1"}}, {"script": "s.json"},
]  # fmt: skip


def test_whatever_decides_the_answer_decides_the_key() -> None:
    routes = [ROUTE, *(ROUTE._replace(**change) for change in OTHER_ROUTES)]
    keys = [key_of(ROUTE, request, sees=True) for request in OTHER_REQUESTS]
    keys += [key_of(route, REQUEST, sees=True) for route in routes]
    keys += [key_of(ROUTE, REQUEST, sees=False)]
    assert len(set(keys)) == len(keys)


def test_the_key_is_the_same_in_every_process() -> None:
    """Whatever a route may come to hold."""
    code = (
        "from tests.unit.models.test_cached import *\n"
        "extra = {'b': frozenset({'x', 'y', 'z'}), 'a': {'q', 'r'}, 'c': (1, None, 2.5)}\n"
        "print(key_of(ROUTE._replace(extra=extra), REQUEST, sees=True))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, encoding="utf-8", timeout=30, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(keys) == 1


def test_nothing_else_does() -> None:
    other = ROUTE._replace(key=Key("sk-two", "OTHER"), request_limit_s=1, silence_limit_s=1)
    again = REQUEST._replace(trace={"traceparent": "00-1"}, conversation="s-2", messages=[*REQUEST.messages])
    assert key_of(other, again, sees=True) == key_of(ROUTE, REQUEST, sees=True)


# Keeping --------------------------------------------------------------------------------------------

END = Finished("end")


def said(text: str) -> list[StreamEvent]:
    return [TextPiece(text), END]


def test_old_answers_are_not_given(tmp_path: Path) -> None:
    Answers(tmp_path).put("k", said("hi"))
    (path,) = (tmp_path / "answers").iterdir()
    kept = json.loads(path.read_text(encoding="utf-8"))
    for age, given in ((10, True), (3599, True), (3601, False), (-60, False)):
        path.write_text(json.dumps({**kept, "time": time.time() - age}), encoding="utf-8")
        assert (Answers(tmp_path).get("k") == said("hi")) is given
    assert Answers(tmp_path, ttl_s=1e9).get("k") is None, "its time is yet to come"
    assert Answers(tmp_path, ttl_s=0).get("k") is None


def test_what_was_of_no_use_for_longest_goes(tmp_path: Path) -> None:
    answers = Answers(tmp_path, most=3)
    for number, name in enumerate("abc"):
        answers.put(name, said(name))
        os.utime(tmp_path / "answers" / f"{name}.json", (1000 + number, 1000 + number))
    assert answers.get("a") == said("a")
    answers.put("d", said("d"))
    assert [bool(answers.get(name)) for name in "abcd"] == [True, False, True, True]


def test_they_are_for_their_owner_alone_and_can_be_removed(tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    assert answers.clear() == 0
    answers.put("k", said("hi"))
    answers.put("l", said("hi"))
    folder = tmp_path / "answers"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert answers.clear() == 2
    assert list(folder.iterdir()) == []
    assert answers.get("k") is None


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"\xff", b'{"time": 5}', b'{"time": "x", "events": []}',
        *(b'{"time": NOW, "events": %s}' % events for events in (
            b"[]", b"5", b'[["TextPiece"]]', b'[["TextPiece", 5], ["Finished", "end"]]',
            b'[["TextPiece", "x"]]',
            b'[["Finished", "no"]]', b'[["exit", 5]]', b'[["TextPiece", "x", "y"], ["Finished", "end"]]',
        )),
    ],
)  # fmt: skip
def test_what_is_damaged_is_asked_for_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "answers").mkdir()
    now = b"%d" % time.time()
    (tmp_path / "answers" / "k.json").write_bytes(content.replace(b"NOW", now))
    answers = Answers(tmp_path)
    assert answers.get("k") is None
    answers.put("k", said("hi"))
    assert answers.get("k") == said("hi")


def test_where_nothing_can_be_kept_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "answers").write_bytes(b"")
    answers = Answers(tmp_path)
    answers.put("k", said("hi"))
    assert answers.get("k") is None
    assert answers.clear() == 0
