"""Settings and environment → which models can be asked, and how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from acp_agent.config.load import load, require
from acp_agent.config.schema import ProviderEntry, Settings
from acp_agent.errors import AuthRequired
from acp_agent.models.routes import DEFAULT_WINDOW, Route, active_alias, routes, window_of
from acp_agent.models.routes import route as route_to

if TYPE_CHECKING:
    from pathlib import Path


def routed(tmp_path: Path, settings: dict[str, object], **env: str) -> tuple[Route, ...]:
    (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    env["ACP_AGENT_CONFIG_DIR"] = str(tmp_path)
    return routes(require(load(tmp_path, env)), env)


LOCAL = {"provider_type": "custom", "base_url": "http://127.0.0.1:9/v1/", "model": "m"}


def test_an_endpoint_takes_four_lines(tmp_path: Path) -> None:
    (route,) = routed(tmp_path, {"providers": {"local": LOCAL}})
    assert (route.name, route.base_url, route.key.value) == ("local/m", "http://127.0.0.1:9/v1", None)
    assert route.window == DEFAULT_WINDOW


def test_the_active_provider_comes_first_and_one_without_key_is_not_offered(tmp_path: Path) -> None:
    providers = {"local": LOCAL, "openai": {"model": "gpt-5"}, "deepseek": {}}
    found = routed(tmp_path, {"provider": "openai", "providers": providers}, OPENAI_API_KEY="k")
    assert [route.name for route in found] == ["openai/gpt-5", "local/m"]
    assert found[0].key == ("k", "$OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("env", "alias"),
    [
        ({"OPENAI_API_KEY": "a", "DEEPSEEK_API_KEY": "b"}, "deepseek"),
        ({"OPENROUTER_API_KEY": "a", "ZHIPU_API_KEY": "b"}, "glm"),
        ({"OPENAI_API_KEY": ""}, None),
        ({}, None),
    ],
)
def test_keys_in_the_environment_are_found_in_order(
    tmp_path: Path, env: dict[str, str], alias: str | None
) -> None:
    env = {**env, "ACP_AGENT_CONFIG_DIR": str(tmp_path)}
    assert active_alias(require(load(tmp_path, env)), env) == alias


def test_where_a_key_comes_from(tmp_path: Path) -> None:
    entry = {**LOCAL, "api_key": "${MINE}", "headers": {"X-Team": "${TEAM}"}}
    (route,) = routed(tmp_path, {"providers": {"local": entry}}, MINE="secret", TEAM="editors")
    assert route.key == ("secret", "providers.local.api_key")
    assert route.headers == {"X-Team": "editors"}
    entry = {**LOCAL, "api_key_env": "MINE"}
    assert routed(tmp_path, {"providers": {"local": entry}}, MINE="secret")[0].key == ("secret", "$MINE")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"provider": "openai"}, "Set OPENAI_API_KEY"),
        ({"provider": "glm"}, "GLM_API_KEY or ZHIPU_API_KEY"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, settings: dict[str, object], says: str) -> None:
    with pytest.raises(AuthRequired, match=says):
        routed(tmp_path, settings)


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("deepseek-v4-pro", 1_000_000),
        ("deepseek-chat", 128_000),
        ("glm-4.6", 200_000),
        ("anthropic/claude-3.5-sonnet", 200_000),
        ("Qwen2.5-Coder", 32_000),
        ("nobody-knows", DEFAULT_WINDOW),
    ],
)
def test_windows_are_known_by_name(model: str, tokens: int) -> None:
    assert window_of(model) == tokens


def test_a_provider_offers_its_list_of_models_once_each(tmp_path: Path) -> None:
    entry = {**LOCAL, "models": ["n", "m", "n", "o"]}
    found = routed(tmp_path, {"providers": {"local": entry, "other": {**LOCAL, "model": "x"}}})
    assert [route.name for route in found] == ["local/m", "local/n", "local/o", "other/x"]
    del entry["model"]
    assert [route.model for route in routed(tmp_path, {"providers": {"local": entry}})] == ["n", "m", "o"]


def test_levels_of_the_settings_beat_what_is_known(tmp_path: Path) -> None:
    entry = {**LOCAL, "models": ["gpt-oss:20b"]}
    found = routed(tmp_path, {"providers": {"local": entry}})
    assert [list(route.thought_levels) for route in found] == [[], ["low", "medium", "high"]]
    found = routed(tmp_path, {"providers": {"local": {**entry, "thought_levels": ["low", "max"]}}})
    assert [list(route.thought_levels) for route in found] == [["low", "max"]] * 2
    assert found[0].extra == found[0].thinking("default").extra == {}
    assert found[0].thinking("max").extra == {"reasoning_effort": "max"}


def test_limits_reach_the_route(tmp_path: Path) -> None:
    settings: dict[str, object] = {
        "providers": {"local": {**LOCAL, "context_window": 10, "stream_chunk_timeout_secs": 7}},
        "timeouts": {"request_secs": 3},
        "max_tokens": 5,
        "temperature": 0.5,
    }
    (route,) = routed(tmp_path, settings)
    assert (route.window, route.silence_limit_s, route.request_limit_s) == (10, 7, 3)
    assert (route.max_tokens, route.temperature) == (5, 0.5)


def test_a_key_loses_the_line_break_it_was_pasted_with(tmp_path: Path) -> None:
    (route,) = routed(tmp_path, {"providers": {"local": {**LOCAL, "api_key": "${MINE}"}}}, MINE="secret\r\n")
    assert route.key.value == "secret"


def test_a_key_that_cannot_be_sent_is_refused_without_being_told(tmp_path: Path) -> None:
    with pytest.raises(AuthRequired, match="MINE") as caught:
        routed(
            tmp_path, {"provider": "openai", "providers": {"openai": {"api_key_env": "MINE"}}}, MINE="s\x07ß"
        )
    assert "ß" not in str(caught.value)


def test_a_route_knows_how_its_model_is_told_to_think() -> None:
    found = route_to("openai", Settings(), {"OPENAI_API_KEY": "k"}, "gpt-5")
    assert found.extra == found.unsaid == {}
    assert found.thinking("high").extra == {"reasoning_effort": "high"}
    assert found.thinking("high").thinking("default").extra == {}
    shown = found._replace(unsaid={"reasoning": {"summary": "auto"}})
    assert shown.thinking("no such level").extra == {"reasoning": {"summary": "auto"}}


def test_a_route_says_whether_it_may_be_unencrypted() -> None:
    entry = ProviderEntry(provider_type="custom", base_url="http://models.example", model="m")
    for allowed in (True, False):
        settings = Settings(providers={"p": entry._replace(allow_insecure=allowed)})
        assert route_to("p", settings, {}).insecure is allowed
