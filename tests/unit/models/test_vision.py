"""vision.json: which models take images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from acp_agent.models import vision
from acp_agent.models.vision import takes_images

ROOM = Path(vision.__file__).parent
TABLE: dict[str, Any] = json.loads((ROOM / "vision.json").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((ROOM / "vision.schema.json").read_text(encoding="utf-8"))


def test_the_table_is_as_its_schema_says() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator: Any = Draft202012Validator(SCHEMA)
    assert [error.message for error in validator.iter_errors(TABLE)] == []


def test_every_entry_can_be_reached() -> None:
    """An entry after one that is a part of it would never count."""
    parts = [part for part, _ in TABLE["models"]]
    for index, part in enumerate(parts):
        assert not [earlier for earlier in parts[:index] if earlier in part], part


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
def test_models(model: str, sees: bool) -> None:
    assert takes_images(model) is sees
