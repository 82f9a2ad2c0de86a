"""The file of a scripted model, read into rules and steps. docs/scripted-model.md describes it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, get_args

from acp_agent.errors import ScriptError
from acp_agent.models.stream import FailureKind, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DEFAULT_WINDOW = 128_000
VARIABLE = re.compile(r"\$\{(?:cwd|user:(\d+))\}")
"""What is filled in; any other `${…}` stands for itself."""

EndReason = Literal["length", "refusal"]
Channel = Literal["text", "thought"]


class Condition(NamedTuple):
    """What a conversation has to be like; None is not looked at."""

    user: re.Pattern[str] | None = None
    given: re.Pattern[str] | None = None
    images: int | None = None
    results: int | None = None
    last_result: re.Pattern[str] | None = None
    failed: bool | None = None
    earlier: re.Pattern[str] | None = None


class Say(NamedTuple):
    """Text or thought: every item of `texts` in as many pieces, `pause_s` seconds apart."""

    channel: Channel
    texts: tuple[str, ...]
    pieces: int
    pause_s: float


class CallTool(NamedTuple):
    """A tool call; `arguments` as a text are sent as they are, even if that is no JSON."""

    tool: str
    arguments: dict[str, object] | str
    pieces: int
    pause_s: float


class Fail(NamedTuple):
    kind: FailureKind
    message: str
    details: str
    wait_s: float | None
    """After so many seconds it would answer again."""


class Delay(NamedTuple):
    seconds: float


class Wait(NamedTuple):
    """Nothing more comes until the request is cancelled."""


class Stop(NamedTuple):
    reason: EndReason


class Count(NamedTuple):
    usage: Usage
    cost: int | None = None
    """Micro-dollars; None when nobody says."""


Step = Say | CallTool | Fail | Delay | Wait | Stop | Count


class Rule(NamedTuple):
    when: Condition
    reply: tuple[Step, ...]


class Script(NamedTuple):
    window: int
    vision: bool
    rules: tuple[Rule, ...]
    otherwise: tuple[Step, ...] | None


def read_script(path: Path) -> Script:
    """Reads and checks a whole script. Raises ScriptError naming file, place, fault and remedy."""
    top = _Place(str(path))
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise top.wrong(f"cannot be read ({error.strerror or error})", "the path of a script") from None
    except UnicodeDecodeError as error:
        raise top.wrong(f"is not UTF-8 at byte {error.start}", "the file in UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise top.at(where).wrong(f"is not JSON ({error.msg})", "valid JSON") from None
    except RecursionError:
        raise top.wrong("is nested too deeply", '{"rules": []} and go on from there') from None
    script = top.object(value, '{"rules": [], "otherwise": []}', ("window", "vision", "rules", "otherwise"))
    rules = top.array(script.get("rules", []), "rules", '"rules": [{"when": {}, "reply": []}]')
    return Script(
        top.whole(script, "window", DEFAULT_WINDOW, least=1),
        top.flag(script, "vision", default=True),
        tuple(_rule(top.at(f"rule {number}"), rule) for number, rule in enumerate(rules, 1)),
        _reply(top.at("otherwise"), script["otherwise"], None) if "otherwise" in script else None,
    )


class _Place(NamedTuple):
    """Where in which file something is; makes the errors about it."""

    file: str
    parts: tuple[str, ...] = ()

    def at(self, part: str) -> _Place:
        return _Place(self.file, (*self.parts, part))

    def wrong(self, what: str, write: str) -> ScriptError:
        where = ", ".join(self.parts)
        text = f"{where}: {what}" if where else what
        hint = f"Write {write}."
        data: dict[str, object] = {"file": self.file, "key": where, "hint": hint}
        return ScriptError(f"{self.file}: {text}. {hint}", data=data)

    def object(self, value: object, example: str, known: Iterable[str]) -> dict[str, object]:
        """`value` as an object without unknown keys."""
        if not isinstance(value, dict):
            raise self.wrong(f"must be an object, got {_shown(value)}", example)
        found = cast("dict[str, object]", value)
        allowed = sorted(known)
        for key in found:
            if key not in allowed:
                raise self.wrong(f'unknown key "{key}"', f"only {_listed(allowed)}")
        return found

    def array(self, value: object, name: str, example: str) -> list[object]:
        if not isinstance(value, list):
            raise self.wrong(f'"{name}" must be an array, got {_shown(value)}', example)
        return cast("list[object]", value)

    def text(self, value: object, name: str, example: str) -> str:
        if not isinstance(value, str):
            raise self.wrong(f'"{name}" must be a string, got {_shown(value)}', f'"{name}": "{example}"')
        return value

    def whole(self, values: dict[str, object], name: str, default: int, *, least: int) -> int:
        value = values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            what = f'"{name}" must be a whole number, {least} or more, got {_shown(value)}'
            raise self.wrong(what, f'"{name}": {max(least, default)}')
        return value

    def flag(self, values: dict[str, object], name: str, *, default: bool) -> bool:
        value = values.get(name, default)
        if not isinstance(value, bool):
            raise self.wrong(f'"{name}" must be true or false, got {_shown(value)}', f'"{name}": true')
        return value

    def seconds(self, values: dict[str, object], name: str) -> float:
        value = values.get(name, 0)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
            what = f'"{name}" must be seconds, 0 or more, got {_shown(value)}'
            raise self.wrong(what, f'"{name}": 0.5')
        return float(value)

    def pattern(self, values: dict[str, object], name: str) -> re.Pattern[str] | None:
        if name not in values:
            return None
        text = self.text(values[name], name, "^fix (.*)$")
        try:
            return re.compile(text)
        except re.error as error:
            what = f'"{name}" is not a regular expression: {error}'
            raise self.wrong(what, "one that Python's re understands") from None


def _rule(place: _Place, value: object) -> Rule:
    rule = place.object(value, '{"when": {"user": "hello"}, "reply": [{"text": "Hi."}]}', ("when", "reply"))
    if "reply" not in rule:
        raise place.wrong('"reply" is missing', '"reply": [{"text": "…"}]')
    given = rule.get("when", {})
    conditions = place.at("when").object(given, '"when": {"user": "hello"}', Condition._fields)
    when = _condition(place.at("when"), conditions)
    return Rule(when, _reply(place, rule["reply"], when.user))


def _condition(place: _Place, given: dict[str, object]) -> Condition:
    if given.get("results") == 0 and ("last_result" in given or "failed" in given):
        what = 'with "results": 0 there is no last result, so this rule never holds'
        raise place.wrong(what, '"results": 1, or leave the other condition out')
    return Condition(
        place.pattern(given, "user"),
        place.pattern(given, "given"),
        place.whole(given, "images", 0, least=0) if "images" in given else None,
        place.whole(given, "results", 0, least=0) if "results" in given else None,
        place.pattern(given, "last_result"),
        place.flag(given, "failed", default=True) if "failed" in given else None,
        place.pattern(given, "earlier"),
    )


def _reply(place: _Place, value: object, user: re.Pattern[str] | None) -> tuple[Step, ...]:
    items = place.array(value, "reply", '"reply": [{"text": "…"}]')
    steps: list[Step] = []
    for number, item in enumerate(items, 1):
        at = place.at(f"step {number}")
        if steps and isinstance(steps[-1], Fail | Wait | Stop):
            kind = {Fail: "error", Wait: "wait", Stop: "stop"}[type(steps[-1])]
            raise at.wrong(f'nothing can follow "{kind}"', f'"{kind}" as the last step')
        _check_variables(at, item, user)
        steps.append(_step(at, item))
    return tuple(steps)


_EXAMPLES = {
    "text": '{"text": "Hello."}',
    "thought": '{"thought": "Let me see."}',
    "call": '{"call": "read", "arguments": {"path": "${cwd}/a.txt"}}',
    "error": '{"error": {"kind": "server", "message": "…"}}',
    "delay_s": '{"delay_s": 0.5}',
    "wait": '{"wait": true}',
    "stop": '{"stop": "length"}',
    "usage": '{"usage": {"input": 1000, "output": 20}}',
}
_BESIDE = {
    "text": ("pieces", "pause_s"),
    "thought": ("pieces", "pause_s"),
    "call": ("arguments", "pieces", "pause_s"),
}


def _step(place: _Place, value: object) -> Step:
    every = (*_EXAMPLES, "arguments", "pieces", "pause_s")
    step = place.object(value, _EXAMPLES["text"], every)
    kinds = [key for key in step if key in _EXAMPLES]
    if len(kinds) != 1:
        what = f"one step says {_listed(kinds)}" if kinds else "the step does not say what to do"
        raise place.wrong(what, f"each step with one of {_listed(list(_EXAMPLES))}")
    (kind,) = kinds
    place.object(step, _EXAMPLES[kind], (kind, *_BESIDE.get(kind, ())))
    return _one_kind(place, kind, step)


def _one_kind(place: _Place, kind: str, step: dict[str, object]) -> Step:
    match kind:
        case "text" | "thought":
            return _say(place, kind, step)
        case "call":
            return _call(place, step)
        case "error":
            return _fail(place.at("error"), step["error"])
        case "delay_s":
            return Delay(place.seconds(step, "delay_s"))
        case "wait":
            if step["wait"] is not True:
                raise place.wrong('"wait" can only be true', f"{_EXAMPLES['wait']}, or leave the step out")
            return Wait()
        case "stop":
            reason = step["stop"]
            if reason not in get_args(EndReason):
                what = f'"stop" must be {_listed(get_args(EndReason), "or")}, got {_shown(reason)}'
                raise place.wrong(what, _EXAMPLES["stop"])
            return Stop(cast(EndReason, reason))
        case _:
            return _count(place.at("usage"), step["usage"])


def _say(place: _Place, channel: Channel, step: dict[str, object]) -> Say:
    given = step[channel]
    if isinstance(given, list):
        chunks = tuple(place.text(item, channel, "…") for item in cast("list[object]", given))
        if "pieces" in step:
            raise place.wrong(f'"{channel}" is in pieces already', 'a string, or no "pieces"')
    else:
        chunks = (place.text(given, channel, "…"),)
    return Say(channel, chunks, place.whole(step, "pieces", 1, least=1), place.seconds(step, "pause_s"))


def _call(place: _Place, step: dict[str, object]) -> CallTool:
    tool = place.text(step["call"], "call", "read")
    arguments = step.get("arguments", {})
    if not isinstance(arguments, dict | str):
        what = f'"arguments" must be an object, or JSON in a string, got {_shown(arguments)}'
        raise place.wrong(what, _EXAMPLES["call"])
    return CallTool(
        tool,
        arguments if isinstance(arguments, str) else cast("dict[str, object]", arguments),
        place.whole(step, "pieces", 1, least=1),
        place.seconds(step, "pause_s"),
    )


def _fail(place: _Place, value: object) -> Fail:
    error = place.object(value, _EXAMPLES["error"], Fail._fields)
    kind = error.get("kind")
    if kind not in get_args(FailureKind):
        what = f'"kind" must be one of {_listed(get_args(FailureKind), "or")}, got {_shown(kind)}'
        raise place.wrong(what, '"kind": "server"')
    message = place.text(error.get("message"), "message", "what a person should read")
    details = place.text(error.get("details", ""), "details", "…")
    wait_s = place.seconds(error, "wait_s") if "wait_s" in error else None
    return Fail(cast(FailureKind, kind), message, details, wait_s)


def _count(place: _Place, value: object) -> Count:
    given = place.object(value, _EXAMPLES["usage"], (*Usage._fields, "cost"))
    missing = [key for key in ("input", "output") if key not in given]
    if missing:
        raise place.wrong(f"{_listed(missing)} is missing", _EXAMPLES["usage"])
    usage = Usage(*(place.whole(given, field, 0, least=0) for field in Usage._fields))
    return Count(usage, place.whole(given, "cost", 0, least=0) if "cost" in given else None)


def _check_variables(place: _Place, value: object, user: re.Pattern[str] | None) -> None:
    for text in _strings(value):
        for found in VARIABLE.finditer(text):
            group = found[1]
            if group is None:
                continue
            if user is None:
                raise place.wrong(f'{found[0]} needs a "user" condition', '"when": {"user": "^say (.*)$"}')
            if int(group) > user.groups:
                what = f'{found[0]}, but "user" has {user.groups} group(s)'
                raise place.wrong(what, "a number up to that, or another pair of parentheses")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _strings(item)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _listed(names: Iterable[str], word: str = "and") -> str:
    *first, last = [f'"{name}"' for name in names]
    return f"{', '.join(first)} {word} {last}" if first else last
