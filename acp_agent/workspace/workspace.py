"""What the tools of one session work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.redaction.redactor import NO_VALUES, Redactor
from acp_agent.workspace.documents import Documents
from acp_agent.workspace.roots import Roots
from acp_agent.workspace.wellformed import Wellformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from acp_agent.workspace.documents import EditorFiles
    from acp_agent.workspace.snapshots import Keeper
    from acp_agent.workspace.syntax import Syntax


class Workspace(NamedTuple):
    roots: Roots
    documents: Documents
    redactor: Redactor = NO_VALUES
    """For what is read."""
    wellformed: Wellformed = Wellformed()
    """For what is written."""


def open_workspace(
    cwd: Path,
    additional: Iterable[Path] = (),
    editor: EditorFiles | None = None,
    redactor: Redactor = NO_VALUES,
    keeper: Keeper | None = None,
    syntax: Callable[[], Syntax] | None = None,
) -> Workspace:
    """The workspace of a session. Touches and loads nothing yet; without a `syntax` none is checked."""
    documents = Documents(editor, keeper)
    return Workspace(Roots(cwd, additional), documents, redactor, Wellformed(syntax, redactor))
