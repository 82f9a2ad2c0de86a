"""thinking.json: which model has which levels, and what a request says for them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from acp_agent.models import thinking
from acp_agent.models.thinking import (
    LEVELS,
    Asked,
    can_be_told,
    level_of,
    nearest,
    thought_levels,
    unsaid,
)

ROOM = Path(thinking.__file__).parent
TABLE: dict[str, Any] = json.loads((ROOM / "thinking.json").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((ROOM / "thinking.schema.json").read_text(encoding="utf-8"))
ROWS = [(name, row) for name, each in TABLE["lists"].items() for row in each["models"]]


def test_the_table_is_as_its_schema_says() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator: Any = Draft202012Validator(SCHEMA)
    assert [error.message for error in validator.iter_errors(TABLE)] == []
    lists, protocols = set(TABLE["lists"]), set(TABLE["protocols"])
    forms = {each["form"] for each in TABLE["lists"].values()} | {row.get("form") for _, row in ROWS} - {None}
    assert forms == set(TABLE["forms"])
    named = {
        *TABLE["protocols"].values(),
        *(name for each in TABLE["types"].values() for name in each.values()),
    }
    assert named == lists
    assert {protocol for each in TABLE["types"].values() for protocol in each} <= protocols
    assert {each["also"] for each in TABLE["lists"].values() if "also" in each} <= lists


@pytest.mark.parametrize(("name", "row"), ROWS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_row_is_found_by_the_models_that_it_is_about(name: str, row: dict[str, Any]) -> None:
    """A row after one that matches all of its models would never count."""
    for model in row["like"]:
        found = next(
            each for each in TABLE["lists"][name]["models"] if re.search(each["name"], model.lower())
        )
        assert found is row, model


CLAUDE_5 = "off low medium high xhigh max"
KNOWN = [
    ("openai", "openai", "gpt-4o", ""),
    ("openai", "openai", "gpt-5", "minimal low medium high"),
    ("openai", "openai", "gpt-5-chat-latest", ""),
    ("openai", "openai", "gpt-5.1", "off low medium high"),
    ("openai", "openai", "gpt-5.6", "off"),
    ("openai", "openai-responses", "gpt-5.6", "off low medium high xhigh max"),
    ("openai", "openai-responses", "gpt-4o", ""),
    ("openai", "openai", "o3-mini", "low medium high"),
    ("custom", "openai-responses", "gpt-5", "minimal low medium high"),
    ("openrouter", "openai", "anthropic/claude-sonnet-4.5", "off low medium high"),
    ("openrouter", "openai", "nobody/knows", ""),
    ("deepseek", "openai", "deepseek-v4-pro", "off low high max"),
    ("deepseek", "anthropic", "deepseek-v4-pro", ""),
    ("glm", "openai", "GLM-4.6", "off on"),
    ("ollama", "openai", "gpt-oss:20b", "low medium high"),
    ("ollama", "ollama", "qwen3:8b", "off on"),
    ("ollama", "ollama", "qwen3-coder:30b", ""),
    ("custom", "openai", "openai/gpt-oss-120b", "low medium high"),
    ("custom", "openai", "gpt-5", ""),
    ("anthropic", "anthropic", "claude-opus-5-5", "low medium high xhigh max"),
    ("anthropic", "anthropic", "claude-sonnet-5-5", CLAUDE_5),
    ("anthropic", "anthropic", "claude-opus-5", CLAUDE_5),
    ("anthropic", "anthropic", "claude-sonnet-4-6", "off low medium high max"),
    ("anthropic", "anthropic", "claude-opus-4-1", "off low medium high"),
    ("anthropic", "anthropic", "claude-3-5-haiku-latest", ""),
    ("vertex", "anthropic", "claude-haiku-4-5@20251001", "off low medium high max"),
    ("bedrock", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "off low medium high max"),
    ("bedrock", "bedrock", "us.amazon.nova-2-lite-v1:0", "off low medium high"),
    ("bedrock", "bedrock", "meta.llama4", ""),
    ("gemini", "gemini", "gemini-2.5-pro", "minimal low medium high"),
    ("gemini", "gemini", "gemini-3.8-flash", "minimal low medium high"),
    ("gemini", "gemini", "gemini-2.0-flash", ""),
    ("scripted", "scripted", "gpt-5", ""),
    ("nobody", "nothing", "gpt-5", ""),
]


@pytest.mark.parametrize(("kind", "protocol", "model", "levels"), KNOWN)
def test_levels(kind: str, protocol: str, model: str, levels: str) -> None:
    assert " ".join(thought_levels(Asked(kind, protocol, model))) == levels


def enabled(budget: int) -> dict[str, object]:
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


NOVA_LOW = {"type": "enabled", "maxReasoningEffort": "low"}
SHOWN = {"type": "adaptive", "display": "summarized"}
SAID: list[tuple[Asked, str, dict[str, object]]] = [
    (Asked("openai", "openai", "gpt-5"), "high", {"reasoning_effort": "high"}),
    (Asked("openai", "openai", "gpt-5.1"), "off", {"reasoning_effort": "none"}),
    (
        Asked("openai", "openai-responses", "gpt-5.6"), "max",
        {"reasoning": {"effort": "max", "summary": "auto"}},
    ),
    (Asked("openai", "openai-responses", "gpt-5.6"), "off", {"reasoning": {"effort": "none"}}),
    (Asked("openrouter", "openai", "z-ai/glm-5"), "off", {"reasoning": {"effort": "none"}}),
    (Asked("deepseek", "openai", "deepseek-v4"), "off", {"thinking": {"type": "disabled"}}),
    (
        Asked("deepseek", "openai", "deepseek-v4"), "max",
        {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
    ),
    (Asked("glm", "openai", "glm-4.6"), "on", {"thinking": {"type": "enabled"}}),
    (Asked("ollama", "ollama", "gpt-oss"), "low", {"think": "low"}),
    (Asked("ollama", "ollama", "qwen3"), "off", {"think": False}),
    (Asked("anthropic", "anthropic", "claude-sonnet-4-5"), "low", enabled(5000)),
    (Asked("anthropic", "anthropic", "claude-sonnet-4-5"), "high", enabled(32000)),
    (Asked("anthropic", "anthropic", "claude-sonnet-4-5"), "max", enabled(47616)),
    (Asked("anthropic", "anthropic", "claude-sonnet-4-5", 32000), "high", enabled(15616)),
    (Asked("anthropic", "anthropic", "claude-3-7-sonnet", 1000), "low", enabled(1024)),
    (Asked("anthropic", "anthropic", "claude-opus-4-1"), "off", {"thinking": {"type": "disabled"}}),
    (
        Asked("anthropic", "anthropic", "claude-opus-4-6"), "high",
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    ),
    (Asked("anthropic", "anthropic", "claude-opus-4-7"), "off", {}),
    (
        Asked("anthropic", "anthropic", "claude-opus-5-5"), "xhigh",
        {"thinking": SHOWN, "output_config": {"effort": "xhigh"}},
    ),
    (
        Asked("anthropic", "anthropic", "claude-sonnet-5-5"), "off",
        {"thinking": {"type": "between_tools", "display": "summarized"}},
    ),
    (
        Asked("bedrock", "bedrock", "anthropic.claude-sonnet-4-5-v1:0"), "medium",
        {"additionalModelRequestFields": enabled(10000)},
    ),
    (
        Asked("bedrock", "bedrock", "amazon.nova-2-lite"), "low",
        {"additionalModelRequestFields": {"reasoningConfig": NOVA_LOW}},
    ),
    (
        Asked("gemini", "gemini", "gemini-2.5-flash"), "off",
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}},
    ),
    (
        Asked("gemini", "gemini", "gemini-2.5-flash"), "high",
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 24576, "includeThoughts": True}}},
    ),
    (
        Asked("vertex", "gemini", "gemini-3.1-pro-preview"), "low",
        {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low", "includeThoughts": True}}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "level", "request_says"), SAID)
def test_what_a_request_says(asked: Asked, level: str, request_says: dict[str, object]) -> None:
    assert thought_levels(asked)[level] == request_says


def test_levels_that_come_to_the_same_are_one() -> None:
    asked = Asked("anthropic", "anthropic", "claude-sonnet-4-5", 24_000)
    assert list(thought_levels(asked)) == ["off", "low", "medium"]


UNSAID: list[tuple[Asked, dict[str, object]]] = [
    (Asked("openai", "openai-responses", "gpt-5"), {"reasoning": {"summary": "auto"}}),
    (Asked("openai", "openai-responses", "gpt-4o"), {}),
    (Asked("openai", "openai", "gpt-5"), {}),
    (Asked("anthropic", "anthropic", "claude-opus-5-5"), {"thinking": SHOWN}),
    (Asked("anthropic", "anthropic", "claude-opus-4-6"), {}),
    (
        Asked("gemini", "gemini", "gemini-3-flash"),
        {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}},
    ),
    (Asked("gemini", "gemini", "gemini-2.0-flash"), {}),
    (Asked("scripted", "scripted", "x"), {}),
]


@pytest.mark.parametrize(("asked", "request_says"), UNSAID)
def test_without_a_level_thoughts_are_only_asked_to_be_shown(asked: Asked, request_says: object) -> None:
    assert unsaid(asked) == request_says


def test_the_settings_list_levels_in_any_words() -> None:
    asked = Asked("custom", "openai", "any")
    assert thought_levels(asked, ["none", "hi", "whatever"]) == {
        "off": {"reasoning_effort": "none"},
        "high": {"reasoning_effort": "high"},
        "whatever": {"reasoning_effort": "whatever"},
    }


def test_where_it_cannot_be_told_no_level_is_offered() -> None:
    assert can_be_told("custom", "openai")
    assert not can_be_told("scripted", "scripted")
    assert thought_levels(Asked("scripted", "scripted", "script"), ["high"]) == {}


WORDS: list[tuple[str | float, str | None]] = [
    ("off", "off"), ("none", "off"), ("minimal", "minimal"), ("l", "low"), ("low", "low"), ("med", "medium"),
    ("Medium ", "medium"), ("hi", "high"), ("xhigh", "xhigh"), ("full", "max"), ("max", "max"), ("on", "on"),
    ("bogus", None), ("", None), (0, "off"), (1, "low"), (5000, "low"), (5001, "medium"), (10_000, "medium"),
    (10_001, "high"), (32_000, "high"), (32_001, "max"), (-1, None), ("5001", "medium"), ("0", "off"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "level"), WORDS)
def test_what_a_word_or_a_number_means(said: str | float, level: str | None) -> None:
    assert level_of(said) == level


NEAREST = [
    ("high", "low high", "high"),
    ("xhigh", "off low medium high max", "max"),
    ("max", "low high", "high"),
    ("minimal", "low high", "low"),
    ("medium", "off on", "on"),
    ("off", "low high", None),
    ("off", "off on", "off"),
    ("on", "low medium high", "medium"),
    ("high", "off", None),
    ("high", "", None),
    ("whatever", "low", None),
]


@pytest.mark.parametrize(("level", "levels", "found"), NEAREST)
def test_what_comes_closest_of_what_a_model_has(level: str, levels: str, found: str | None) -> None:
    assert nearest(level, levels.split()) == found


def test_a_budget_is_more_for_more_thought() -> None:
    budgets = [TABLE["budgets"][level] for level in LEVELS[1:]]
    assert budgets == sorted(budgets)
