"""An editor as the tests need it: asks the agent, serves what the agent asks, remembers everything."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import anyio

from tests.support.wire import WAIT_S, JsonObject, id_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from anyio.abc import TaskGroup

    from tests.support.wire import Wire

FULL: JsonObject = {"fs": {"readTextFile": True, "writeTextFile": True}, "terminal": False}
"""What an editor with buffers offers."""
NOTHING: JsonObject = {}
NULL: JsonObject = {}
"""What a handler returns that answers with null."""

INTERNAL_ERROR = -32603
INVALID_PARAMS = -32602
METHOD_NOT_FOUND = -32601

Handler = Callable[[JsonObject], Awaitable[JsonObject | None]]
"""Answers a request of the agent; None means that it is never answered."""


class Refused(Exception):
    """Raised by a handler: the request is answered with this error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Reply(NamedTuple):
    """A response of the agent: its position in the record, and what it says."""

    at: int
    message: JsonObject

    @property
    def result(self) -> JsonObject:
        assert "result" in self.message, self.message
        result = self.message["result"]
        assert isinstance(result, dict), self.message
        return cast(JsonObject, result)

    @property
    def error(self) -> JsonObject:
        assert "error" in self.message, self.message
        return self.message["error"]


class Client:
    """One connection. `handlers` may be changed at any time; a method without one gets -32601."""

    def __init__(self, wire: Wire, tasks: TaskGroup) -> None:
        self.wire = wire
        self.handlers: dict[str, Handler] = {
            "session/request_permission": choose("allow_once"),
            "fs/read_text_file": read_disk,
            "fs/write_text_file": write_disk,
        }
        self.capabilities: JsonObject = {}
        self.introduced: JsonObject = {}
        """What `initialize` was answered with."""
        self.tasks = tasks
        self._ids = itertools.count(100)  # away from ids that tests write by hand
        wire.on_message = self._serve

    async def initialize(
        self, capabilities: JsonObject | None = None, version: int = 1, meta: JsonObject | None = None
    ) -> JsonObject:
        self.capabilities = FULL if capabilities is None else capabilities
        params = {
            "protocolVersion": version,
            "clientCapabilities": self.capabilities,
            "clientInfo": {"name": "wire-tests", "version": "1"},
            **({"_meta": meta} if meta else {}),
        }
        self.introduced = (await self.ask("initialize", params)).result
        return self.introduced

    async def post(self, method: str, params: object) -> int:
        """Send a request; the id to wait for."""
        request_id = next(self._ids)
        await self.wire.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        return request_id

    async def notify(self, method: str, params: object) -> None:
        await self.wire.send({"jsonrpc": "2.0", "method": method, "params": params})

    async def answer(self, request_id: object, within: float = WAIT_S) -> Reply:
        """The response to a request. The ids 1 and "1" are two ids."""

        def wanted(message: JsonObject) -> bool:
            if "method" in message or "id" not in message:
                return False
            return id_key(message["id"]) == id_key(request_id)

        return Reply(*await self.wire.until(wanted, within=within))

    async def ask(self, method: str, params: object, within: float = WAIT_S) -> Reply:
        """Send a request and wait for its response."""
        return await self.answer(await self.post(method, params), within)

    async def reply(self, request: JsonObject, result: object) -> None:
        """Answer a request of the agent that its handler left unanswered."""
        await self.wire.send({"jsonrpc": "2.0", "id": request["id"], "result": result})

    async def asked(self, method: str, *, start: int = 0) -> JsonObject:
        """The first request or notification of that method from `start` on, waiting for it."""
        _, message = await self.wire.until(lambda m: m.get("method") == method, start=start)
        return message

    def calls(self, method: str) -> list[JsonObject]:
        """Requests and notifications of that method so far."""
        return [message for message in self.wire.messages if message.get("method") == method]

    async def settle(self) -> None:
        """Wait until the agent has answered what it was sent before, with a request that does nothing."""
        await self.ask("_test/settle", {})

    def _serve(self, message: JsonObject) -> None:
        if "method" in message and "id" in message:
            self.tasks.start_soon(self._answer, message)

    async def _answer(self, message: JsonObject) -> None:
        answer: JsonObject = {"jsonrpc": "2.0", "id": message["id"]}
        handler = self.handlers.get(message["method"])
        try:
            if handler is None:
                raise Refused(METHOD_NOT_FOUND, f"no handler for {message['method']}")
            result = await handler(message.get("params") or {})
        except Refused as refused:
            answer["error"] = {"code": refused.code, "message": str(refused)}
        except OSError as error:
            answer["error"] = {"code": INTERNAL_ERROR, "message": str(error)}
        else:
            if result is None:
                return
            answer["result"] = None if result is NULL else result
        try:
            await self.wire.send(answer)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the agent has gone before its answer


def choose(kind: str) -> Handler:
    """Answers a permission request with the option of that kind."""

    async def answer(params: JsonObject) -> JsonObject:
        options = [option["optionId"] for option in params["options"] if option["kind"] == kind]
        assert options, f"no option of kind {kind}: {params['options']}"
        return {"outcome": {"outcome": "selected", "optionId": options[0]}}

    return answer


def always(result: JsonObject) -> Handler:
    """Answers every request with `result`."""

    async def answer(_params: JsonObject) -> JsonObject:
        return result

    return answer


def refuse(code: int, message: str = "refused by the test") -> Handler:
    """Answers every request with an error."""

    async def answer(_params: JsonObject) -> JsonObject:
        raise Refused(code, message)

    return answer


async def silent(_params: JsonObject) -> None:
    """Never answers."""


async def read_disk(params: JsonObject) -> JsonObject:
    text = await anyio.Path(params["path"]).read_text(encoding="utf-8")
    return {"content": part_of(text, params)}


async def write_disk(params: JsonObject) -> JsonObject:
    await anyio.Path(params["path"]).write_text(params["content"], encoding="utf-8")
    return {}


def part_of(text: str, params: Mapping[str, Any]) -> str:
    """The lines that a read asks for: `line` is 1-based, either may be missing."""
    lines = text.splitlines(keepends=True)
    first = (params.get("line") or 1) - 1
    limit = params.get("limit")
    return "".join(lines[first : None if limit is None else first + limit])


class Buffers:
    """An editor's unsaved texts, by absolute path; what is in none of them is on disk."""

    def __init__(self, texts: Mapping[Path, str]) -> None:
        self.texts = {str(path): text for path, text in texts.items()}
        self.written: list[str] = []

    async def read(self, params: JsonObject) -> JsonObject:
        text = self.texts.get(params["path"])
        return await read_disk(params) if text is None else {"content": part_of(text, params)}

    async def write(self, params: JsonObject) -> JsonObject:
        self.written.append(params["path"])
        self.texts[params["path"]] = params["content"]
        return await write_disk(params)

    def serve(self, client: Client) -> None:
        client.handlers["fs/read_text_file"] = self.read
        client.handlers["fs/write_text_file"] = self.write
