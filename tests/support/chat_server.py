"""A model service of a test's own: it speaks chat completions and remembers what it was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.http_server import Answer

if TYPE_CHECKING:
    from tests.support.http_server import HttpServer
    from tests.support.workbench import Workbench


def says(text: str, **usage: object) -> Answer:
    """An answer of one piece; `usage` is what it counts."""
    chunks: list[dict[str, object]] = [{"choices": [{"index": 0, "delta": {"content": text}}]}]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage or None})
    lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return Answer([lines.encode(), b"data: [DONE]\n\n"])


def use(bench: Workbench, server: HttpServer, **settings: object) -> None:
    entry = {"provider_type": "custom", "base_url": f"{server.url}/v1", "model": "m"}
    bench.settle({"provider": "far", "providers": {"far": entry}, **settings})
