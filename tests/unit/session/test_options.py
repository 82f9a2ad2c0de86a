"""The options of a session: what there is, what a choice changes, and what comes back from a journal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent import events
from acp_agent.errors import AuthRequired, InvalidParams
from acp_agent.models.catalogue.providers import provider_types
from acp_agent.models.keys import Key
from acp_agent.models.naming import Resolved
from acp_agent.models.routes import Route
from acp_agent.models.routing import Asked
from acp_agent.permission.gate import MODES, Gate, Mode, Unattended
from acp_agent.session.options import Defaults, Options, Ways
from acp_agent.session.records import from_json, to_json
from acp_agent.workspace.confining import Chosen, Confining, Surroundings
from acp_agent.workspace.sandbox import Found

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.stream import StreamEvent
    from acp_agent.workspace.sandbox import Mode as SandboxMode


def route(alias: str, model: str, *levels: str) -> Route:
    return Route(
        alias=alias, provider=provider_types()["custom"], base_url="http://127.0.0.1:9", model=model,
        key=Key(None, "none"), headers={}, window=1000, request_limit_s=1, silence_limit_s=1,
        thought_levels={level: {"effort": level} for level in levels},
    )  # fmt: skip


ROUTES = [
    route("one", "plain"),
    route("one", "deep", "low", "high"),
    route("two", "deep", "none", "high", "xhigh"),
]


BEYOND = route("three", "rare")
"""Can be had, but is not offered."""


class Connected:
    """A model that remembers its route and is never asked."""

    def __init__(self, found: Route, level: str) -> None:
        self.route = found.thinking(level)
        self.name, self.window, self.sees = found.name, found.window, found.vision

    def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        raise AssertionError(f"asked: {request}")


def make(mode: Mode = "standard", routes: Sequence[Route] = ROUTES, **defaults: Any) -> Options:
    gate = Gate((), mode, Unattended())

    def named(text: str) -> Route:
        for each in (*routes, BEYOND):
            if text == each.name:
                return each
        raise AuthRequired(f"there is no provider for {text!r}")

    return Options(gate, routes, Ways(Connected, found, named), Defaults()._replace(**defaults))


def found(text: str, offered: Sequence[Route]) -> Resolved:
    """As models.naming does for what it does not know."""
    if text == "gpt-impossible":
        raise InvalidParams("one has no model 'gpt-impossible'; it has plain, deep.")
    return Resolved(route(offered[0].alias, text), unrecognised=True)


def now(options: Options) -> dict[str, str | bool]:
    return {option.id: option.current for option in options.all()}


def choices(options: Options, option_id: str) -> list[str]:
    (option,) = [option for option in options.all() if option.id == option_id]
    return [choice.value for choice in option.choices]


def asked(options: Options) -> tuple[str, object]:
    """The model that the next request would go to, and what that would say beside the usual."""
    model = options.model
    assert isinstance(model, Connected)
    return model.name, dict(model.route.extra)


def test_auto_does_without_a_model_that_cannot_be_used() -> None:
    options = make(roles={"smol": "gone/m", "slow": "two/deep"})
    options.choose("model", "auto")
    why = options.begin_prompt(Asked("hello", 1))
    assert why.startswith("Auto: one/plain (smol; ")
    assert "there is no provider for 'gone/m'" in why
    assert asked(options)[0] == "one/plain"


def test_the_options_there_are() -> None:
    assert now(make()) == {
        "mode": "standard",
        "model": "one/plain",
        "thought_level": "default",
        "show_thoughts": True,
        "project_instructions": True,
    }
    assert choices(make(), "mode") == [mode.id for mode in MODES]
    (model,) = [option for option in make().all() if option.id == "model"]
    assert [(each.value, each.name, each.group) for each in model.choices] == [
        ("one/plain", "plain", "one"),
        ("one/deep", "deep", "one"),
        ("two/deep", "deep", "two"),
    ]


def test_defaults_hold_where_they_can() -> None:
    found = now(
        make("plan", ROUTES[1:], thought_level="high", show_thoughts=False, project_instructions=False)
    )
    assert list(found.values()) == ["plan", "one/deep", "high", False, False]
    assert now(make(thought_level="high"))["thought_level"] == "default"


def test_a_level_counts_from_the_next_request() -> None:
    options = make(routes=ROUTES[1:])
    assert asked(options) == ("one/deep", {})
    assert options.choose("thought_level", "high") == ("thought_level",)
    assert asked(options) == ("one/deep", {"effort": "high"})
    assert options.model is options.model


def test_another_model_has_other_levels() -> None:
    options = make()
    assert choices(options, "thought_level") == ["default"]
    assert options.choose("model", "one/deep") == ("model",)
    assert choices(options, "thought_level") == ["default", "low", "high"]
    options.choose("thought_level", "high")
    assert options.choose("model", "two/deep") == ("model",)
    assert asked(options) == ("two/deep", {"effort": "high"})
    options.choose("thought_level", "xhigh")
    assert options.choose("model", "one/deep") == ("model", "thought_level")
    assert now(options)["thought_level"] == "default"
    assert asked(options) == ("one/deep", {})


@pytest.mark.parametrize(
    ("given_value", "value"),
    [("on", True), ("true", True), (True, True), ("off", False), ("false", False), (False, False)],
)
def test_a_switch_takes_words_too(given_value: str | bool, value: bool) -> None:
    options = make(show_thoughts=not value)
    assert options.choose("show_thoughts", given_value) == ("show_thoughts",)
    assert now(options)["show_thoughts"] is value
    assert options.choose("show_thoughts", given_value) == ()


@pytest.mark.parametrize(
    ("option_id", "value", "says"),
    [
        ("modle", "x", "mode, model, thought_level, show_thoughts, project_instructions"),
        ("mode", "x", "standard, restrictive, accept, yolo, plan"),
        ("mode", True, "standard, restrictive"),
        ("model", "gpt-impossible", "plain, deep"),
        ("thought_level", "high", "it can be: default"),
        ("show_thoughts", "yes", "on, off"),
        ("show_thoughts", "", "on, off"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(
    option_id: str, value: str | bool, says: str
) -> None:
    options = make()
    before = now(options)
    with pytest.raises(InvalidParams, match=says):
        options.choose(option_id, value)
    assert now(options) == before


def test_a_model_that_nobody_knows_is_taken_and_said_to_be_so() -> None:
    options = make()
    assert options.choose("model", "brand-new") == ("model",)
    assert now(options)["model"] == "one/brand-new"
    (option,) = [each for each in options.all() if each.id == "model"]
    (choice,) = [each for each in option.choices if each.value == "one/brand-new"]
    assert choice.description == "Not recognised, taken as it is. 127.0.0.1:9, no key"
    assert [each.description for each in option.choices if each is not choice] == [None] * len(ROUTES)


def test_a_model_that_was_not_offered_comes_back() -> None:
    chosen = events.OptionsChanged((events.Option("model", "Model", "model", BEYOND.name),), ("model",))
    options = make()
    assert options.restore([chosen]) == []
    assert now(options)["model"] == BEYOND.name


def test_thoughts_are_kept_from_who_watches_but_nothing_else_is() -> None:
    seen: list[events.Event] = []
    options = make()
    listener = options.watched_by(seen.append)
    thought, text = events.ThoughtDelta("m", "hm"), events.TextDelta("m", "so")
    for value in (True, False):
        options.choose("show_thoughts", value)
        listener(thought)
        listener(text)
    assert seen == [thought, text, text]


# What comes back ----------------------------------------------------------------------------

VALUES = {
    "mode": [mode.id for mode in MODES],
    "model": [each.name for each in ROUTES],
    "thought_level": ["default", "none", "low", "high", "xhigh"],
    "show_thoughts": [True, False, "on", "off"],
    "project_instructions": [True, False],
}
changes = st.lists(
    st.sampled_from(list(VALUES)).flatmap(
        lambda option_id: st.tuples(st.just(option_id), st.sampled_from(VALUES[option_id]))
    ),
    max_size=12,
)


def journalled(options: Options, wanted: Sequence[tuple[str, str | bool]]) -> list[events.Event]:
    """The events of those changes, as a journal gives them back; what cannot be chosen then is left out."""
    kept: list[events.Event] = []
    for option_id, value in wanted:
        try:
            changed = options.choose(option_id, value)
        except InvalidParams:
            continue
        if changed and option_id == "mode":
            kept.append(events.ModeChanged(str(value)))
        if changed:
            kept.append(events.OptionsChanged(options.all(), changed))
    return [read(event) for event in kept]


def read(event: events.Event) -> events.Event:
    found = from_json(json.loads(json.dumps(to_json(event))))
    assert isinstance(found, events.ModeChanged | events.OptionsChanged)
    return found


@given(changes, st.sampled_from([mode.id for mode in MODES]), st.booleans())
def test_what_was_changed_is_as_it_was(
    wanted: list[tuple[str, str | bool]], mode: Mode, show_thoughts: bool
) -> None:
    before, after = (make(mode, ROUTES, thought_level="high", show_thoughts=show_thoughts) for _ in range(2))
    story = journalled(before, wanted)
    troubles = after.restore(story)
    last = now(before)
    if last["mode"] == "yolo" != mode:
        assert len(troubles) == 1
        last["mode"] = mode
    else:
        assert troubles == []
    assert now(after) == last
    assert asked(after) == asked(before)


@given(changes)
def test_a_session_with_other_models_keeps_what_it_can(wanted: list[tuple[str, str | bool]]) -> None:
    after = make(routes=ROUTES[:1])
    story = journalled(make(), wanted)
    troubles = after.restore(story)
    found = now(after)
    assert (found["model"], found["thought_level"]) == ("one/plain", "default")
    assert len(troubles) <= 3


def test_what_was_not_changed_follows_the_settings() -> None:
    story = journalled(make(), [("model", "one/deep")])
    after = make("restrictive", show_thoughts=False)
    assert after.restore(story) == []
    assert now(after) == {**now(make("restrictive", show_thoughts=False)), "model": "one/deep"}


def test_a_model_that_is_gone_is_said() -> None:
    story = journalled(make(), [("model", "two/deep"), ("thought_level", "xhigh")])
    after = make(routes=ROUTES[:2])
    troubles = after.restore(story)
    assert [trouble.split(" cannot")[0] for trouble in troubles] == ["Model", "Thinking"]
    assert "'two/deep'" in troubles[0]
    assert "'one/plain'" in troubles[0]


@pytest.mark.parametrize(
    ("settings", "journal", "result"),
    [
        ("standard", "yolo", "standard"),
        ("plan", "yolo", "plan"),
        ("yolo", "yolo", "yolo"),
        ("yolo", "plan", "plan"),
        ("standard", "accept", "accept"),
        ("standard", "nonsense", "standard"),
    ],
)
def test_yolo_does_not_come_back_by_itself(settings: Mode, journal: str, result: str) -> None:
    options = make(settings)
    troubles = options.restore([events.ModeChanged(journal)])
    assert now(options)["mode"] == result
    assert len(troubles) == (journal != result)


OLD_JOURNAL = """
{"type":"ModeChanged","mode_id":"accept"}
{"type":"OptionsChanged","options":[
  {"type":"Option","id":"mode","name":"Permissions","category":"mode","current":"accept",
   "choices":[{"type":"Choice","value":"standard","name":"Standard"}]},
  {"type":"Option","id":"model","name":"Model","category":"model","current":"one/deep",
   "choices":[{"type":"Choice","value":"one/deep","name":"deep","description":"one"}]}]}
