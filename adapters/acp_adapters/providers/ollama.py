"""Ollama on this machine: which models it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import anyio
import httpx

from acp_adapters.http import client_for

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOK_LIMIT_S = 0.5
"""Something on this machine answers at once or is not there."""


async def installed(base_url: str) -> Sequence[str]:
    """The names of the models that the Ollama at `base_url` has; none when there is no Ollama."""
    try:
        with anyio.fail_after(LOOK_LIMIT_S):
            answer = await client_for(base_url).get(f"{base_url}/models")
            data: object = answer.json()
    except (TimeoutError, httpx.HTTPError, ValueError, OSError, ImportError):
        return ()
    found = cast("dict[str, object]", data).get("data") if isinstance(data, dict) else None
    entries = cast("list[dict[str, object]]", found) if isinstance(found, list) else []
    return [name for entry in entries if isinstance(name := entry.get("id"), str)]
