"""Layers merge as promised, one bad key never resets the others, and a project cannot loosen anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.config.load import Overrides, load, require
from acp_agent.config.schema import MODES, PermissionSettings, Settings, outside_rules, settings_of
from acp_agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.config.conftest import Place

LOCAL = {"provider_type": "custom", "base_url": "http://localhost:8000/v1", "model": "small"}
ALLOW_ALL = {"operation": "execute", "pattern": "*", "action": "allow"}
DENY_RM = {"operation": "execute", "pattern": "rm *", "action": "deny"}

many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def test_nothing_configured(place: Place) -> None:
    loaded = place.load()
    assert loaded == (Settings(), (), (), (), None)
    assert require(loaded) is loaded.settings
    assert loaded.settings.permission.mode == "standard"
    assert loaded.settings.timeouts.stream_chunk_secs == 300


def test_own_file(place: Place) -> None:
    place.write_own({"$schema": "./schema.json", "provider": "local", "providers": {"local": LOCAL}})
    loaded = place.load()
    assert loaded.problems == ()
    assert loaded.sources == (place.own,)
    assert loaded.settings.provider == "local"
    assert loaded.settings.providers["local"].base_url == "http://localhost:8000/v1"


def test_short_form_of_permission(place: Place) -> None:
    place.write_own({"permission": "accept"})
    assert place.load().settings.permission.mode == "accept"
    assert settings_of({"permission": "yolo"}).permission.mode == "yolo"


def test_short_form_keeps_the_rules_of_the_layer_below(place: Place) -> None:
    place.write_own({"permission": {"rules": [DENY_RM]}})
    place.write_project({"permission": "restrictive"})
    permission = place.load().settings.permission
    assert permission.mode == "restrictive"
    assert [rule.pattern for rule in permission.rules] == ["rm *"]


def test_project_overrides_scalars_and_unites_maps(place: Place) -> None:
    place.write_own({"context_files": True, "timeouts": {"bash_secs": 10, "request_secs": 20}})
    place.write_project({"context_files": False, "timeouts": {"bash_secs": 30}})
    loaded = place.load()
    assert loaded.settings.context_files is False
    assert (loaded.settings.timeouts.bash_secs, loaded.settings.timeouts.request_secs) == (30, 20)
    assert loaded.sources == (place.own, place.project)
    assert (loaded.problems, loaded.notes) == ((), ())


def test_null_takes_a_value_back(place: Place) -> None:
    place.write_own({"max_tokens": None, "providers": {"local": {**LOCAL, "api_key": None}}})
    loaded = place.load()
    assert (loaded.problems, loaded.settings.max_tokens) == ((), None)


# --- the environment and flags


@pytest.fixture
def two(place: Place) -> Place:
    place.write_own({"provider": "a", "providers": {"a": LOCAL, "b": {**LOCAL, "model": "big"}}})
    return place


def chosen(place: Place, overrides: Overrides | None = None) -> tuple[str | None, str | None]:
    loaded = place.load(overrides)
    assert loaded.problems == ()
    name = loaded.settings.provider
    return name, loaded.settings.providers[name or ""].model


def test_environment_beats_the_files(two: Place) -> None:
    assert chosen(two) == ("a", "small")
    two.env |= {"ACP_AGENT_PROVIDER": "b"}
    assert chosen(two) == ("b", "big")
    two.env |= {"ACP_AGENT_MODEL": "other"}
    assert chosen(two) == ("b", "other")
    assert two.load().settings.providers["a"].model == "small"


def test_flags_beat_the_environment(two: Place) -> None:
    two.env |= {"ACP_AGENT_PROVIDER": "b", "ACP_AGENT_MODEL": "other"}
    assert chosen(two, Overrides(provider="a")) == ("a", "other")
    assert chosen(two, Overrides(provider="a", model="third")) == ("a", "third")
    assert two.load(Overrides(mode="yolo")).settings.permission.mode == "yolo"


def test_empty_variables_count_as_none(two: Place) -> None:
    two.env |= {"ACP_AGENT_PROVIDER": "", "ACP_AGENT_MODEL": ""}
    assert chosen(two) == ("a", "small")


def test_model_goes_to_the_first_provider_when_none_is_chosen(place: Place) -> None:
    place.write_own({"providers": {"a": LOCAL, "b": LOCAL}})
    models = place.load(Overrides(model="m")).settings.providers
    assert (models["a"].model, models["b"].model) == ("m", "small")


def test_model_goes_to_the_provider_whose_key_is_there(place: Place) -> None:
    place.env["OPENAI_API_KEY"] = "k"
    loaded = place.load(Overrides(model="m"))
    assert loaded.problems == ()
    assert loaded.settings.providers["openai"].model == "m"


def test_model_without_any_provider_is_a_problem(place: Place) -> None:
    place.env["ACP_AGENT_MODEL"] = "m"
    (problem,) = place.load().problems
    assert (problem.key, "ACP_AGENT_MODEL" in problem.message) == ("provider", True)
    assert "ACP_AGENT_PROVIDER" in problem.hint


def test_known_type_needs_no_entry(place: Place) -> None:
    place.env["ACP_AGENT_PROVIDER"] = "openai"
    loaded = place.load()
    assert (loaded.problems, loaded.settings.provider) == ((), "openai")


def test_unknown_mode_flag(place: Place) -> None:
    place.write_own({"permission": "restrictive"})
    loaded = place.load(Overrides(mode="yoloo"))
    assert loaded.settings.permission.mode == "restrictive"
    assert [(p.file, p.key, p.hint) for p in loaded.problems] == [
        (place.own, "permission.mode", 'did you mean "yolo"?')
    ]
    assert loaded.problems[0].message.startswith("--mode: ")


# --- what a project may not do


def test_project_cannot_choose_models_or_keys(place: Place) -> None:
    place.write_own({"provider": "a", "providers": {"a": LOCAL}})
    before = place.load().settings
    place.write_project(
        {
            "provider": "evil",
            "providers": {"a": {"base_url": "https://evil.example"}, "evil": LOCAL},
            "context_window": 5,
            "max_tokens": 5,
            "temperature": 2,
        }
    )
    loaded = place.load()
    assert loaded.settings == before
    assert loaded.problems == ()
    ignored = ["provider", "providers", "context_window", "max_tokens", "temperature"]
    assert [note.split(" ")[:2] for note in loaded.notes] == [[f"{place.project}:", key] for key in ignored]


@pytest.mark.parametrize(
    ("own", "project", "result"), [(None, 50, 50), (None, 150, 100), (30, 50, 30), (30, 7, 7)]
)
def test_project_can_only_lower_the_turns(place: Place, own: int | None, project: int, result: int) -> None:
    place.write_own({} if own is None else {"max_agent_turns": own})
    place.write_project({"max_agent_turns": project})
    loaded = place.load()
    assert loaded.settings.max_agent_turns == result
    assert bool(loaded.notes) == (project != result)


def test_project_rules_are_added_and_marked(place: Place) -> None:
    place.write_own({"permission": {"mode": "accept", "rules": [ALLOW_ALL]}})
    place.write_project({"permission": {"mode": "yolo", "rules": [DENY_RM, ALLOW_ALL]}})
    loaded = place.load()
    assert loaded.settings.permission.mode == "accept"
    assert [(rule.action, rule.only_tightens) for rule in loaded.settings.permission.rules] == [
        ("allow", False),
        ("deny", True),
    ]
    assert len(loaded.notes) == 2


def test_project_cannot_unmark_its_rules(place: Place) -> None:
    place.write_project({"permission": {"rules": [{**DENY_RM, "only_tightens": False}]}})
    assert [rule.only_tightens for rule in place.load().settings.permission.rules] == [True]


@pytest.mark.parametrize(
    ("own", "project", "result"),
    [
        ("yolo", "plan", "plan"),
        ("restrictive", "plan", "plan"),
        ("plan", "restrictive", "plan"),
        ("plan", "yolo", "plan"),
        ("restrictive", "standard", "restrictive"),
    ],
)
def test_project_can_only_tighten_the_mode(place: Place, own: str, project: str, result: str) -> None:
    place.write_own({"permission": own})
    place.write_project({"permission": project})
    loaded = place.load()
    assert loaded.settings.permission.mode == result
    assert bool(loaded.notes) == (project != result)


@pytest.mark.parametrize(
    ("own", "project", "result"),
    [
        ("off", "auto", "off"),  # in a sandbox fewer commands ask
        ("off", "required", "off"),
        ("auto", "off", "auto"),
        ("auto", "required", "required"),
        ("auto", "bwrap", "bwrap"),
        ("auto", "landlock", "auto"),
        ("required", "auto", "required"),
        ("required", "bwrap", "bwrap"),
        ("bwrap", "required", "bwrap"),
        ("landlock", "bwrap", "bwrap"),
        ("landlock", "off", "landlock"),
    ],
)
def test_project_can_only_tighten_the_sandbox(place: Place, own: str, project: str, result: str) -> None:
    place.write_own({"sandbox": own})
    place.write_project({"sandbox": project})
    loaded = place.load()
    assert loaded.settings.sandbox.mode == result
    assert bool(loaded.notes) == (project != result)


def test_project_opens_nothing_in_the_sandbox(place: Place) -> None:
    own = {"mode": "auto", "network": True, "writable": ["~/.cache"], "limits": {"memory_mib": 100}}
    place.write_own({"sandbox": own})
    limits = {"memory_mib": 200, "processes": 5}
    place.write_project({"sandbox": {"writable": ["/"], "network": False, "limits": limits}})
    loaded = place.load()
    found = loaded.settings.sandbox
    assert (found.writable, found.network) == (("~/.cache",), False)
    assert (found.limits.memory_mib, found.limits.processes) == (100, 5)
    assert len(loaded.notes) == 2
    place.write_own({"sandbox": "auto"})
    place.write_project({"sandbox": {"network": True, "limits": {"memory_mib": 200}}})
    found = place.load().settings.sandbox
    assert (found.network, found.limits.memory_mib) == (False, 200)


@pytest.mark.parametrize("folder", ["cache", "./x", "../x", "~x/y", ""])
def test_folders_of_the_sandbox_are_absolute(place: Place, folder: str) -> None:
    place.write_own({"sandbox": {"writable": [folder]}})
    assert place.load().problems


@pytest.mark.parametrize(
    "value", [{"cpus": 2}, {"limits": {"output": 1}}, {"limits": {"memory_mib": 0}}, "on", 1]
)
def test_what_the_sandbox_does_not_know_is_an_error(place: Place, value: object) -> None:
    place.write_own({"sandbox": value})
    assert place.load().problems


def test_own_file_is_not_read_again_as_a_project(place: Place) -> None:
    place.write_project({"provider": "a", "providers": {"a": LOCAL}})
    place.env["ACP_AGENT_CONFIG_DIR"] = str(place.project.parent)
    loaded = place.load()
    assert (loaded.settings.provider, loaded.notes, loaded.sources) == ("a", (), (place.project,))


JUNK: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 400) | st.text(max_size=3) | st.sampled_from(MODES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "operation": st.sampled_from(["read", "execute", "nonsense"]),
            "pattern": st.just("*"),
            "action": st.sampled_from(["allow", "ask", "deny", "Allow"]),
        },
        optional={"only_tightens": st.booleans()},
    )
    | JUNK,
    max_size=4,
)
PROJECTS: st.SearchStrategy[object] = st.dictionaries(
    st.sampled_from(Settings._fields), JUNK, max_size=8
) | st.fixed_dictionaries(
    {
        "permission": st.fixed_dictionaries({"mode": st.sampled_from(MODES) | JUNK, "rules": RULES}),
        "max_agent_turns": JUNK,
    }
)


@given(project=PROJECTS)
@many
def test_no_project_loosens_anything(new_place: Callable[[], Place], project: object) -> None:
    place = new_place()
    place.write_own(
        {
            "provider": "a",
            "providers": {"a": LOCAL},
            "max_agent_turns": 70,
            "max_tokens": 9,
            "permission": {"mode": "accept", "rules": [DENY_RM]},
        }
    )
    before = place.load().settings
    place.write_project(project)
    after = place.load().settings
    assert (after.provider, after.providers, after.max_tokens) == (before.provider, before.providers, 9)
    assert (after.context_window, after.temperature) == (None, None)
    assert after.max_agent_turns <= 70
    assert after.permission.mode in ("accept", "restrictive", "plan")
    own, added = after.permission.rules[:1], after.permission.rules[1:]
    assert own == before.permission.rules
    assert all(rule.only_tightens and rule.action != "allow" for rule in added)


# --- one bad key never resets the others

GOOD: dict[str, object] = {
    "provider": "a",
    "providers": {"a": LOCAL, "b": {**LOCAL, "headers": {"X-Team": "one"}}},
    "permission": {"mode": "restrictive", "rules": [DENY_RM, ALLOW_ALL]},
    "max_agent_turns": 7,
    "timeouts": {"bash_secs": 3, "request_secs": 4},
    "context_files": False,
    "temperature": 1,
}
LEAVES = [
    ("max_agent_turns",),
    ("context_files",),
    ("temperature",),
    ("permission", "mode"),
    ("timeouts", "bash_secs"),
    ("timeouts",),
    ("providers", "b", "base_url"),
    ("providers", "b", "headers", "X-Team"),
    ("providers", "b", "model"),
]


def put(data: object, path: tuple[str, ...], value: object) -> object:
    """`data` with `value` at `path`."""
    if not path:
        return value
    fields = cast("dict[str, object]", data)
    return {**fields, path[0]: put(fields.get(path[0], {}), path[1:], value)}


def without(data: object, path: tuple[str, ...]) -> object:
    fields = cast("dict[str, object]", data)
    if len(path) == 1:
        return {key: value for key, value in fields.items() if key != path[0]}
    return {**fields, path[0]: without(fields[path[0]], path[1:])}


@given(
    paths=st.sets(st.sampled_from(LEAVES), min_size=1, max_size=4), bad=st.sampled_from([[], "", [1], "?!"])
)
@many
def test_bad_values_cost_only_themselves(
    new_place: Callable[[], Place], paths: set[tuple[str, ...]], bad: object
) -> None:
    if bad == "?!":
        paths -= {("providers", "b", "headers", "X-Team"), ("providers", "b", "model")}
    if bad == "":
        paths -= {("providers", "b", "headers", "X-Team")}
    if ("timeouts",) in paths:
        paths -= {("timeouts", "bash_secs")}
    broken: object = GOOD
    expected: object = GOOD
    for path in paths:
        broken, expected = put(broken, path, bad), without(expected, path)
    place = new_place()
    place.write_own(expected)
    best = place.load()
    assert best.problems == ()
    place.write_own(broken)
    loaded = place.load()
    assert loaded.settings == best.settings
    assert {problem.key for problem in loaded.problems} == {".".join(path) for path in paths}


def test_bad_value_of_the_project_leaves_the_users(place: Place) -> None:
    place.write_own({"timeouts": {"bash_secs": 5}, "context_files": False})
    place.write_project({"timeouts": {"bash_secs": "long"}, "context_files": 1})
    loaded = place.load()
    assert loaded.settings.timeouts.bash_secs == 5
    assert loaded.settings.context_files is False
    assert {(problem.file, problem.key) for problem in loaded.problems} == {
        (place.project, "timeouts.bash_secs"),
        (place.project, "context_files"),
    }


def test_bad_rules_are_dropped_one_by_one_where_they_are(place: Place) -> None:
    bad = {"operation": "red", "patern": "*", "action": "deny"}
    place.write_own({"permission": {"rules": [bad, DENY_RM, 5]}})
    place.write_project({"permission": {"rules": [DENY_RM, bad]}})
    loaded = place.load()
    assert [rule.pattern for rule in loaded.settings.permission.rules] == ["rm *", "rm *"]
    assert {(problem.file, problem.key) for problem in loaded.problems} == {
        (place.own, "permission.rules.0.operation"),
        (place.own, "permission.rules.0.patern"),
        (place.own, "permission.rules.0"),
        (place.own, "permission.rules.2"),
        (place.project, "permission.rules.1.operation"),
        (place.project, "permission.rules.1.patern"),
        (place.project, "permission.rules.1"),
    }


def test_large_hostile_file_is_survived(place: Place) -> None:
    place.write_project({f"key{number}": 1 for number in range(2000)})
    loaded = place.load()
    assert len(loaded.problems) == 2000
    assert loaded.settings == Settings()


# --- require


def test_require_names_the_first_problem_and_lists_all(place: Place) -> None:
    place.write_own({"max_agent_turns": 0, "temprature": 1})
    loaded = place.load()
    with pytest.raises(ConfigError) as caught:
        require(loaded)
    error = caught.value
    assert str(place.own) in str(error)
    assert "max_agent_turns" in str(error)
    assert "1 more" in str(error)
    assert error.data is not None
    assert (error.data["file"], error.data["key"]) == (str(place.own), "max_agent_turns")
    problems = cast("list[dict[str, object]]", error.data["problems"])
    assert [each["key"] for each in problems] == ["max_agent_turns", "temprature"]
    assert "temprature" in str(error.data["details"])


def test_settings_are_read_anew_for_each_folder(place: Place) -> None:
    place.write_project({"max_agent_turns": 3})
    elsewhere = place.cwd.parent / "elsewhere"
    elsewhere.mkdir()
    assert place.load().settings.max_agent_turns == 3
    assert load(elsewhere, place.env).settings.max_agent_turns == 100


# --- permission: further forms


def test_short_names_of_rules(place: Place) -> None:
    rule = {"op": "execute", "match": "git push *", "effect": "deny", "tool": "bash"}
    place.write_own({"permission": {"rules": [rule]}})
    loaded = place.load()
    assert loaded.problems == ()
    (found,) = loaded.settings.permission.rules
    assert found == ("execute", "git push *", "deny", False, "bash", str(place.own))


def test_unknown_keys_of_rules(place: Place) -> None:
    rule = {"op": "execute", "operation": "execute", "pattern": "x", "action": "deny"}
    place.write_own({"permission": {"rules": [rule, {**rule, "op": 5, "why": "x"}]}})
    problems = place.load().problems
    assert {problem.key for problem in problems} == {
        "permission.rules.0.op",
        "permission.rules.1.op",
        "permission.rules.1.why",
    }


@pytest.mark.parametrize(
    ("said", "rules"),
    [
        ("ask", []),
        ("deny", [("/**", "deny", "read"), ("/**", "deny", "edit")]),
        ({"read": "allow"}, [("/**", "allow", "read")]),
        ([{"pattern": "~/notes/**", "action": "allow"}], [("~/notes/**", "allow", "both")]),
    ],
)
def test_places_outside(place: Place, said: object, rules: list[tuple[str, str, str]]) -> None:
    place.write_own({"permission": {"external_directory": said}})
    loaded = place.load()
    assert loaded.problems == ()
    assert list(outside_rules(loaded.settings.permission)) == rules


def test_what_a_project_may_say_of_permission(place: Place) -> None:
    place.write_own({"permission": {"external_directory": "ask", "ask_timeout_secs": 5}})
    place.write_project(
        {"permission": {"external_directory": "allow", "doom_loop": "allow", "ask_timeout_secs": 0}}
    )
    loaded = place.load()
    assert loaded.settings.permission == PermissionSettings(ask_timeout_secs=5)
    assert len(loaded.notes) == 3
    place.write_project({"permission": {"external_directory": "deny", "doom_loop": "deny"}})
    assert place.load().settings.permission.external_directory == "deny"


def test_rules_say_who_wrote_them(place: Place) -> None:
    rule = {"operation": "execute", "pattern": "make", "action": "deny"}
    place.write_own({"permission": {"rules": [rule]}})
    place.write_project({"permission": {"rules": [rule, rule]}})
    rules = place.load().settings.permission.rules
    assert [each.source for each in rules] == [str(place.own), *[str(place.project)] * 2]
