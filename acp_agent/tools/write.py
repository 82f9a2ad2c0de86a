"""Writing whole files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import ToolError
from acp_agent.models.messages import ToolSpec
from acp_agent.redaction.redactor import MARK
from acp_agent.tools.base import ToolResult
from acp_agent.tools.changes import STANDS_FOR, report, shown_change
from acp_agent.tools.parameters import Param, Parameters
from acp_agent.tools.target import Target
from acp_agent.workspace.text import Text

if TYPE_CHECKING:
    from acp_agent.events import Location, Shown, ToolKind
    from acp_agent.permission.claims import Claim
    from acp_agent.tools.base import Call, Progress, Tool
    from acp_agent.workspace.documents import Document
    from acp_agent.workspace.workspace import Workspace

PARAMETERS = Parameters(Param("path"), Param("content"))
DESCRIPTION = "Create a file and its folders, or replace a file you have read. To change a part use edit."


class Plan(NamedTuple):
    base: Document | None
    """None for a new file."""
    text: Text


class WriteTool:
    spec = ToolSpec("write", DESCRIPTION, PARAMETERS.schema())
    kind: ToolKind = "edit"
    reads_only = False

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def bind(self, arguments: dict[str, object]) -> Call:
        given = PARAMETERS.check("write", arguments)
        target = Target(self._workspace.roots, given.text("path"))
        return WriteCall(self._workspace, target, given.text("content"))


class WriteCall:
    def __init__(self, workspace: Workspace, target: Target, content: str) -> None:
        self._documents = workspace.documents
        self._redact = workspace.redactor
        self._wellformed = workspace.wellformed
        self._target = target
        self._content = content
        self._previewed: Plan | None = None

    @property
    def title(self) -> str:
        return f"Write {self._target.title}"

    @property
    def locations(self) -> tuple[Location, ...]:
        return (self._target.location(1),)

    def claims(self) -> tuple[Claim, ...]:
        return self._target.claims("edit")

    async def preview(self) -> tuple[Shown, ...]:
        self._previewed = await self._plan()
        return self._shown(self._previewed, self._previewed.text)

    async def run(self, progress: Progress) -> ToolResult:
        plan = await self._plan()
        if self._previewed and _version(self._previewed) != _version(plan):
            raise ToolError(f"{self._target.shown} has changed since the call was approved. Read it again.")
        if plan.base and plan.base.source == plan.text:
            return ToolResult(f"{self._target.shown} already holds exactly this.", shown=())
        written = await self._documents.write(self._target.place, plan.text, plan.base)
        lines = self._count(plan.text)
        return ToolResult(
            (f"Wrote {lines} to" if plan.base else f"Created {lines} in")
            + f" {self._target.shown}."
            + report(self._documents, written, plan.text),
            shown=self._shown(plan, written.document.source),
            record={"path": str(self._target.place.path), "created": plan.base is None},
        )

    async def _plan(self) -> Plan:
        """What to write; the same in `preview` and `run` unless the file has changed between."""
        place = self._target.place
        if not await self._documents.exists(place):
            plan = Plan(None, Text(self._content))
        else:
            base = await self._documents.read(place)
            self._documents.require_seen(base)
            self._require_whole(base)
            plan = Plan(base, base.source.replaced(self._content))
        plan.text.encode()  # what cannot be written is told before anybody is asked
        await self._wellformed.require(place.path, plan.base and plan.base.text, plan.text.plain)
        return plan

    def _require_whole(self, base: Document) -> None:
        """Raises ToolError for a text that has our mark where the file has a secret: it would be lost."""
        if self._content.count(MARK) > base.text.count(MARK) and self._redact(base.text) != base.text:
            raise ToolError(f"Not written: the secret in {self._target.shown} would be lost. {STANDS_FOR}")

    def _shown(self, plan: Plan, text: Text) -> tuple[Shown, ...]:
        path = str(self._target.place.path)
        summary = f"{self._count(text)}, too many to show."
        return shown_change(path, plan.base.source if plan.base else None, text, summary)

    @staticmethod
    def _count(text: Text) -> str:
        lines = len(text.plain.removesuffix("\n").split("\n")) if text.content else 0
        return "1 line" if lines == 1 else f"{lines} lines"


def _version(plan: Plan) -> str | None:
    return plan.base.version if plan.base else None


if TYPE_CHECKING:

    def conforms(tool: WriteTool, call: WriteCall) -> tuple[Tool, Call]:
        return tool, call
