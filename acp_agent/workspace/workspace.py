"""What the tools of one session work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.redaction.redactor import NO_VALUES, Redactor
from acp_agent.workspace.documents import Documents
from acp_agent.workspace.roots import Roots

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from acp_agent.workspace.documents import EditorFiles
    from acp_agent.workspace.snapshots import Keeper


class Workspace(NamedTuple):
    roots: Roots
    documents: Documents
    redactor: Redactor = NO_VALUES
    """For what is read."""


def open_workspace(
    cwd: Path,
    additional: Iterable[Path] = (),
    editor: EditorFiles | None = None,
    redactor: Redactor = NO_VALUES,
    keeper: Keeper | None = None,
) -> Workspace:
    """The workspace of a session. Touches nothing yet."""
    return Workspace(Roots(cwd, additional), Documents(editor, keeper), redactor)
