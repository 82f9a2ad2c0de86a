"""The syntax of files by tree-sitter: what acp_agent.workspace.syntax asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_adapters.syntax.checking import check
from acp_adapters.syntax.identifiers import occurrences
from acp_adapters.syntax.outlining import outline

if TYPE_CHECKING:
    from pathlib import PurePath

    from acp_agent.workspace.syntax import Broken, Occurrence, Outline, Syntax


class Files:
    def check(self, path: PurePath, before: str | None, after: str) -> Broken | None:
        return check(path, before, after)

    def outline(self, path: PurePath, text: str) -> Outline:
        return outline(path, text)

    def occurrences(self, path: PurePath, text: str, name: str | None = None) -> tuple[Occurrence, ...]:
        return occurrences(path, text, name)


if TYPE_CHECKING:
    _: Syntax = Files()
