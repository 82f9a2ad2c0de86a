"""Without any settings, an Ollama on its usual port is found and used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from acp_agent.models.stream import Finished, TextPiece, Usage
from tests.support.http_server import Answer, http_server
from tests.support.services import ollama
from tests.support.session import new_session

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.workbench import Workbench

PORT = 11434
MODELS = {"models": [{"name": "qwen3-coder"}, {"name": "llama3.3"}]}
EVENTS = (TextPiece("Hello."), Finished("end", Usage(1, 1)))


async def test_it_is_found_and_answers(workbench: Workbench, launch: Launch) -> None:
    workbench.settle({})
    listed = Answer([json.dumps(MODELS).encode()], content_type="application/json")
    said = Answer(list(ollama(EVENTS)), content_type="application/x-ndjson")
    async with http_server(listed, said, port=PORT) as server:
        session = await new_session(await launch(), workbench.project)
        (model,) = [option for option in session.opened["configOptions"] if option["id"] == "model"]
        assert model["currentValue"] == "ollama/qwen3-coder"
        assert [choice["value"] for choice in model["options"]] == ["ollama/qwen3-coder", "ollama/llama3.3"]
        assert (await session.prompt("hi")).text == "Hello."
        assert [request.path for request in server.requests] == ["/api/tags", "/api/chat"]
        assert server.requests[1].body["model"] == "qwen3-coder"
        assert server.requests[1].body["options"] == {"num_ctx": 32_768}
