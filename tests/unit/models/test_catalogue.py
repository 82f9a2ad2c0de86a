"""The catalogue: its tables, who is in them, what a model costs, and what is only guessed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from acp_agent.assembly.adapters import ADAPTERS
from acp_agent.models.catalogue import tables
from acp_agent.models.catalogue.facts import (
    DEFAULT_WINDOW,
    all_models,
    facts,
    guessed_images,
    guessed_window,
    listed_models,
    maker_of,
    meant,
    micro,
)
from acp_agent.models.catalogue.providers import provider_types, type_name, why_left_out
from acp_agent.models.prices import Price, cost
from acp_agent.models.stream import Usage

ROOM = Path(tables.__file__).parent
TABLES: dict[str, dict[str, Any]] = {
    name: json.loads((ROOM / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("providers", "models", "families")
}
GROUPS: dict[str, dict[str, Any]] = TABLES["models"]["groups"]
ENTRIES = [(group, model) for group, entry in GROUPS.items() for model in entry["models"]]

DIRACS = [
    "openai-codex", "gemini", "openai", "openai-compatible", "anthropic", "bedrock", "vscode-lm",
    "deepseek", "openai-native", "openrouter", "vertex", "litellm", "claude-code", "github-copilot",
    "mistral", "zai", "groq", "cerebras", "vercel-ai-gateway", "baseten", "requesty", "fireworks",
    "together", "qwen", "qwen-code", "doubao", "lmstudio", "moonshot", "huggingface", "nebius", "xai",
    "sambanova", "huawei-cloud-maas", "dify", "oca", "minimax", "aihubmix", "nousResearch", "wandb",
]  # fmt: skip
CLANKERS = {
    "anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY", "openrouter": "OPENROUTER_API_KEY",
    "google": "GOOGLE_API_KEY", "huggingface": "HF_TOKEN", "mistral": "MISTRAL_API_KEY",
    "groq": "GROQ_API_KEY", "deepseek": "DEEPSEEK_API_KEY", "together": "TOGETHER_API_KEY",
    "fireworks": "FIREWORKS_API_KEY", "perplexity": "PERPLEXITY_API_KEY", "cohere": "COHERE_API_KEY",
    "xai": "XAI_API_KEY",
}  # fmt: skip
DIRGES = [
    "openrouter", "openai", "anthropic", "gemini", "google", "deepseek", "glm", "zhipu", "ollama",
    "custom", "opencode", "cerebras",
]  # fmt: skip
OTHERS = [
    "vllm", "llama.cpp", "azure", "lm-studio", "github-models", "vercel", "z.ai", "scripted",
    "openai-responses",
]  # fmt: skip
LEFT_OUT = {"openai-codex", "vscode-lm", "claude-code", "qwen-code", "oca"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_as_its_schema_says(name: str) -> None:
    schema = json.loads((ROOM / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator: Any = Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(TABLES[name])] == []


# Providers -----------------------------------------------------------------------------------------


def test_there_are_many() -> None:
    assert len(provider_types()) >= 60


@pytest.mark.parametrize("name", [*DIRACS, *CLANKERS, *DIRGES, *OTHERS])
def test_everybody_is_there(name: str) -> None:
    """Or it is said why not, and what to use instead."""
    if name in LEFT_OUT:
        assert type_name(name) is None
        assert "use " in (why_left_out(name) or "")
    else:
        assert type_name(name) in provider_types()
        assert why_left_out(name) is None


@pytest.mark.parametrize(("name", "variable"), CLANKERS.items())
def test_the_keys_of_others_are_taken(name: str, variable: str) -> None:
    assert variable in provider_types()[type_name(name) or ""].key_env


def test_keys_that_others_call_otherwise() -> None:
    types = provider_types()
    assert types["glm"].key_env[:2] == ("GLM_API_KEY", "ZHIPU_API_KEY")
    assert types["anthropic"].key_env == ("ANTHROPIC_API_KEY", "ANTHROPIC_OAUTH_TOKEN")
    assert types["gemini"].key_env == ("GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "GOOGLE_API_KEY")


def test_the_order_of_detection() -> None:
    detected = [kind.key_env[0] for kind in provider_types().values() if kind.detect]
    assert detected[:7] == [
        "DEEPSEEK_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GLM_API_KEY",
        "OLLAMA_API_KEY", "OPENROUTER_API_KEY",
    ]  # fmt: skip
    names = list(provider_types())
    assert [name for name, kind in provider_types().items() if kind.detect] == names[: len(detected)]
    assert names[len(detected) - 1] == "inception"  # docs/models.md says so


@pytest.mark.parametrize("name", provider_types())
def test_a_provider(name: str) -> None:
    kind = provider_types()[name]
    assert kind.protocol == "scripted" or f"model.{kind.protocol}" in ADAPTERS
    assert kind.key_env or not kind.needs_key
    if kind.detect:  # nothing but its key may be needed then
        assert kind.model
        assert kind.base_urls
        assert "${" not in kind.base_urls[-1]
    if kind.model and all_models(kind.group):
        assert facts(kind.group, kind.model) is not None
    if kind.maker and all_models(kind.group):
        assert {maker_of(model) for model in all_models(kind.group)} == {kind.maker}


def test_names_are_of_one_type_each_and_case_does_not_matter() -> None:
    names = [each for name, kind in provider_types().items() for each in (name, *kind.aliases)]
    assert len(names) == len(set(names))
    assert not set(names) & set(TABLES["providers"]["left_out"])
    assert type_name("OpenAI") == type_name("OPENAI-native") == "openai"
    assert type_name("google") == "gemini"
    assert type_name("Zhipu") == type_name("zai") == "glm"
    assert type_name("telepathy") is None


@pytest.mark.parametrize(
    ("name", "env", "address"),
    [
        ("openai", {}, "https://api.openai.com/v1"),
        ("azure", {}, None),
        ("azure", {"AZURE_RESOURCE_NAME": "mine"}, "https://mine.openai.azure.com/openai/v1"),
        ("azure", {"AZURE_OPENAI_ENDPOINT": "https://x.example/"}, "https://x.example/openai/v1"),
        ("bedrock", {}, "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ("bedrock", {"AWS_REGION": "eu-west-1"}, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("vertex", {}, None),
        (
            "vertex",
            {"GOOGLE_CLOUD_PROJECT": "p"},
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google",
        ),
        (
            "vertex",
            {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "global"},
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google",
        ),
        (
            "vertex",
            {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "us-east5"},
            "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/google",
        ),
        ("ollama", {}, "http://127.0.0.1:11434"),
        ("ollama", {"OLLAMA_HOST": "0.0.0.0"}, "http://127.0.0.1:11434"),
        ("ollama", {"OLLAMA_HOST": "box:99"}, "http://box:99"),
        ("ollama", {"OLLAMA_HOST": "https://box.example/"}, "https://box.example"),
        ("ollama", {"OLLAMA_HOST": ":8080"}, "http://127.0.0.1:8080"),
        ("ollama", {"OLLAMA_HOST": "::1"}, "http://[::1]:11434"),
        ("ollama", {"OLLAMA_HOST": "[::]"}, "http://[::1]:11434"),
        ("ollama", {"OLLAMA_HOST": "[fe80::1]:99/"}, "http://[fe80::1]:99"),
        (
            "vertex",
            {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "eu"},
            "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/google",
        ),
        ("azure", {"AZURE_OPENAI_ENDPOINT": "res.example"}, "https://res.example/openai/v1"),
        ("azure", {"AZURE_OPENAI_ENDPOINT": "https://res.example/openai"}, "https://res.example/openai/v1"),
        (
            "azure",
            {"AZURE_OPENAI_ENDPOINT": "https://res.example/openai/v1/"},
            "https://res.example/openai/v1",
        ),
        ("litellm", {"LITELLM_BASE_URL": "localhost:4000"}, "http://localhost:4000"),
        ("custom", {}, None),
    ],
)
def test_addresses(name: str, env: dict[str, str], address: str | None) -> None:
    assert provider_types()[name].address(env) == address


# Models --------------------------------------------------------------------------------------------


def test_every_group_is_somebodys() -> None:
    assert set(GROUPS) <= {kind.group for kind in provider_types().values()}


@pytest.mark.parametrize("group", GROUPS)
def test_a_group(group: str) -> None:
    models: dict[str, dict[str, Any]] = GROUPS[group]["models"]
    ids = [each.lower() for model, says in models.items() for each in (model, *says.get("also", ()))]
    aliases = [alias for says in models.values() for alias in says.get("aliases", ())]
    assert len(ids) == len(set(ids))
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(ids)
    assert 0 < len(listed_models(group)) <= 15
    for says in models.values():
        assert says.get("output", 0) < says.get("window", 1 << 40)
        assert list(says.get("over", ())) == sorted(says.get("over", ()))
    if dated := GROUPS[group].get("dated"):
        re.compile(dated)


@pytest.mark.parametrize(("group", "model"), ENTRIES)
def test_a_price_is_read_exactly(group: str, model: str) -> None:
    """As a decimal, not as a float; both must come to the same to the micro-dollar."""
    found = facts(group, model, "2026-11-21")
    assert found is not None
    stated = GROUPS[group]["models"][model].get("price")
    if stated is None:
        assert found.price is None
    else:
        assert found.price is not None
        expected = [None if each is None else round(each * 1_000_000) for each in (*stated, None, None)[:4]]
        assert list(found.price[:4]) == expected


PRICES = [
    ("anthropic", "claude-sonnet-4-5", (3, 15)),
    ("anthropic", "claude-sonnet-4-5-20250929", (3, 15)),
    ("anthropic", "claude-opus-4-0", (15, 75)),
    ("anthropic", "claude-opus-4-20250514", (15, 75)),
    ("anthropic", "claude-haiku-4-5", (1, 5)),
    ("openai", "gpt-4o", (2.5, 10)),
    ("openai", "gpt-4o-2024-08-06", (2.5, 10)),
    ("openai", "gpt-5", (1.25, 10)),
    ("openai", "GPT-5-mini", (0.25, 2)),
    ("gemini", "gemini-2.5-pro", (1.25, 10)),
    ("openrouter", "anthropic/claude-sonnet-4.5", (3, 15)),
    ("glm", "GLM-4.6", (0.6, 2.2)),
    ("glm", "glm-4.5-flash", (0, 0)),
]


@pytest.mark.parametrize(("group", "model", "dollars"), PRICES)
def test_prices(group: str, model: str, dollars: tuple[float, float]) -> None:
    found = facts(group, model)
    assert found is not None
    assert found.price is not None
    assert found.price[:2] == tuple(round(each * 1_000_000) for each in dollars)


@pytest.mark.parametrize(
    ("group", "model", "usage", "micros"),
    [
        ("anthropic", "claude-sonnet-4-5", Usage(1000, 500), 10_500),
        ("anthropic", "claude-opus-4-0", Usage(10_000, 5_000), 525_000),
        ("anthropic", "claude-haiku-4-5", Usage(10_000, 5_000), 35_000),
        # read at a tenth of the price, written at five quarters
        ("anthropic", "claude-sonnet-4-5", Usage(100_000, 1_000, cached=80_000, written=10_000), 106_500),
        # at 200,000 as below it, one more and all of it is dearer
        ("anthropic", "claude-sonnet-4-5", Usage(200_000, 0), 600_000),
        ("anthropic", "claude-sonnet-4-5", Usage(200_001, 0), 1_200_006),
        ("openai", "gpt-4o", Usage(1_000_000, 1_000_000, cached=400_000), 12_000_000),
    ],
)
def test_what_a_request_costs(group: str, model: str, usage: Usage, micros: int) -> None:
    found = facts(group, model)
    assert found is not None
    assert found.price is not None
    assert cost(found.price, usage) == micros


def test_a_price_changes_on_its_day() -> None:
    days = {day: facts("gemini", "gemini-4-argon", day) for day in ("2026-11-30", "2026-12-01", "2027-12-01")}
    prices = {day: found.price for day, found in days.items() if found}
    assert prices["2026-11-30"] == Price(2_000_000, 10_000_000, 100_000)
    assert prices["2026-12-01"] == prices["2027-12-01"] == Price(4_000_000, 20_000_000, 200_000)


@pytest.mark.parametrize(
    ("group", "model"),
    [
        ("openai", "gpt-4"),
        ("openai", "gpt-4o-2024-08-06-mine"),
        ("openai", "gpt-5-2"),
        ("openai", "my-gpt-5"),
        ("anthropic", "claude-sonnet-4-5-2025"),
        ("anthropic", "anthropic/claude-sonnet-4-5"),
        ("openrouter", "z-ai/glm-4.6:free"),
        ("custom", "gpt-5"),
        ("nobody", "gpt-5"),
    ],
)
def test_a_name_that_only_resembles_one_has_no_price(group: str, model: str) -> None:
    assert facts(group, model) is None


@given(st.sampled_from(sorted(GROUPS)), st.text(max_size=40))
def test_a_model_that_is_not_there_has_no_price(group: str, model: str) -> None:
    known = {each.lower() for name in all_models(group) for each in _ids(group, name)}
    if model.lower() not in known:
        assert facts(group, model) is None


@given(entry=st.sampled_from(ENTRIES), more=st.text(min_size=1, max_size=6), after=st.booleans())
def test_a_model_whose_name_is_longer_has_no_price(entry: tuple[str, str], more: str, *, after: bool) -> None:
    group, model = entry
    longer = f"{model}{more}" if after else f"{more}{model}"
    known = {each.lower() for name in all_models(group) for each in _ids(group, name)}
    if longer.lower() not in known and not re.search(r"\d{8}$|\d{4}-\d{2}-\d{2}$", longer):
        assert facts(group, longer) is None


def _ids(group: str, model: str) -> tuple[str, ...]:
    return (model, *GROUPS[group]["models"][model].get("also", ()))


@given(st.integers(min_value=0, max_value=10**15))
def test_amounts_are_read_to_the_micro_dollar(amount: int) -> None:
    assert micro(f"{amount // 10**6}.{amount % 10**6:06}") == amount
    assert micro(str(amount)) == amount * 10**6


@pytest.mark.parametrize("text", ["", ".", "-1", "1e3", "1.0000001", "1.5.2", "NaN", "\u0661", "1,5", " 1"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        micro(text)


@pytest.mark.parametrize(
    ("group", "text", "model"),
    [
        ("anthropic", "sonnet", "claude-sonnet-5-5"),
        ("anthropic", "Opus", "claude-opus-5-5"),
        ("openrouter", "haiku", "anthropic/claude-haiku-5.5"),
        ("openai", "4o", "gpt-4o"),
        ("openai", "o3", "o3"),
        ("gemini", "gemini-pro", "gemini-4-argon"),
        ("gemini", "gemini-flash", "gemini-3.8-flash"),
        ("deepseek", "deepseek", "deepseek-v4-pro"),
        ("openrouter", "deepseek-r1", "deepseek/deepseek-r1-0528"),
        ("openrouter", "llama-70b", "meta-llama/llama-3.3-70b-instruct"),
        ("qwen", "qwen-coder", "qwen3-coder-plus"),
        ("anthropic", "4o", "4o"),
        ("nobody", "sonnet", "sonnet"),
    ],
)
def test_short_names(group: str, text: str, model: str) -> None:
    assert meant(group, text) == model


# Guesses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["windows", "images", "makers"])
def test_every_guess_can_be_reached(kind: str) -> None:
    """An entry after one that is a part of it would never count."""
    parts: list[str] = [part for part, _ in TABLES["families"][kind]]
    for index, part in enumerate(parts):
        covers = [
            each for each in parts[:index] if (part.startswith(each) if kind == "makers" else each in part)
        ]
        assert not covers, part


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("deepseek-v4-pro", 1_000_000),
        ("deepseek-chat", 128_000),
        ("glm-4.6", 200_000),
        ("anthropic/claude-3.5-sonnet", 200_000),
        ("anthropic/claude-sonnet-5.5", 1_000_000),
        ("Qwen2.5-Coder", 32_000),
        ("llama3.3:70b", 128_000),
        ("nobody-knows", DEFAULT_WINDOW),
    ],
)
def test_windows(model: str, tokens: int) -> None:
    assert guessed_window(model) == tokens


@pytest.mark.parametrize(
    ("model", "sees"),
    [
        ("gpt-4o", True),
        ("gpt-5", True),
        ("gpt-4-turbo", True),
        ("gpt-4", False),
        ("openai/gpt-oss-120b", False),
        ("o3", True),
        ("o3-mini", False),
        ("anthropic/claude-sonnet-4.5", True),
        ("gemini-2.5-pro", True),
        ("deepseek-v4-pro", False),
        ("deepseek-vl2", True),
        ("GLM-4.6", False),
        ("glm-4.6v", True),
        ("qwen3-coder:30b", False),
        ("qwen2.5vl:7b", True),
        ("Qwen/Qwen3-VL-8B", True),
        ("llama3.2-vision:11b", True),
        ("llama3.3:70b", False),
        ("llava:13b", True),
        ("nobody-knows", True),
    ],
)
def test_images(model: str, sees: bool) -> None:
    assert guessed_images(model) is sees
