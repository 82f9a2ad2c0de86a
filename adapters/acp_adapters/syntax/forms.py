"""The definitions of a language that has no grammar: forms that begin in the first column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.workspace.syntax import Symbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_adapters.syntax.languages import Language
    from acp_agent.workspace.syntax import SymbolKind

SIGNATURE_CHARACTERS = 200
_VALUES = frozenset(
    ["def", "defonce", "var", "local", "global", "defvar", "defconst", "defcustom", "defparameter"]
)


def forms(language: Language, text: str) -> Iterator[Symbol]:
    if not language.defines:
        return
    starts = [match.start() for match in re.finditer(r"^\(", text, re.MULTILINE)]
    pattern = re.compile(language.defines)
    for nth, start in enumerate(starts):
        match = pattern.match(text, start)
        if match is None:
            continue
        end = len(text[: starts[nth + 1] if nth + 1 < len(starts) else len(text)].rstrip())
        line = text.count("\n", 0, start) + 1
        name = match[3]
        signature = text[start:end].partition("\n")[0][:SIGNATURE_CHARACTERS]
        at = match.start(3)
        name_line = text.count("\n", 0, at) + 1
        yield Symbol(
            name, _kind(match[1]), name, signature, name_line, at - text.rfind("\n", 0, at), line,
            text.count("\n", 0, end) + 1, start, end, None, 0, True,
        )  # fmt: skip


def _kind(form: str) -> SymbolKind:
    if "macro" in form:
        return "macro"
    if form in ("ns", "module"):
        return "module"
    return "variable" if form in _VALUES else "function"
