"""Each mistake people make is answered with what is wrong and what to write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from acp_agent.config.problems import Problem, dotted

if TYPE_CHECKING:
    from tests.unit.config.conftest import Place

SECRET = "sk-do-not-show"
CUSTOM = {"provider_type": "custom", "base_url": "https://models.example/v1"}


def entry(**fields: object) -> dict[str, object]:
    """Settings with one provider `p`."""
    return {"providers": {"p": {**CUSTOM, **fields}}}


CASES: list[tuple[str, dict[str, object], str, str, str]] = [
    # what, settings, key, part of the message, part of the hint
    ("legacy model", {"model": "m"}, "model", "not a key", "providers"),
    ("legacy providers", {"custom_providers": {}}, "custom_providers", "not a key", "providers"),
    ("legacy review", {"review_model": "m"}, "review_model", "not a key", "delete"),
    ("flag of old", {"yolo": True}, "yolo", "not a key", '"permission": "yolo"'),
    ("typo at the top", {"providrs": {}}, "providrs", "unknown", '"providers"'),
    ("typo below", entry(modle="m"), "providers.p.modle", "unknown", '"model"'),
    ("camel case", entry(apiKey="k"), "providers.p.apiKey", "unknown", '"api_key"'),
    (
        "typo in a name like a key",
        {"providers": {"timeouts": {**CUSTOM, "modle": 1}}},
        "providers.timeouts.modle",
        "unknown",
        '"model"',
    ),
    ("typo in timeouts", {"timeouts": {"bash_sec": 1}}, "timeouts.bash_sec", "unknown", '"bash_secs"'),
    ("misplaced timeout", {"bash_max_secs": 1}, "bash_max_secs", "wrong place", "timeouts.bash_max_secs"),
    ("misplaced url", {"base_url": "https://x"}, "base_url", "wrong place", "providers.<name>.base_url"),
    ("nothing alike", {"zzz": 1}, "zzz", "unknown", "permission"),
    ("unknown mode", {"permission": "acept"}, "permission.mode", "acept", '"accept"'),
    ("mode far off", {"permission": "x"}, "permission.mode", "standard, restrictive", "yolo"),
    ("mode of another type", {"permission": {"mode": 1}}, "permission.mode", "not a number", "restrictive"),
    ("permission a list", {"permission": []}, "permission", "must be an object, not a list", "{"),
    (
        "text for a number",
        {"max_agent_turns": "5"},
        "max_agent_turns",
        "whole number, not text",
        "without quotes",
    ),
    ("true for a number", {"max_agent_turns": True}, "max_agent_turns", "whole number, not true", "without"),
    ("fraction", {"max_agent_turns": 1.5}, "max_agent_turns", "not a number with a decimal point", "without"),
    ("number for text", entry(model=5), "providers.p.model", "must be text, not a number", "quotes"),
    ("text for true", {"context_files": "no"}, "context_files", "true or false, not text", "without quotes"),
    ("too small", {"max_agent_turns": 0}, "max_agent_turns", "at least 1, not 0", "at least 1"),
    ("too large", {"temperature": 3}, "temperature", "at most 2, not 3", "at most 2"),
    (
        "no time",
        {"timeouts": {"bash_secs": 0}},
        "timeouts.bash_secs",
        "greater than 0, not 0",
        "greater than 0",
    ),
    (
        "levels of what has none",
        {"providers": {"p": {"provider_type": "scripted", "thought_levels": ["high"]}}},
        "providers.p.thought_levels",
        "cannot be told how long to think",
        "delete",
    ),
    ("empty in a list", entry(models=[""]), "providers.p.models.0", "empty", "delete"),
    ("empty", entry(model=""), "providers.p.model", "empty", "delete"),
    ("list for a map", {"providers": []}, "providers", "must be an object, not a list", "{"),
    (
        "map for a list",
        {"permission": {"rules": {}}},
        "permission.rules",
        "must be a list, not an object",
        "[",
    ),
    (
        "half a rule",
        {"permission": {"rules": [{"operation": "read", "pattern": "*"}]}},
        "permission.rules.0",
        'no "action"',
        "add",
    ),
    (
        "plain http",
        entry(base_url="http://models.example/v1"),
        "providers.p.base_url",
        "models.example",
        "https",
    ),
    (
        "http to the network",
        entry(base_url="http://192.168.1.5/v1"),
        "providers.p.base_url",
        "192.168.1.5",
        "allow_insecure",
    ),
    (
        "looks local",
        entry(base_url="http://localhost.example/v1"),
        "providers.p.base_url",
        "unencrypted",
        "https",
    ),
    ("no proxy", {"http": {"proxy": "ftp://proxy:1"}}, "http.proxy", "not a proxy", "http://proxy.example"),
    ("port of no proxy", {"http": {"proxy": "http://h:99999"}}, "http.proxy", "not a proxy", "http://"),
    (
        "a file that is relative",
        {"http": {"ca_file": "ca.pem"}},
        "http.ca_file",
        "not an absolute path",
        "~/",
    ),
    ("no scheme", entry(base_url="models.example/v1"), "providers.p.base_url", "not an http", "https://"),
    (
        "bad port",
        entry(base_url="https://models.example:port"),
        "providers.p.base_url",
        "not a URL",
        "https://",
    ),
    ("bare variable", entry(api_key="$KEY"), "providers.p.api_key", "looks like a variable", "${NAME}"),
    ("half a brace", entry(api_key="${KEY"), "providers.p.api_key", "looks like a variable", "${NAME}"),
    ("key for its variable", entry(api_key_env=SECRET), "providers.p.api_key_env", "not the name", "api_key"),
    ("bad header", entry(headers={"X Y": "1"}), "providers.p.headers", "HTTP", "letters"),
    ("header of two lines", entry(headers={"X": "a\nb: c"}), "providers.p.headers", "control", "one line"),
    ("header a number", entry(headers={"X": 1}), "providers.p.headers.X", "must be text", "quotes"),
    (
        "unknown type",
        {"providers": {"p": {"provider_type": "opnai"}}},
        "providers.p.provider_type",
        "opnai",
        '"openai"',
    ),
    ("script elsewhere", entry(script="a.json"), "providers.p.script", "only for scripted", "provider_type"),
    (
        "no type",
        {"providers": {"p": {"model": "m"}}},
        "providers.p",
        "neither base_url nor provider_type",
        '"base_url"',
    ),
    ("no such provider", {"provider": "q", **entry()}, "provider", '"q"', "providers"),
    ("provider with a typo", {"provider": "opnai"}, "provider", "opnai", '"openai"'),
]


@pytest.mark.parametrize(
    ("settings", "key", "message", "hint"), [pytest.param(*c[1:], id=c[0]) for c in CASES]
)
def test_mistake(place: Place, settings: dict[str, object], key: str, message: str, hint: str) -> None:
    place.write_own(settings)
    problems = place.load().problems
    assert [problem.key for problem in problems] == [key]
    assert message in problems[0].message
    assert hint in problems[0].hint
    assert problems[0].file == place.own


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434/v1",
        "http://127.0.0.1/v1",
        "http://127.8.8.8/v1",
        "http://[::1]:8000/v1",
        "http://[::ffff:127.0.0.1]/v1",
        "http://models.localhost/v1",
        "https://models.example",
    ],
)
def test_endpoint_that_is_fine(place: Place, url: str) -> None:
    place.write_own(entry(base_url=url))
    assert place.load().problems == ()


def test_insecure_endpoint_that_is_allowed(place: Place) -> None:
    place.write_own(entry(base_url="http://models.example/v1", allow_insecure=True))
    assert place.load().problems == ()


@pytest.mark.parametrize("said", [False, "yes", 1, None])
def test_insecure_endpoint_is_allowed_by_true_alone(place: Place, said: object) -> None:
    place.write_own(entry(base_url="http://models.example/v1", allow_insecure=said))
    loaded = place.load()
    assert loaded.settings.providers["p"].base_url is None
    assert "providers.p.base_url" in [problem.key for problem in loaded.problems]


def test_unset_variable_matters_only_for_the_provider_in_use(place: Place) -> None:
    other = {**CUSTOM, "api_key": "${OTHER_KEY}"}
    mine = {**CUSTOM, "api_key": "${MY_KEY}", "headers": {"X-Team": "team ${MY_TEAM}"}}
    place.write_own({"provider": "mine", "providers": {"mine": mine, "other": other}})
    problems = place.load().problems
    assert [(problem.key, problem.message) for problem in problems] == [
        ("providers.mine.headers.X-Team", "the environment variable MY_TEAM is not set"),
        ("providers.mine.api_key", "the environment variable MY_KEY is not set"),
    ]
    place.env |= {"MY_KEY": SECRET, "MY_TEAM": "1"}
    loaded = place.load()
    assert loaded.problems == ()
    assert loaded.settings.providers["mine"].api_key == "${MY_KEY}", "no key is copied into the settings"


def test_no_problem_shows_a_secret(place: Place) -> None:
    place.write_own(
        {
            "providers": {
                "p": {
                    "api_key": [SECRET],
                    "api_key_env": SECRET,
                    "headers": {"A": {SECRET: 1}, "B": f"{SECRET}\n"},
                },
                "q": SECRET,
            },
            "permission": {"rules": SECRET},
        }
    )
    loaded = place.load()
    assert len(loaded.problems) >= 5
    assert SECRET not in str(loaded)


def test_settings_do_not_show_keys(place: Place) -> None:
    place.write_own(entry(api_key=SECRET, headers={"A": SECRET}))
    assert SECRET not in repr(place.load())


def test_script_is_relative_to_the_file_that_names_it(place: Place) -> None:
    place.env["HOME"] = "/home/ada"
    scripts = {"a": "a.json", "b": "~/b.json", "c": "/c.json"}
    place.write_own(
        {
            "providers": {
                name: {"provider_type": "scripted", "script": script} for name, script in scripts.items()
            }
        }
    )
    loaded = place.load()
    assert loaded.problems == ()
    found = [each.script for each in loaded.settings.providers.values()]
    assert found == [str(place.own.parent / "a.json"), "/home/ada/b.json", "/c.json"]


def test_keys_are_safe_to_print(place: Place) -> None:
    place.write_own({"\x1b[2Jgone\nfake: line": 1, "x" * 300: 1})
    shown = [str(problem) for problem in place.load().problems]
    assert len(shown) == 2
    assert all(line.isprintable() and len(line) < 300 + len(str(place.own)) for line in shown)


def test_values_are_safe_to_print(place: Place) -> None:
    place.write_own({"permission": "\x1b[2Jyo\n" + "x" * 300})
    (problem,) = place.load().problems
    assert problem.message.isprintable()
    assert "x" * 100 not in problem.message


def test_problem_as_text() -> None:
    file = Path("/c.json")
    assert str(Problem(file, "a.b", "is wrong", "mend it")) == "/c.json: a.b: is wrong"
    assert str(Problem(file, "", "is wrong", "mend it", 3)) == "/c.json:3: is wrong"
    assert dotted(("permission", "rules", 0)) == "permission.rules.0"
