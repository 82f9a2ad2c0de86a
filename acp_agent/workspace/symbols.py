"""Finding a symbol in an outline by what somebody calls it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acp_agent.workspace.syntax import Symbol

LISTED = 20
"""Of the symbols that may be meant."""
NAMES_CHARACTERS = 1000
_SEPARATORS = re.compile(r"::|->|\\|/|#")
_ADDITIONS = frozenset(("impl", "extension"))
"""What adds to something that is defined elsewhere under the same name."""


def find(symbols: Sequence[Symbol], wanted: str) -> tuple[Symbol, ...]:
    """The symbol of that name: several when it is overloaded, or defined more than once.

    `wanted` is a qualified name or the end of one: `Type.method`, `method`; `::` is as good as a dot. Raises
    ToolError with the candidates when it is the end of several, and with what there is when it is of none.
    """
    name = _SEPARATORS.sub(".", wanted.strip()).removesuffix("()").strip(".")
    if not name:
        raise ToolError("The name of the symbol is empty. Send one, such as `Type.method`.")
    exact = [symbol for symbol in symbols if symbol.qualified == name]
    found = exact or [symbol for symbol in symbols if symbol.qualified.endswith(f".{name}")]
    found = [symbol for symbol in found if symbol.kind not in _ADDITIONS] or found
    if not found:
        raise ToolError(_missing(symbols, name))
    if len({symbol.qualified for symbol in found}) > 1:
        raise ToolError(_ambiguous(found, name))
    return tuple(found)


def listed(symbols: Iterable[Symbol]) -> str:
    """An outline as text: the lines of each symbol and its signature, indented by what it is in."""
    lines: list[str] = []
    for symbol in symbols:
        span = f"{symbol.first}" if symbol.first == symbol.last else f"{symbol.first}-{symbol.last}"
        lines.append(f"{span}: {'  ' * symbol.depth}{symbol.signature}")
    return "\n".join(lines)


def _ambiguous(found: Sequence[Symbol], name: str) -> str:
    candidates = "\n".join(f"{symbol.qualified} (line {symbol.line})" for symbol in found[:LISTED])
    more = f"\n… and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return f"{name} is ambiguous. Send one of these:\n{candidates}{more}"


def _missing(symbols: Sequence[Symbol], name: str) -> str:
    if not symbols:
        return f"There is no {name}: nothing is defined in this file."
    from difflib import get_close_matches

    last = name.rpartition(".")[2]
    by_name: dict[str, str] = {}
    for symbol in symbols:
        by_name.setdefault(symbol.name, symbol.qualified)
    near = get_close_matches(last, by_name, 3)
    if near:
        return f"There is no {name}. Near it: {', '.join(by_name[each] for each in near)}."
    names = ", ".join(dict.fromkeys(symbol.qualified for symbol in symbols))
    more = "…" if len(names) > NAMES_CHARACTERS else "."
    return f"There is no {name}. There are: {names[:NAMES_CHARACTERS]}{more}"
