"""One source: the schema file, the values made from it and the page about it say the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

import pytest
from jsonschema import Draft202012Validator

from acp_agent.config import schema as room
from acp_agent.config.checker import ANNOTATIONS, KEYWORDS, faults, resolved
from acp_agent.config.problems import describe
from acp_agent.config.schema import ProviderEntry, Settings, json_schema, schema_text, settings_of
from acp_agent.config.values import CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.config.checker import Schema
    from tests.unit.config.conftest import Place

ROOT = json_schema()
PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")

EVERY_KEY: dict[str, Any] = {
    "$schema": "./schema.json",
    "provider": "mine",
    "providers": {
        "mine": {
            "provider_type": "custom",
            "base_url": "http://models.example/v1",
            "allow_insecure": True,
            "model": "large",
            "models": ["small"],
            "thought_levels": ["low", "high"],
            "api_key": "${MY_KEY}",
            "api_key_env": "MY_KEY",
            "api_keys": ["${MY_KEY}"],
            "pool": "round_robin",
            "account": "work",
            "oauth": {
                "client_id": "abc",
                "authorize_url": "https://models.example/authorize",
                "token_url": "https://models.example/token",
                "device_url": "https://models.example/device",
                "scopes": ["inference"],
            },
            "protocol": "anthropic",
            "model_info": {
                "large": {
                    "context_window": 64000,
                    "max_output": 8000,
                    "price": {"input": 1, "output": 2.5, "cache_read": 0.1, "cache_write": 1.25},
                    "vision": True,
                    "thought_levels": ["low"],
                }
            },
            "temperature": 0.2,
            "max_tokens": 4000,
            "flat_tools": True,
            "context_window": 32000,
            "headers": {"X-Team": "${MY_KEY}"},
            "stream_chunk_timeout_secs": 30,
            "vision": False,
        },
        "replay": {"provider_type": "scripted", "script": "replay.json"},
    },
    "roles": {"smol": "mine/small"},
    "fallback": ["mine/small"],
    "routing": {"low": 10, "high": 60, "keywords": {"kernel": 12}},
    "budget": {"session": {"warn": 0.5, "stop": 1}, "day": {"stop": 10}},
    "retries": 2,
    "when_limited": "wait",
    "http": {"proxy": "http://proxy.example:3128", "ca_file": "~/ca.pem"},
    "permission": {
        "mode": "accept",
        "rules": [
            {
                "operation": "execute",
                "pattern": "git *",
                "action": "deny",
                "only_tightens": True,
                "tool": "bash",
            }
        ],
        "external_directory": [{"pattern": "~/notes/**", "action": "allow", "operation": "read"}],
        "doom_loop": "ask",
        "ask_timeout_secs": 60,
    },
    "mcp_servers": {
        "files": {"command": "files-server", "args": ["--here"], "env": {"TOKEN": "${MY_KEY}"}},
        "far": {"url": "https://mcp.example/sse", "type": "sse", "headers": {"X-Key": "k"}, "enabled": False},
    },
    "environment": {"pass": ["MY_*"]},
    "max_agent_turns": 5,
    "timeouts": {
        "stream_chunk_secs": 1,
        "request_secs": 2,
        "tool_gap_secs": 5,
        "bash_secs": 3,
        "bash_max_secs": 4,
        "sign_of_life_secs": 0.5,
        "mcp_start_secs": 6,
        "mcp_call_secs": 7,
    },
    "remote": {"keep_secs": 60},
    "context_window": 16000,
    "context_files": False,
    "max_tokens": 1000,
    "max_thought_tokens": 2000,
    "temperature": 0.7,
    "show_command_changes": False,
    "terminal": "editor",
    "sandbox": {
        "mode": "auto",
        "network": True,
        "writable": ["~/.cache/tool", "/srv/data"],
        "limits": {"memory_mib": 4096, "processes": 100, "file_mib": 10, "cpu_secs": 60},
    },
    "thought_level": "high",
    "show_thoughts": False,
    "slash_aliases": {"m": "model"},
}


class Kind(NamedTuple):
    """A kind of object in the settings: where the schema has it, and where EVERY_KEY and the page do."""

    type: type[tuple[object, ...]]
    schema: Schema
    examples: list[dict[str, Any]]
    heading: str | None
    """None where the page has no table."""


KINDS = [
    Kind(Settings, ROOT, [EVERY_KEY], "## Keys"),
    Kind(
        ProviderEntry,
        ROOT["$defs"]["ProviderEntry"],
        list(EVERY_KEY["providers"].values()),
        "### `providers.<name>`",
    ),
    Kind(
        room.McpServerEntry,
        ROOT["$defs"]["McpServerEntry"],
        list(EVERY_KEY["mcp_servers"].values()),
        "### `mcp_servers.<name>`",
    ),
    Kind(room.PermissionSettings, ROOT["$defs"]["PermissionSettings"], [EVERY_KEY["permission"]], None),
    Kind(room.PermissionRule, ROOT["$defs"]["PermissionRule"], EVERY_KEY["permission"]["rules"], None),
    Kind(
        room.OutsideRule,
        ROOT["$defs"]["OutsideRule"],
        EVERY_KEY["permission"]["external_directory"],
        None,
    ),
    Kind(room.OAuthClient, ROOT["$defs"]["OAuthClient"], [EVERY_KEY["providers"]["mine"]["oauth"]], None),
    Kind(
        room.ModelInfo,
        ROOT["$defs"]["ModelInfo"],
        list(EVERY_KEY["providers"]["mine"]["model_info"].values()),
        None,
    ),
    Kind(
        room.PriceEntry,
        ROOT["$defs"]["PriceEntry"],
        [each["price"] for each in EVERY_KEY["providers"]["mine"]["model_info"].values()],
        None,
    ),
    Kind(room.Routing, ROOT["$defs"]["Routing"], [EVERY_KEY["routing"]], "### `routing`"),
    Kind(room.Budget, ROOT["$defs"]["Budget"], [EVERY_KEY["budget"]], None),
    Kind(
        room.SpendingLimit, ROOT["$defs"]["SpendingLimit"], list(EVERY_KEY["budget"].values()), "### `budget`"
    ),
    Kind(room.Http, ROOT["$defs"]["Http"], [EVERY_KEY["http"]], "### `http`"),
    Kind(room.Environment, ROOT["$defs"]["Environment"], [EVERY_KEY["environment"]], None),
    Kind(room.SandboxSettings, ROOT["$defs"]["SandboxSettings"], [EVERY_KEY["sandbox"]], "### `sandbox`"),
    Kind(
        room.CommandLimits,
        ROOT["$defs"]["CommandLimits"],
        [EVERY_KEY["sandbox"]["limits"]],
        "### `sandbox.limits`",
    ),
    Kind(room.Timeouts, ROOT["$defs"]["Timeouts"], [EVERY_KEY["timeouts"]], "### `timeouts`"),
    Kind(room.Remote, ROOT["$defs"]["Remote"], [EVERY_KEY["remote"]], "### `remote`"),
]
NOT_WRITTEN = {(room.PermissionRule, "source")}
"""Fields that whoever reads the file adds."""
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type.__name__)


def keys_of(kind: Kind) -> set[str]:
    return set(kind.schema["properties"]) - {"$schema"}


@each_kind
def test_fields_are_the_properties(kind: Kind) -> None:
    fields: tuple[str, ...] = cast("Any", kind.type)._fields
    written = [key.removesuffix("_") for key in fields if (kind.type, key) not in NOT_WRITTEN]
    assert written == [key for key in kind.schema["properties"] if key != "$schema"]


@each_kind
def test_defaults_are_those_of_the_schema(kind: Kind) -> None:
    fields: dict[str, object] = cast("Any", kind.type)._field_defaults
    defaults = {field.removesuffix("_"): value for field, value in fields.items()}
    properties: dict[str, Schema] = kind.schema["properties"]
    said = {key: each["default"] for key, each in properties.items() if "default" in each}
    defaults = {key: value for key, value in defaults.items() if (kind.type, key) not in NOT_WRITTEN}
    assert set(said) == set(defaults) == keys_of(kind) - set(kind.schema.get("required", ()))
    for key, value in said.items():
        assert faults(value, {**properties[key], "$defs": ROOT["$defs"]}) == [], key
    if kind.type is Settings:
        assert settings_of(said) == Settings()
    elif kind.type in (room.SandboxSettings, room.Budget):
        assert settings_of({"sandbox" if kind.type is room.SandboxSettings else "budget": said}) == Settings()
    else:
        assert {key: () if value == [] else value for key, value in said.items()} == defaults


def test_literals_are_the_enums() -> None:
    rule = ROOT["$defs"]["PermissionRule"]["properties"]
    assert list(room.MODES) == ROOT["$defs"]["PermissionSettings"]["properties"]["mode"]["enum"]
    assert list(get_args(room.Operation)) == rule["operation"]["enum"]
    assert list(get_args(room.Action)) == rule["action"]["enum"]
    server = ROOT["$defs"]["McpServerEntry"]["properties"]
    entry = ROOT["$defs"]["ProviderEntry"]["properties"]
    assert list(get_args(room.Pool)) == entry["pool"]["anyOf"][0]["enum"]
    assert list(get_args(room.WhenLimited)) == ROOT["properties"]["when_limited"]["enum"]
    assert list(get_args(room.ServerType)) == server["type"]["enum"]
    assert list(get_args(room.SandboxMode)) == ROOT["$defs"]["SandboxSettings"]["properties"]["mode"]["enum"]


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=kind.type.__name__) for kind in KINDS if kind.heading]
)
def test_the_page_has_a_row_for_every_key(kind: Kind) -> None:
    section = PAGE.split(f"\n{kind.heading}\n")[1].split("\n#")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == keys_of(kind)


# --- a file with every key


@each_kind
def test_the_example_has_every_key(kind: Kind) -> None:
    used = {key for example in kind.examples for key in example}
    assert used - {"$schema"} == keys_of(kind)


def test_the_example_is_valid(place: Place) -> None:
    place.env["MY_KEY"] = "k"
    place.write_own(EVERY_KEY)
    loaded = place.load()
    assert loaded.problems == ()
    assert faults(EVERY_KEY, ROOT) == []
    validator: Any = Draft202012Validator(ROOT)
    assert validator.is_valid(EVERY_KEY)
    for kind in (loaded.settings, loaded.settings.timeouts, loaded.settings.permission):
        defaults = kind._field_defaults
        assert [key for key, value in kind._asdict().items() if value == defaults.get(key)] == []


# --- the file itself


def parts(schema: Schema) -> Iterator[Schema]:
    """The schema and all that are in it."""
    yield schema
    inner: list[object] = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    inner += [*schema.get("anyOf", []), schema.get("items"), schema.get("additionalProperties")]
    for each in inner:
        if isinstance(each, dict):
            yield from parts(cast("Schema", each))


def test_the_schema_uses_only_what_the_checker_knows() -> None:
    for part in parts(ROOT):
        said = set(part) - ANNOTATIONS
        assert said <= KEYWORDS, part
        assert len(said) == 1 or not said & {"$ref", "anyOf"}, part
        assert set(part.get("required", ())) <= set(part.get("properties", ())), part
        assert part.get("minLength", 1) == 1, "the message says that it is empty"
        assert all(isinstance(each, str) for each in part.get("enum", ())), part
        assert resolved(part, ROOT)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(ROOT)
    assert json.loads(schema_text()) == ROOT
    assert schema_text().endswith("}\n")


WRONG_FOR_EACH_KEYWORD: list[dict[str, object]] = [
    {"$schema": 1},
    {"provider": ""},
    {"provider": "\ud800"},
    {"zzz": 1},
    {"max_agent_turns": 0},
    {"temperature": 3},
    {"temperature": float("inf")},
    {"timeouts": {"bash_secs": 0}},
    {"permission": {"mode": "x", "rules": [{}]}},
]


def test_there_is_a_text_for_every_keyword() -> None:
    found = [fault for data in WRONG_FOR_EACH_KEYWORD for fault in faults(data, ROOT)]
    structure = {"$ref", "anyOf", "properties", "items"}
    assert {fault.keyword for fault in found} == (KEYWORDS - structure) | {"finite", "unicode"}
    for fault in found:
        finding = describe(fault, ROOT)
        assert finding.message
        assert finding.hint


def test_checks_are_of_keys_there_are() -> None:
    for pattern in CHECKS:
        schema = ROOT
        for part in pattern:
            schema = resolved(schema, ROOT)
            schema = resolved(schema.get("anyOf", [schema])[0], ROOT)
            schema = schema["additionalProperties"] if part == "*" else schema["properties"][part]


# --- values


def test_secrets_are_not_shown() -> None:
    entry = ProviderEntry(model="m", api_key="hunter2", headers={"X-Key": "hunter2"})
    for text in (repr(entry), str(entry), f"{entry}", repr(Settings(providers={"a": entry}))):
        assert "hunter2" not in text
        assert "model='m'" in text


def test_secrets_of_servers_are_not_shown() -> None:
    entry = room.McpServerEntry("run", ("hunter2",), {"K": "hunter2"}, headers={"X-Key": "hunter2"})
    assert "hunter2" not in repr(Settings(mcp_servers={"a": entry}))
    assert "command='run'" in repr(entry)


def test_defaults_cannot_be_changed() -> None:
    servers = (Settings().mcp_servers, room.McpServerEntry().env, room.McpServerEntry().headers)
    for mapping in (Settings().providers, ProviderEntry().headers, *servers):
        with pytest.raises(TypeError):
            cast("dict[str, object]", mapping)["a"] = 1


def test_texts_for_what_no_number_or_text_can_be(place: Place) -> None:
    place.own.write_text(
        '{"temperature": 1e999, "timeouts": {"bash_secs": 1' + "0" * 400 + "},"
        ' "provider": "\\ud800", "providers": {"\\udfff": {}}}',
        encoding="utf-8",
    )
    loaded = place.load()
    assert loaded.settings == Settings()
    shown = {problem.key: problem.message for problem in loaded.problems}
    assert shown.pop("provider") == shown.pop('providers."\\udfff"')
    assert shown == dict.fromkeys(["timeouts.bash_secs", "temperature"], "is beyond what a number can be")
    assert all(str(problem).isprintable() for problem in loaded.problems)


NOT_FOR_GOOD_SETTINGS = {"copy", "dataclasses", "difflib", "jsonschema", "pydantic", "pydantic_core"}


def test_good_settings_load_nothing_heavy(place: Place) -> None:
    place.write_own({"provider": "a", "providers": {"a": {"provider_type": "custom", "model": "m"}}})
    code = (
        "import sys; from pathlib import Path; before = set(sys.modules)\n"
        "from acp_agent.config.load import load\n"
        "assert load(Path(sys.argv[1]), {'ACP_AGENT_CONFIG_DIR': sys.argv[2]}).problems == ()\n"
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(place.cwd), str(place.own.parent)],
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=30,
    )
    assert set(done.stdout.split()) & NOT_FOR_GOOD_SETTINGS == set()
