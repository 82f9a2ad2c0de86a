"""Without any settings, an Ollama on its usual port is found and used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.http_server import Answer, http_server
from tests.support.session import new_session

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.workbench import Workbench

PORT = 11434
MODELS = {"data": [{"id": "qwen3-coder"}, {"id": "llama3.3"}]}


def chunk(delta: dict[str, object], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


async def test_it_is_found_and_answers(workbench: Workbench, launch: Launch) -> None:
    workbench.settle({})
    listed = Answer([json.dumps(MODELS).encode()], content_type="application/json")
    said = Answer([chunk({"content": "Hello."}), chunk({}, "stop"), b"data: [DONE]\n\n"])
    async with http_server(listed, said, port=PORT) as server:
        session = await new_session(await launch(), workbench.project)
        (model,) = [option for option in session.opened["configOptions"] if option["id"] == "model"]
        assert model["currentValue"] == "ollama/qwen3-coder"
        assert [choice["value"] for choice in model["options"]] == ["ollama/qwen3-coder", "ollama/llama3.3"]
        assert (await session.prompt("hi")).text == "Hello."
        assert [request.path for request in server.requests] == ["/v1/models", "/v1/chat/completions"]
        assert server.requests[1].body["model"] == "qwen3-coder"