"""


def test_a_journal_from_before_there_were_so_many_options() -> None:
    old = OLD_JOURNAL.replace("\n ", " ").strip().split("\n")
    options = make()
    assert options.restore([read_line(line) for line in old]) == []
    assert now(options) == {**now(make()), "mode": "accept", "model": "one/deep"}


def read_line(line: str) -> events.Event:
    found = from_json(json.loads(line))
    assert isinstance(found, events.ModeChanged | events.OptionsChanged)
    return found


def test_options_of_a_later_version_are_left_alone() -> None:
    later = events.Option("colour", "Colour", None, "red")
    options = make()
    assert options.restore([events.OptionsChanged((later,), ("colour",))]) == []
    assert now(options) == now(make())


# The sandbox -------------------------------------------------------------------------------------------


def confined(mode: SandboxMode, found: Found | None = None) -> Options:
    async def find(_: SandboxMode) -> Found:
        return found or Found(None, "bwrap: it is not there")

    options = make()
    options.confining = Confining(Chosen(mode), Surroundings(()), find)
    return options


def shown(options: Options) -> dict[str, str]:
    (option,) = [option for option in options.all() if option.id == "sandbox"]
    return {choice.value: choice.name for choice in option.choices}


async def test_the_sandbox_shows_what_it_came_to() -> None:
    options = confined("off")
    assert shown(options) == {"off": "Off", "auto": "Auto", "required": "Required"}
    assert options.choose("sandbox", "auto") == ("sandbox",)
    assert shown(options)["auto"] == "Auto"
    assert options.confining
    await options.confining.ready()
    assert shown(options)["auto"] == "Auto (none works here)"
    assert list(shown(confined("landlock"))) == ["off", "auto", "required", "landlock"]
    with pytest.raises(InvalidParams, match="off, auto, required"):
        options.choose("sandbox", "bwrap")


@pytest.mark.parametrize(
    ("settings", "journal", "now_it_is"),
    [
        ("off", "auto", "auto"),
        ("off", "required", "required"),
        ("auto", "off", "auto"),
        ("required", "auto", "required"),
        ("landlock", "off", "landlock"),
        ("auto", "nonsense", "auto"),
        ("auto", "required", "required"),
    ],
)
def test_no_weaker_sandbox_comes_back(settings: SandboxMode, journal: str, now_it_is: str) -> None:
    option = events.Option("sandbox", "Sandbox", None, journal)
    options = confined(settings)
    trouble = options.restore([events.OptionsChanged((option,), ("sandbox",))])
    assert now(options)["sandbox"] == now_it_is
    assert bool(trouble) == (journal != now_it_is)
