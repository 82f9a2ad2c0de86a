"""docs/configuration.md names every key, and its examples are valid."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from acp_agent.config.schema import json_schema
from acp_agent.models.routes import provider_types

if TYPE_CHECKING:
    from tests.unit.config.conftest import Place

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLES: list[str] = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_is_valid(place: Place, example: str) -> None:
    place.env["MY_KEY"] = "k"
    place.write_own(json.loads(example))
    assert place.load().problems == ()


def test_every_key_is_named() -> None:
    schema = json_schema()
    objects = [schema, *cast("dict[str, dict[str, object]]", schema["$defs"]).values()]
    keys = {key for each in objects for key in cast("dict[str, object]", each["properties"])}
    assert {key for key in keys if f"`{key}`" not in PAGE and f'"{key}"' not in PAGE} == set()


def test_every_type_is_named() -> None:
    assert {name for name in provider_types() if f"`{name}`" not in PAGE} == set()
