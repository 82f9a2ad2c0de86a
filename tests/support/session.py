"""A session as its client sees it: prompts, turns, and the tool calls folded from their updates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.wire import WAIT_S, JsonObject, objects

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.client import Client, Reply

FINAL = {"completed", "failed"}


@dataclass(slots=True)
class ToolCall:
    """One tool call: every update of it, and what they add up to."""

    now: JsonObject
    updates: list[JsonObject] = field(default_factory=list[JsonObject])

    @property
    def states(self) -> list[str]:
        """The statuses it went through, without repetitions."""
        seen: list[str] = []
        for update in self.updates:
            status = update.get("status")
            if status is not None and seen[-1:] != [status]:
                seen.append(status)
        return seen

    @property
    def diff(self) -> JsonObject:
        """Its first diff."""
        return next(item for item in self.now["content"] if item["type"] == "diff")

    @property
    def text(self) -> str:
        """Its text content."""
        items = objects(self.now, "content")
        return "\n".join(item["content"]["text"] for item in items if item["type"] == "content")


def fold(updates: list[JsonObject]) -> dict[str, ToolCall]:
    """Tool calls by id, in the order they began."""
    calls: dict[str, ToolCall] = {}
    for update in updates:
        if update["sessionUpdate"] == "tool_call":
            assert update["toolCallId"] not in calls, f"begun twice: {update}"
            calls[update["toolCallId"]] = ToolCall(dict(update), [update])
        elif update["sessionUpdate"] == "tool_call_update":
            call = calls[update["toolCallId"]]
            call.updates.append(update)
            call.now.update({key: value for key, value in update.items() if value is not None})
    return calls


@dataclass(slots=True)
class Turn:
    """A finished prompt: its response and the updates that came between."""

    reply: Reply
    updates: list[JsonObject]

    @property
    def stop_reason(self) -> str:
        return self.reply.result["stopReason"]

    @property
    def text(self) -> str:
        return chunks(self.updates, "agent_message_chunk")

    @property
    def thoughts(self) -> str:
        return chunks(self.updates, "agent_thought_chunk")

    @property
    def calls(self) -> list[ToolCall]:
        return list(fold(self.updates).values())

    @property
    def call(self) -> ToolCall:
        """Its only tool call."""
        (call,) = self.calls
        return call

    def kind(self, kind: str) -> list[JsonObject]:
        return [update for update in self.updates if update["sessionUpdate"] == kind]


def chunks(updates: list[JsonObject], kind: str) -> str:
    return "".join(update["content"]["text"] for update in updates if update["sessionUpdate"] == kind)


class Prompt:
    """A prompt that was sent."""

    def __init__(self, session: Session, request_id: int, start: int) -> None:
        self.id = request_id
        self.start = start
        """Position in the client's record from which its updates can come."""
        self._session = session

    async def end(self, within: float = WAIT_S) -> Turn:
        """Wait for its response, whatever that is."""
        reply = await self._session.client.answer(self.id, within)
        return Turn(reply, self._session.updates(start=self.start, stop=reply.at))


class Session:
    """One session of a client; `opened` is the result of the request that opened it."""

    def __init__(
        self, client: Client, cwd: Path, reply: Reply, session_id: str = "", asked_at: int = 0
    ) -> None:
        self.asked_at = asked_at
        """Position in the client's record at which it was asked for."""
        self.client = client
        self.cwd = cwd
        self.reply = reply
        self.opened = reply.result
        self.id: str = session_id or self.opened["sessionId"]

    async def start(self, prompt: str | list[JsonObject]) -> Prompt:
        """Send a prompt and do not wait."""
        blocks = [{"type": "text", "text": prompt}] if isinstance(prompt, str) else prompt
        start = len(self.client.wire.lines)
        request_id = await self.client.post("session/prompt", {"sessionId": self.id, "prompt": blocks})
        return Prompt(self, request_id, start)

    async def prompt(self, prompt: str | list[JsonObject], within: float = WAIT_S) -> Turn:
        """One whole turn."""
        return await (await self.start(prompt)).end(within)

    async def cancel(self) -> None:
        await self.client.notify("session/cancel", {"sessionId": self.id})

    async def set_mode(self, mode: str) -> JsonObject:
        reply = await self.client.ask("session/set_mode", {"sessionId": self.id, "modeId": mode})
        return reply.result

    async def set_option(self, option: str, value: str | bool) -> list[JsonObject]:
        params: JsonObject = {"sessionId": self.id, "configId": option, "value": value}
        if isinstance(value, bool):
            params["type"] = "boolean"
        reply = await self.client.ask("session/set_config_option", params)
        return reply.result["configOptions"]

    def updates(
        self, kind: str | None = None, *, start: int = 0, stop: int | None = None
    ) -> list[JsonObject]:
        """Updates of this session between two positions of the record."""
        return [
            message["params"]["update"]
            for message in self.client.wire.messages[start:stop]
            if message.get("method") == "session/update"
            and message["params"]["sessionId"] == self.id
            and kind in (None, message["params"]["update"]["sessionUpdate"])
        ]

    async def saw(self, kind: str, *, start: int = 0, **fields: object) -> JsonObject:
        """The first update of a kind from `start` on whose fields are these, waiting for it."""

        def wanted(message: JsonObject) -> bool:
            if message.get("method") != "session/update" or message["params"]["sessionId"] != self.id:
                return False
            update = message["params"]["update"]
            matches = all(update.get(name) == value for name, value in fields.items())
            return update["sessionUpdate"] == kind and matches

        _, message = await self.client.wire.until(wanted, start=start)
        return message["params"]["update"]

    async def running(self, prompt: Prompt) -> JsonObject:
        """Wait until a tool of `prompt` runs: the update that says so."""
        return await self.saw("tool_call_update", start=prompt.start, status="in_progress")


def opening(cwd: Path | str, **params: object) -> JsonObject:
    """Parameters of session/new."""
    return {"cwd": str(cwd), "mcpServers": [], **params}


async def new_session(client: Client, cwd: Path, **params: object) -> Session:
    return Session(client, cwd, await client.ask("session/new", opening(cwd, **params)))


async def reopen(method: str, client: Client, session: Session, **params: object) -> Session:
    """`session/load`, `session/resume` or `session/fork` of a session, by this or another client."""
    given = opening(session.cwd, sessionId=session.id, **params)
    start = len(client.wire.lines)
    reply = await client.ask(method, given)
    return Session(client, session.cwd, reply, reply.result.get("sessionId", session.id), start)
