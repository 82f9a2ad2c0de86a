"""Asking the person at the editor for permission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from acp_agent.permission.gate import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.permission.gate import AskOption, Question


class PermissionPrompt(Protocol):
    async def request_permission(self, call_id: str, options: Sequence[AskOption]) -> str | None:
        """The id of the chosen option, None for no choice. Raises PeerError."""
        ...


class EditorAsker:
    """permission.gate.Asker over an editor."""

    def __init__(self, editor: PermissionPrompt) -> None:
        self._editor = editor

    async def ask(self, question: Question) -> Answer:
        return Answer(await self._editor.request_permission(question.call.call_id, question.options))
