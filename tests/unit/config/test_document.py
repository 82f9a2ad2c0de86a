"""What people and editors are shown: the JSON Schema and the effective settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from jsonschema import Draft202012Validator

from acp_agent.config.document import effective
from acp_agent.config.load import Overrides
from acp_agent.config.schema import json_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.config.conftest import Place

JsonObject = dict[str, object]


@pytest.fixture(scope="module")
def complaints() -> Callable[[object], list[str]]:
    """What an editor says about settings."""
    schema: Any = json_schema()
    Draft202012Validator.check_schema(schema)
    validator: Any = Draft202012Validator(schema)
    return lambda settings: [error.message for error in validator.iter_errors(settings)]


GOOD: list[JsonObject] = [
    {},
    {"$schema": "./schema.json", "provider": "a", "providers": {"a": {"base_url": "https://x.example"}}},
    {"permission": "accept"},
    {"permission": {"mode": "yolo", "rules": [{"operation": "mcp", "pattern": "*", "action": "ask"}]}},
    {"max_agent_turns": 1, "timeouts": {"bash_secs": 0.5}, "temperature": 2, "max_tokens": None},
]
BAD: list[JsonObject] = [
    {"model": "m"},
    {"permission": "acept"},
    {"permission": {"rules": [{"operation": "mcp", "pattern": "*"}]}},
    {"max_agent_turns": 0},
    {"timeouts": {"bash_secs": "1"}},
    {"providers": {"a": {"modle": "m"}}},
    {"temperature": 2.5},
]


@pytest.mark.parametrize("settings", GOOD)
def test_schema_takes_what_loading_takes(
    complaints: Callable[[object], list[str]], place: Place, settings: JsonObject
) -> None:
    place.write_own({**settings, "provider": "openai"})
    assert place.load().problems == ()
    assert complaints(settings) == []


@pytest.mark.parametrize("settings", BAD)
def test_schema_refuses_what_loading_refuses(
    complaints: Callable[[object], list[str]], place: Place, settings: JsonObject
) -> None:
    place.write_own(settings)
    assert place.load().problems
    assert complaints(settings)


def test_every_key_is_described() -> None:
    schema = json_schema()
    objects = [schema, *cast("dict[str, JsonObject]", schema["$defs"]).values()]
    assert len(objects) == 19
    for each in objects:
        assert each["description"]
        for name, field in cast("dict[str, JsonObject]", each["properties"]).items():
            assert field.get("description") or "$ref" in field, name


def test_effective_values_name_their_source(place: Place) -> None:
    rule = {"operation": "read", "pattern": "*", "action": "ask"}
    place.write_own({"provider": "openai", "permission": {"rules": [rule]}, "timeouts": {"bash_secs": 5}})
    place.write_project({"timeouts": {"request_secs": 7}, "permission": {"rules": [rule]}})
    place.env["ACP_AGENT_MODEL"] = "m"
    lines = {line.key: line for line in effective(place.resolve(Overrides(mode="yolo")))}
    sources = {key: line.source for key, line in lines.items()}
    assert sources["provider"] == str(place.own)
    assert sources["providers.openai.model"] == "ACP_AGENT_MODEL"
    assert sources["permission.mode"] == "--mode"
    assert sources["permission.rules"] == f"{place.own}, {place.project}"
    assert sources["timeouts.bash_secs"] == str(place.own)
    assert sources["timeouts.request_secs"] == str(place.project)
    assert sources["timeouts.bash_max_secs"] == "default"
    assert str(lines["timeouts.bash_secs"]) == f"timeouts.bash_secs = 5  ({place.own})"


def test_what_was_dropped_is_not_named_as_a_source(place: Place) -> None:
    place.write_own({"max_agent_turns": 9})
    place.write_project({"max_agent_turns": -1})
    lines = {line.key: line for line in effective(place.resolve())}
    assert (lines["max_agent_turns"].value, lines["max_agent_turns"].source) == (9, str(place.own))


def test_no_secret_is_shown(place: Place) -> None:
    secret = "hunter2"
    place.write_own(
        {
            "providers": {
                "a": {
                    "provider_type": "custom",
                    "api_key": secret,
                    "api_keys": [secret, "${TOKEN}", "file:~/key"],
                    "oauth": {"client_id": "mine"},
                    "base_url": f"https://me:{secret}@models.example/v1?key={secret}#{secret}",
                    "headers": {"X-Key": secret, "Authorization": "Bearer ${TOKEN}", "X-Ref": "${TOKEN}"},
                },
                "b": {"provider_type": "custom", "api_key": "${TOKEN}"},
            }
        }
    )
    lines = effective(place.resolve())
    shown = {line.key: line.value for line in lines}
    assert secret not in json.dumps(shown)
    assert shown["providers.a.base_url"] == "https://…@models.example/v1?…"
    assert shown["providers.a.api_key"] == shown["providers.a.headers.Authorization"] == "(hidden)"
    assert shown["providers.a.api_keys"] == ["(hidden)", "${TOKEN}", "file:~/key"]
    assert shown["providers.a.oauth.client_id"] == "mine"
    assert shown["providers.a.headers.X-Ref"] == shown["providers.b.api_key"] == "${TOKEN}"
