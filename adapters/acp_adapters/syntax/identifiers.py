"""Where the identifiers of a text are, and what they do there."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from acp_adapters.syntax.definitions import definitions_in
from acp_adapters.syntax.outlining import symbols_of
from acp_adapters.syntax.parsing import captures, known_language, parse, uses
from acp_agent.workspace.syntax import GrammarMissing, Occurrence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePath

    from acp_adapters.syntax.definitions import Definitions
    from acp_adapters.syntax.parsing import Parsed
    from acp_agent.workspace.syntax import Role, Symbol


def occurrences(path: PurePath, text: str, name: str | None = None) -> tuple[Occurrence, ...]:
    """As acp_agent.workspace.syntax.Syntax says."""
    language = known_language(path, text)
    if not language.identifiers:
        raise GrammarMissing(f"Identifiers of {language.name} are not told apart from other text.")
    parsed = parse(language, text)
    found = definitions_in(parsed)
    symbols = tuple(symbols_of(parsed, found))
    return tuple(_occurrences(parsed, found, symbols, name))


def _occurrences(
    parsed: Parsed, found: Definitions, symbols: Sequence[Symbol], name: str | None
) -> Iterator[Occurrence]:
    every = captures(uses(parsed.language.name), parsed.root)
    called = {node.end_byte for node in every.get("call", ())}
    imports = sorted((node.start_byte, node.end_byte) for node in every.get("import", ()))
    defined = {each.name.end_byte for each in found.found}
    wanted = name.encode() if name is not None else None
    around = _Around(symbols)
    for node in sorted(every.get("identifier", ()), key=lambda node: node.start_byte):
        start, end = node.start_byte, node.end_byte
        text = parsed.source[start:end]
        if node.child_count or (wanted is not None and text != wanted):
            continue
        role: Role = "reference"
        if end in defined:
            role = "definition"
        elif _inside(imports, start):
            role = "import"
        elif end in called:
            role = "call"
        offset = parsed.places.offset(start)
        line, column = node.start_point[0] + 1, parsed.places.column(node.start_point)
        within = around.innermost(offset, line if role == "definition" else 0)
        yield Occurrence(text.decode("utf-8", "replace"), role, line, column, offset, within)


def _inside(ranges: Sequence[tuple[int, int]], at: int) -> bool:
    index = bisect_right(ranges, (at, 1 << 62)) - 1
    return index >= 0 and at < ranges[index][1]


class _Around:
    """The symbols around places that are asked for in order."""

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self._coming = list(reversed(symbols))
        self._open: list[Symbol] = []

    def innermost(self, offset: int, defined_in: int) -> str:
        """`defined_in` is the line of the symbol whose own name is at the place, or 0."""
        while self._coming and self._coming[-1].start <= offset:
            self._open.append(self._coming.pop())
        self._open = [symbol for symbol in self._open if symbol.end > offset]
        inner = [symbol for symbol in self._open if not (defined_in and symbol.line == defined_in)]
        return inner[-1].qualified if inner else ""
