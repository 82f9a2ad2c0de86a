"""The agent driven by the protocol's Python SDK."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import acp
import anyio
from acp import schema

from tests.interop.checkout import Outcome
from tests.support.wire import WAIT_S, JsonObject
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.support.workbench import Workbench


class Editor:
    """A client that remembers what it was told, and decides every permission the same way."""

    def __init__(self, decision: str) -> None:
        self.decision = decision
        self.updates: list[JsonObject] = []
        self.permissions: list[JsonObject] = []
        self.spoken = anyio.Event()

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append(update.model_dump(by_alias=True, exclude_none=True))
        if update.session_update == "agent_message_chunk":
            self.spoken.set()

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[schema.PermissionOption], **_: Any
    ) -> schema.RequestPermissionResponse:
        self.permissions.append({"toolCall": tool_call.model_dump(by_alias=True, exclude_none=True)})
        option = next(one for one in options if one.kind == self.decision)
        selected = schema.AllowedOutcome(outcome="selected", option_id=option.option_id)
        return schema.RequestPermissionResponse(outcome=selected)

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **_: Any
    ) -> schema.ReadTextFileResponse:
        return schema.ReadTextFileResponse(content=await anyio.Path(path).read_text(encoding="utf-8"))

    async def write_text_file(
        self, session_id: str, path: str, content: str, **_: Any
    ) -> schema.WriteTextFileResponse:
        await anyio.Path(path).write_text(content, encoding="utf-8")
        return schema.WriteTextFileResponse()


class Complaints(logging.Handler):
    """Collects what the SDK logs: it does so for every message it cannot validate."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


async def drive(workbench: Workbench, prompt: str, decision: str, cancel: bool) -> Outcome:
    editor, complaints = Editor(decision), Complaints()
    logging.getLogger().addHandler(complaints)
    files = schema.FileSystemCapabilities(read_text_file=True, write_text_file=True)
    try:
        with anyio.fail_after(WAIT_S * 2):
            async with acp.spawn_agent_process(
                cast(acp.Client, editor), *agent_command(), env=workbench.environment(), cwd=workbench.root
            ) as (agent, process):
                await agent.initialize(1, client_capabilities=schema.ClientCapabilities(fs=files))
                session = await agent.new_session(cwd=str(workbench.project), mcp_servers=[])
                stop_reason = await ask(agent, editor, session.session_id, prompt, cancel)
            await process.wait()
    finally:
        logging.getLogger().removeHandler(complaints)
    if process.returncode != 0:
        complaints.found.append(f"exit status {process.returncode}")
    return Outcome(stop_reason, editor.updates, editor.permissions, "\n".join(complaints.found))


async def ask(agent: Any, editor: Editor, session_id: str, prompt: str, cancel: bool) -> str:
    """One turn, cancelled once the agent has spoken if wanted; its stop reason."""
    reasons: list[str] = []

    async def take_turn() -> None:
        blocks = [schema.TextContentBlock(type="text", text=prompt)]
        reasons.append((await agent.prompt(prompt=blocks, session_id=session_id)).stop_reason)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take_turn)
        if cancel:
            await editor.spoken.wait()
            await agent.cancel(session_id=session_id)
    return reasons[0]
