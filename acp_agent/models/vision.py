"""Whether a model takes images, by its name (vision.json)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import cast


@cache
def _table() -> tuple[tuple[str, bool], ...]:
    table = json.loads(Path(__file__).with_name("vision.json").read_text(encoding="utf-8"))
    return tuple((part, seeing) for part, seeing in cast("list[tuple[str, bool]]", table["models"]))


def takes_images(model: str) -> bool:
    """By the first text of vision.json that the model's name contains; True for one that is not known."""
    name = model.lower()
    return next((seeing for part, seeing in _table() if part in name), True)
