"""docs/configuration.md names every key, and its examples are valid."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from acp_agent.config.schema import json_schema
from acp_agent.models.catalogue.providers import provider_types, why_left_out

if TYPE_CHECKING:
    from tests.unit.config.conftest import Place

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "configuration.md").read_text(encoding="utf-8")
MODELS = (DOCS / "models.md").read_text(encoding="utf-8")
EXAMPLES: list[str] = re.findall(r"```json\n(.*?)```", PAGE + MODELS, flags=re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_is_valid(place: Place, example: str) -> None:
    place.env |= {"MY_KEY": "k", "HOUSE_KEY": "k"}
    place.write_own(json.loads(example))
    assert place.load().problems == ()


def test_every_key_is_named() -> None:
    schema = json_schema()
    objects = [schema, *cast("dict[str, dict[str, object]]", schema["$defs"]).values()]
    keys = {key for each in objects for key in cast("dict[str, object]", each["properties"])}
    assert {key for key in keys if f"`{key}`" not in PAGE and f'"{key}"' not in PAGE} == set()


@pytest.mark.parametrize("name", provider_types())
def test_every_type_has_its_row(name: str) -> None:
    kind = provider_types()[name]
    names = ", ".join(f"`{each}`" for each in (name, *kind.aliases))
    keys = ", ".join(f"`{each}`" for each in kind.key_env) or "none"
    model = f"`{kind.model}`" if kind.model else ""
    assert f"| {names} | {kind.title} | `{kind.protocol}` | {keys} | {model} |" in MODELS


def test_what_is_left_out_is_named() -> None:
    left_out = ("vscode-lm", "claude-code", "openai-codex", "qwen-code", "oca")
    named = {name for name in left_out if why_left_out(name)}
    assert len(named) == 5
    assert {name for name in named if f"`{name}`" not in MODELS} == set()
