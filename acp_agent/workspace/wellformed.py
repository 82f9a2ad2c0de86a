"""The check before a text is written: an edit may not break the syntax of a file that was well-formed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio.to_thread

from acp_agent.errors import ToolError
from acp_agent.redaction.redactor import NO_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import PurePath

    from acp_agent.redaction.redactor import Redactor
    from acp_agent.workspace.syntax import Broken, Problem, Syntax

EXCERPT_CHARACTERS = 80
"""Shown of a line."""
LISTED = 10
"""Of the places where a text is broken."""

log = logging.getLogger(__name__)


class Wellformed:
    """Texts are plain, with `\\n` for every line ending. Nothing is loaded before the first check."""

    def __init__(self, syntax: Callable[[], Syntax] | None = None, redactor: Redactor = NO_VALUES) -> None:
        """Without a `syntax` every text is well-formed."""
        self._syntax = syntax
        self._redactor = redactor
        self._passed = 0

    async def check(self, path: PurePath, before: str | None, after: str) -> str | None:
        """Why `after` may not be written, for the model; None when it may. No `before`: a new file."""
        key = hash((path, before, after))
        if self._syntax is None or before == after or key == self._passed:
            return None
        refused = await anyio.to_thread.run_sync(self._checked, self._syntax, path, before, after)
        if refused is None:
            self._passed = key  # a call asks twice: before it is approved, and when it runs
        return refused

    async def require(self, path: PurePath, before: str | None, after: str) -> None:
        """Raises ToolError when `after` may not be written."""
        refusal = await self.check(path, before, after)
        if refusal:
            raise ToolError(refusal)

    def _checked(
        self, syntax: Callable[[], Syntax], path: PurePath, before: str | None, after: str
    ) -> str | None:
        try:
            broken = syntax().check(path, before, after)
        except Exception:  # a parser with a bug must not keep anybody from writing
            log.exception("The syntax of %s could not be checked", path)
            return None
        if broken is None:
            return None
        return refusal(broken, after, self._redactor(after), new=before is None)


def refusal(broken: Broken, text: str, shown: str, *, new: bool) -> str:
    """What is wrong, for the model. `shown` is the text without secrets: what it lacks is not quoted."""
    lines, kept = text.split("\n"), shown.split("\n")
    quotable = lines if lines == kept else _kept(lines, kept)
    head = "No file was written: this text breaks" if new else "The file was not modified: the change breaks"
    parts = [f"{head} the syntax of {broken.language}. Lines as they would be:"]
    parts.extend(_places(broken, quotable))
    return "\n".join(parts)


def _places(broken: Broken, lines: Sequence[str | None]) -> Iterator[str]:
    if broken.unclosed:
        yield f"{_told(broken.unclosed, lines)}"
    if broken.suspect and broken.suspect != broken.unclosed:
        yield f"{_told(broken.suspect, lines)}"
    told = {(each.line, each.column) for each in (broken.unclosed, broken.suspect) if each}
    for problem in broken.problems[:LISTED]:
        if (problem.line, problem.column) not in told:
            yield _told(problem, lines)


def _told(problem: Problem, lines: Sequence[str | None]) -> str:
    line = lines[problem.line - 1] if 0 < problem.line <= len(lines) else None
    found = f": {problem.found}" if problem.found and line is not None else ""
    place = f"line {problem.line}, column {problem.column}: {problem.what}{found}"
    if line is None or not line.strip():
        return place
    start = max(0, min(problem.column - 1 - EXCERPT_CHARACTERS // 2, len(line) - EXCERPT_CHARACTERS))
    return f"{place}\n    {line[start : start + EXCERPT_CHARACTERS].strip()}"


def _kept(lines: Sequence[str], shown: Sequence[str]) -> Sequence[str | None]:
    """The lines that hold no secret; none at all where lines have gone with a secret."""
    if len(lines) != len(shown):
        return [None] * len(lines)
    return [line if line == other else None for line, other in zip(lines, shown, strict=True)]
