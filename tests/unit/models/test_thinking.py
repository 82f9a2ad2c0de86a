"""thinking.json: which model has which levels, and what a request says for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from acp_agent.models import thinking
from acp_agent.models.routes import provider_types
from acp_agent.models.thinking import can_be_told, thought_levels

ROOM = Path(thinking.__file__).parent
TABLE: dict[str, Any] = json.loads((ROOM / "thinking.json").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((ROOM / "thinking.schema.json").read_text(encoding="utf-8"))


def test_the_table_is_as_its_schema_says() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator: Any = Draft202012Validator(SCHEMA)
    assert [error.message for error in validator.iter_errors(TABLE)] == []
    assert {entry["form"] for entry in TABLE["types"].values()} == set(TABLE["forms"])
    assert set(TABLE["types"]) <= set(provider_types())


@pytest.mark.parametrize("kind", TABLE["types"])
def test_every_entry_can_be_reached(kind: str) -> None:
    """An entry after one that is a part of it would never count."""
    parts = [part for part, _ in TABLE["types"][kind]["models"]]
    for index, part in enumerate(parts):
        assert not [earlier for earlier in parts[:index] if earlier in part], part


LEVELS = [
    ("openai", "gpt-4o", ""),
    ("openai", "gpt-5", "minimal low medium high"),
    ("openai", "gpt-5-chat-latest", ""),
    ("openai", "gpt-5.1", "none low medium high"),
    ("openai", "gpt-5.6", "none"),
    ("openai", "o3-mini", "low medium high"),
    ("openrouter", "anthropic/claude-sonnet-4.5", "none low medium high"),
    ("openrouter", "nobody/knows", ""),
    ("deepseek", "deepseek-v4-pro", "none low high max"),
    ("glm", "GLM-4.6", "none on"),
    ("ollama", "gpt-oss:20b", "low medium high"),
    ("ollama", "qwen3-coder:30b", ""),
    ("custom", "openai/gpt-oss-120b", "low medium high"),
    ("custom", "gpt-5", ""),
    ("scripted", "gpt-5", ""),
    ("nobody", "gpt-5", ""),
]


@pytest.mark.parametrize(("kind", "model", "levels"), LEVELS)
def test_levels(kind: str, model: str, levels: str) -> None:
    assert " ".join(thought_levels(kind, model)) == levels


REQUESTS = [
    ("openai", "high", {"reasoning_effort": "high"}),
    ("openrouter", "none", {"reasoning": {"effort": "none"}}),
    ("deepseek", "none", {"thinking": {"type": "disabled"}}),
    ("deepseek", "max", {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
    ("glm", "on", {"thinking": {"type": "enabled"}}),
    ("custom", "whatever", {"reasoning_effort": "whatever"}),
]


@pytest.mark.parametrize(("kind", "level", "request_says"), REQUESTS)
def test_what_a_request_says(kind: str, level: str, request_says: dict[str, object]) -> None:
    assert thought_levels(kind, "any", [level]) == {level: request_says}


def test_where_it_cannot_be_told_no_level_is_offered() -> None:
    assert not can_be_told("scripted")
    assert thought_levels("scripted", "script", ["high"]) == {}
