"""Ollama on this machine: which models it has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from acp_adapters.http import Outgoing, fetch
from acp_agent.errors import HttpError

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOK_LIMIT_S = 0.5
"""Something on this machine answers at once or is not there."""


async def installed(base_url: str) -> Sequence[str]:
    """The names of the models that the Ollama at `base_url` has; none when there is no Ollama."""
    try:
        data: object = json.loads(
            (await fetch(Outgoing(f"{base_url}/models", method="GET"), LOOK_LIMIT_S)).body
        )
    except (HttpError, ValueError, RecursionError):
        return ()
    found = cast("dict[str, object]", data).get("data") if isinstance(data, dict) else None
    entries = cast("list[dict[str, object]]", found) if isinstance(found, list) else []
    return [name for entry in entries if isinstance(name := entry.get("id"), str)]
