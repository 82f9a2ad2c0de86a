"""The tables beside this, read once and only when they are needed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def table(name: str) -> Mapping[str, Any]:
    """One of them, not to be changed. Numbers with a fraction stay text: no float comes near a price."""
    text = Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text, parse_float=str)
