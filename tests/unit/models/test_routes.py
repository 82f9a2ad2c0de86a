"""Settings and environment → which models can be asked, and how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from acp_agent.config.load import load, require
from acp_agent.config.schema import ProviderEntry, Settings
from acp_agent.errors import AuthRequired
from acp_agent.models.catalogue.facts import DEFAULT_WINDOW
from acp_agent.models.fetched import keep
from acp_agent.models.keys import Sources
from acp_agent.models.prices import Price
from acp_agent.models.routes import Route, active_alias, all_known, kind_of, named_route, routes

if TYPE_CHECKING:
    from pathlib import Path


def settled(tmp_path: Path, said: dict[str, object], env: dict[str, str]) -> Settings:
    (tmp_path / "config.json").write_text(json.dumps(said), encoding="utf-8")
    env["ACP_AGENT_CONFIG_DIR"] = env["ACP_AGENT_DATA_DIR"] = str(tmp_path)
    return require(load(tmp_path, env))


def routed(tmp_path: Path, said: dict[str, object], **env: str) -> tuple[Route, ...]:
    return routes(settled(tmp_path, said, env), Sources(env))


def named(tmp_path: Path, text: str, said: dict[str, object], **env: str) -> Route:
    return named_route(text, settled(tmp_path, said, env), Sources(env))


LOCAL = {"base_url": "http://127.0.0.1:9/v1/", "model": "m"}


def test_an_endpoint_takes_four_lines(tmp_path: Path) -> None:
    (route,) = routed(tmp_path, {"providers": {"local": LOCAL}})
    assert (route.name, route.base_url, route.key.value) == ("local/m", "http://127.0.0.1:9/v1", None)
    assert route.window == DEFAULT_WINDOW
    assert (route.kind, route.provider.protocol) == ("custom", "openai")
    assert (route.price, route.max_output, route.known) == (None, None, False)
    assert route.guessed == {"window", "vision"}


def test_the_active_provider_comes_first_and_one_without_key_is_not_offered(tmp_path: Path) -> None:
    providers = {"local": LOCAL, "openai": {"model": "gpt-5"}, "deepseek": {}}
    found = routed(tmp_path, {"provider": "openai", "providers": providers}, OPENAI_API_KEY="k")
    names = [route.name for route in found]
    assert (names[0], names[-1]) == ("openai/gpt-5", "local/m")
    assert {route.alias for route in found} == {"openai", "local"}
    assert found[0].key == ("k", "$OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("env", "alias"),
    [
        ({"OPENAI_API_KEY": "a", "DEEPSEEK_API_KEY": "b"}, "deepseek"),
        ({"OPENROUTER_API_KEY": "a", "ZHIPU_API_KEY": "b"}, "glm"),
        ({"OPENROUTER_API_KEY": "a", "OLLAMA_API_KEY": "b"}, "ollama-cloud"),
        ({"GOOGLE_API_KEY": "a", "ANTHROPIC_OAUTH_TOKEN": "b"}, "anthropic"),
        ({"GROQ_API_KEY": "a", "XAI_API_KEY": "b"}, "xai"),
        ({"HF_TOKEN": "a", "WANDB_API_KEY": "b", "DATABRICKS_TOKEN": "c"}, None),
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
        ({"provider": "azure"}, "Set AZURE_RESOURCE_NAME in the environment, or providers.azure.base_url"),
        ({"provider": "custom"}, "Set providers.custom.base_url"),
        ({"provider": "vllm"}, "Set providers.vllm.model"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, settings: dict[str, object], says: str) -> None:
    with pytest.raises(AuthRequired, match=says):
        routed(tmp_path, settings)


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


# What is known ---------------------------------------------------------------------------------------


def test_the_catalogue_fills_a_route(tmp_path: Path) -> None:
    found = routed(tmp_path, {"provider": "Anthropic"}, ANTHROPIC_API_KEY="k")[0]
    assert (found.alias, found.kind, found.own, found.known) == ("Anthropic", "anthropic", True, True)
    found = named(tmp_path, "anthropic/claude-sonnet-4-5-20250929", {}, ANTHROPIC_API_KEY="k")
    assert (found.window, found.max_output, found.vision, found.guessed) == (
        200_000,
        64_000,
        True,
        frozenset(),
    )
    assert found.price is not None
    assert found.price[:4] == (3_000_000, 15_000_000, 300_000, 3_750_000)
    assert found.tools is True


def test_a_few_models_of_the_catalogue_are_offered(tmp_path: Path) -> None:
    found = routed(tmp_path, {"provider": "anthropic"}, ANTHROPIC_API_KEY="k")
    assert [route.model for route in found][:3] == [
        "claude-sonnet-5-5",
        "claude-opus-5-5",
        "claude-haiku-5-5",
    ]
    assert len(found) < 8
    elsewhere = {"provider_type": "anthropic", "base_url": "https://gate.example/v1", "model": "claude-x"}
    assert [route.model for route in routed(tmp_path, {"providers": {"gate": elsewhere}})] == ["claude-x"]


def test_all_whose_keys_are_there_are_offered_until_something_is_configured(tmp_path: Path) -> None:
    keys = {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}
    assert {route.alias for route in routed(tmp_path, {}, **keys)} == {"openai", "anthropic"}
    found = routed(tmp_path, {"providers": {"anthropic": {}}}, **keys)
    assert {route.alias for route in found} == {"anthropic"}


def test_what_others_have_at_another_address_costs_what_they_say(tmp_path: Path) -> None:
    gate = {"provider_type": "openai", "base_url": "https://gate.example/v1", "model": "gpt-5"}
    (found,) = routed(tmp_path, {"providers": {"gate": gate}})
    assert (found.price, found.own, found.window, found.guessed) == (
        None,
        False,
        400_000,
        {"window", "vision"},
    )
    priced = {**gate, "model_info": {"gpt-5": {"price": {"input": 0.1, "output": 2.3}}}}
    (found,) = routed(tmp_path, {"providers": {"gate": priced}})
    assert found.price == Price(100_000, 2_300_000)
    same = {**gate, "base_url": "https://api.openai.com/v1/"}
    assert routed(tmp_path, {"providers": {"gate": same}}, OPENAI_API_KEY="k")[0].own


@pytest.mark.parametrize(
    ("entry", "protocol", "limit_field"),
    [
        ({}, "openai-responses", "max_completion_tokens"),
        ({"protocol": "openai"}, "openai", "max_completion_tokens"),
        ({"base_url": "https://gate.example/v1"}, "openai", "max_tokens"),
        (
            {"base_url": "https://gate.example/v1", "protocol": "openai-responses"},
            "openai-responses",
            "max_tokens",
        ),
        (
            {"provider_type": "custom", "base_url": "https://gate.example/v1", "protocol": "anthropic"},
            "anthropic",
            "max_tokens",
        ),
    ],
)  # fmt: skip
def test_the_protocol(tmp_path: Path, entry: dict[str, object], protocol: str, limit_field: str) -> None:
    said: dict[str, object] = {"providers": {"openai": {"model": "gpt-5", **entry}}}
    found = routed(tmp_path, said, OPENAI_API_KEY="k")[0]
    assert (found.provider.protocol, found.provider.limit_field) == (protocol, limit_field)


def test_the_settings_overrule_each_thing_that_is_known(tmp_path: Path) -> None:
    usual = named(tmp_path, "openai/gpt-5", {}, OPENAI_API_KEY="k")
    for says, changed in (
        ({"context_window": 7}, {"window": 7}),
        ({"max_output": 8}, {"max_output": 8}),
        ({"vision": False}, {"vision": False}),
        ({"price": {"input": 0, "output": 0}}, {"price": Price(0, 0)}),
    ):
        said: dict[str, object] = {"providers": {"openai": {"model_info": {"gpt-5": says}}}}
        found = named(tmp_path, "openai/gpt-5", said, OPENAI_API_KEY="k")
        assert found == usual._replace(**changed)
        assert named(tmp_path, "openai/gpt-4.1", said, OPENAI_API_KEY="k").window == 1_000_000


def test_what_is_said_of_a_model_counts_more_than_of_its_provider(tmp_path: Path) -> None:
    entry = {**LOCAL, "context_window": 5, "vision": False, "thought_levels": ["low"]}
    info = {"m": {"context_window": 6, "vision": True, "thought_levels": ["max"]}}
    found = routed(tmp_path, {"context_window": 4, "providers": {"a": {**entry, "model_info": info}}})[0]
    assert (found.window, found.vision, list(found.thought_levels)) == (6, True, ["max"])
    assert found.known
    assert found.guessed == frozenset()


def test_a_local_ollama_has_a_window_it_can_bear_and_costs_nothing(tmp_path: Path) -> None:
    said: dict[str, object] = {
        "providers": {"ollama": {"model": "qwen3:8b", "models": ["gpt-oss:120b-cloud"]}}
    }
    found, cloud = routed(tmp_path, said)
    assert (found.window, found.max_output, found.price) == (32_768, 8_192, Price(0, 0))
    assert (found.provider.protocol, found.base_url) == ("ollama", "http://127.0.0.1:11434")
    assert cloud.price is None
    assert routed(tmp_path, said, OLLAMA_HOST="https://box.example")[0].price is None


@pytest.mark.parametrize("host", ["[box", "http://[box", "box:port", "box:99999"])
def test_an_address_that_is_none(tmp_path: Path, host: str) -> None:
    with pytest.raises(AuthRequired, match=r"'ollama' is not a URL\. Correct OLLAMA_HOST"):
        routed(tmp_path, {"provider": "ollama", "providers": {"ollama": {"model": "m"}}}, OLLAMA_HOST=host)


def test_a_price_beyond_all_measure(tmp_path: Path) -> None:
    said = {"m": {"price": {"input": 1e308, "output": 0.5}}}
    entry = {"base_url": "https://house.example/v1", "model": "m", "model_info": said}
    (found, *_) = routed(tmp_path, {"providers": {"house": entry}})
    assert found.price == Price(10**15, 500_000)


def test_what_is_not_known_has_no_price(tmp_path: Path) -> None:
    found = named(tmp_path, "openai/gpt-99", {}, OPENAI_API_KEY="k")
    assert (found.price, found.max_output, found.known) == (None, None, False)
    assert found.guessed == {"window", "vision"}


# What services have said -----------------------------------------------------------------------------


def test_what_a_service_has_said_counts_where_the_catalogue_knows_nothing(tmp_path: Path) -> None:
    env = {"OPENAI_API_KEY": "k", "ACP_AGENT_DATA_DIR": str(tmp_path)}
    heard: dict[str, dict[str, object]] = {
        "gpt-99": {
            "window": 9,
            "output": 8,
            "price": ["0.1", "0.3", None, "0.2"],
            "images": False,
            "tools": False,
        },
        "gpt-5": {"window": 1, "price": ["1", "1"]},
    }
    keep(env, "openai", "https://api.openai.com/v1", heard)
    found = named(tmp_path, "openai/gpt-99", {}, **env)
    assert (found.window, found.max_output, found.vision, found.tools) == (9, 8, False, False)
    assert found.price == Price(100_000, 300_000, None, 200_000)
    assert (found.known, found.guessed) == (True, frozenset())
    assert named(tmp_path, "openai/gpt-5", {}, **env).window == 400_000
    assert "gpt-99" in [route.model for route in routed(tmp_path, {"provider": "openai"}, **env)]
    there: dict[str, object] = {
        "providers": {"openai": {"base_url": "https://gate.example/v1", "model": "gpt-99"}}
    }
    assert routed(tmp_path, there, **env)[0].price is None


def test_a_model_is_found_where_none_is_named(tmp_path: Path) -> None:
    env = {"ACP_AGENT_DATA_DIR": str(tmp_path)}
    keep(env, "vllm", "http://127.0.0.1:8000/v1", {"mine": {"window": 5}})
    (found,) = routed(tmp_path, {"provider": "vllm"}, **env)
    assert (found.name, found.window) == ("vllm/mine", 5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"base_url": 1}',
        '{"base_url": "https://api.openai.com/v1", "models": {"x": {"price": ["a", "b"]}}}',
        '{"base_url": "https://api.openai.com/v1", "models": [1]}',
    ],
)
def test_a_file_that_cannot_be_used_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "openai.json").write_text(text, encoding="utf-8")
    found = routed(tmp_path, {"provider": "openai"}, OPENAI_API_KEY="k")
    assert found[0].known


def test_a_provider_may_have_any_name(tmp_path: Path) -> None:
    env = {"ACP_AGENT_DATA_DIR": str(tmp_path)}
    path = keep(env, "../../Mine", "http://127.0.0.1:9/v1", {"m": {"window": 3}})
    assert path.parent == tmp_path / "models"
    (found,) = routed(tmp_path, {"providers": {"../../mine": {**LOCAL}}}, **env)
    assert found.window == 3


# Names -----------------------------------------------------------------------------------------------


def test_a_role_names_a_provider_and_perhaps_a_model(tmp_path: Path) -> None:
    said: dict[str, object] = {"providers": {"Cheap": LOCAL, "openrouter": {}}}
    assert named(tmp_path, "cheap", said).name == "Cheap/m"
    assert named(tmp_path, "CHEAP/a/b", said).name == "Cheap/a/b"
    found = named(tmp_path, "openrouter/z-ai/glm-4.6", said, OPENROUTER_API_KEY="k")
    assert (found.alias, found.model, found.known) == ("openrouter", "z-ai/glm-4.6", True)
    assert named(tmp_path, "google", {}, GEMINI_API_KEY="k").name == "google/gemini-3.8-flash"
    assert named(tmp_path, "anthropic/sonnet", {}, ANTHROPIC_API_KEY="k").model == "claude-sonnet-5-5"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nobody/m", "There is no provider 'nobody'. Write PROVIDER/MODEL .*Cheap"),
        ("openai-codex/gpt-5", "use openai with an API key"),
        ("openai/gpt-5", "Set OPENAI_API_KEY"),
    ],
)
def test_what_no_role_can_be(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(AuthRequired, match=says):
        named(tmp_path, text, {"providers": {"Cheap": LOCAL}})


def test_what_is_known_of_a_provider_without_a_key(tmp_path: Path) -> None:
    env: dict[str, str] = {}
    settings = settled(tmp_path, {}, env)
    found = all_known("zai", settings, env)
    assert (found[0].name, found[0].key.value) == ("zai/glm-5.3", None)
    assert len(found) > 8
    assert all_known("azure", settings, env) == ()


def test_types(tmp_path: Path) -> None:
    env: dict[str, str] = {}
    settings = settled(tmp_path, {"providers": {"a": LOCAL, "Google": {}, "b": {"model": "m"}}}, env)
    kinds = [kind_of(alias, entry) for alias, entry in settings.providers.items()]
    assert kinds == ["custom", "gemini", None]


def test_a_route_knows_how_its_model_is_told_to_think(tmp_path: Path) -> None:
    said: dict[str, object] = {"providers": {"openai": {"protocol": "openai"}}}
    found = named(tmp_path, "openai/gpt-5", said, OPENAI_API_KEY="k")
    assert found.extra == found.unsaid == {}
    assert found.thinking("high").extra == {"reasoning_effort": "high"}
    assert found.thinking("high").thinking("default").extra == {}
    shown = named(tmp_path, "openai/gpt-5", {}, OPENAI_API_KEY="k")
    assert shown.extra == shown.unsaid == {"reasoning": {"summary": "auto"}}
    assert shown.thinking("no such level").extra == shown.unsaid


@pytest.mark.parametrize("allowed", [True, False])
def test_a_route_says_whether_it_may_be_unencrypted(allowed: bool) -> None:
    entry = ProviderEntry(base_url="http://models.example", model="m", allow_insecure=allowed)
    (found,) = routes(Settings(providers={"p": entry}), Sources({}))
    assert found.insecure is allowed
