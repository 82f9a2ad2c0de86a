"""Whether a text may be written: not when it breaks the syntax of a file that was well-formed.

In doubt it may: refusing what is right costs more than missing what is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from acp_adapters.syntax.delimiters import in_text, in_tree
from acp_adapters.syntax.languages import language_of, table
from acp_adapters.syntax.opinions import OPINIONS
from acp_adapters.syntax.parsing import TooMuch, encoded, tree
from acp_agent.workspace.syntax import Broken, GrammarMissing, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from tree_sitter import Node

    from acp_adapters.syntax.delimiters import Imbalance
    from acp_adapters.syntax.languages import Language
    from acp_adapters.syntax.opinions import Opinion

MOST_PROBLEMS = 10
FOUND_CHARACTERS = 40
OPINION_CHARACTERS = 1 << 20
"""A longer text is judged by the grammar alone."""
LINE_CHARACTERS = 1000
"""Of a line that are searched for a reason to doubt the grammar."""
MOST_ROWS = 100
_PARTS = 4
"""So many parts of a path, from its end, may say that a file is not what its name says."""
_WORD = re.compile(r"[^\W_]+")


class _Parsed(NamedTuple):
    language: Language
    root: Node
    problems: tuple[Problem, ...]
    rows: tuple[tuple[int, int], ...]
    """The first and last line of each error, from 0."""


def check(path: PurePath, before: str | None, after: str) -> Broken | None:
    """As acp_agent.workspace.syntax.Syntax says."""
    language = language_of(path, after)
    if language is None or before == after:
        return None
    if before is None and (not language.check.new or _aside(path)):
        return None
    try:
        broken = _broken(language, after)
        if broken and before is not None and _was_broken(language, before):
            return None
    except (GrammarMissing, TooMuch):
        return None
    return broken


def _aside(path: PurePath) -> bool:
    """Whether the name of a file or its folders say that it is an example, or part of something else."""
    words = _WORD.findall("/".join(path.parts[-_PARTS:]).lower())
    return not table().aside.isdisjoint(words) or any("{" in part for part in path.parts)


def _was_broken(language: Language, text: str) -> bool:
    if not text.strip():
        return False
    opinion = _opinion(language, text)
    if opinion:
        return opinion.problem is not None
    if language.check.trust == "delimiters":
        return _broken(language, text, lenient=False) is not None
    return _parsed(language, text) is not None


def _broken(language: Language, text: str, *, lenient: bool = True) -> Broken | None:
    """What is wrong with the text. `lenient` looks for reasons why it may be right nevertheless."""
    if table().templates.search(text) and lenient:
        return None
    if language.grammar is None:
        found = _imbalance(language, None, text)
        return _report(language, (found.unclosed,), found) if found else None
    opinion = _opinion(language, text)
    if opinion and opinion.problem is None:
        return None
    if opinion and opinion.problem and opinion.certain:
        return _report(language, (opinion.problem,), None)
    only_delimiters = language.check.trust == "delimiters"
    if only_delimiters and language.lexer and in_text(language.lexer, text) is None:
        return None
    parsed = _parsed(language, text)
    if parsed is None:
        return None
    found = _imbalance(parsed.language, parsed.root, text)
    if found is None and only_delimiters:
        return None
    if lenient and _excused(parsed, text, opinion, balanced=found is None):
        return None
    problems = (opinion.problem,) if opinion and opinion.problem and opinion.problem.line else parsed.problems
    return _report(language, problems, found)


def _imbalance(language: Language, root: Node | None, text: str) -> Imbalance | None:
    if language.lexer:
        return in_text(language.lexer, text)
    return in_tree(language, root, text.split("\n")) if root else None


def _report(language: Language, problems: tuple[Problem, ...], found: Imbalance | None) -> Broken:
    return Broken(language.name, problems, found and found.unclosed, found and found.suspect)


def _opinion(language: Language, text: str) -> Opinion | None:
    ask = OPINIONS.get(language.check.opinion)
    return ask(text) if ask and len(text) <= OPINION_CHARACTERS else None


def _excused(parsed: _Parsed, text: str, opinion: Opinion | None, *, balanced: bool) -> bool:
    """Whether the errors are where the grammar may be wrong. Delimiters it knows in every line."""
    check = parsed.language.check
    if any(re.search(pattern, text) for pattern in check.waived):
        return True
    lines = text.split("\n")
    rows = {row for span in parsed.rows for row in span}
    if opinion and opinion.problem:
        rows.add(max(opinion.problem.line, 1) - 1)
    near = [lines[row][:LINE_CHARACTERS] for row in sorted(rows)[:MOST_ROWS] if row < len(lines)]
    doubts = re.compile("|".join((table().placeholders, *(check.gaps if balanced else ()))))
    return any(doubts.search(line) for line in near)


def _parsed(language: Language, text: str) -> _Parsed | None:
    """The errors in a text; None when there are none in one of the languages that it may be in."""
    source = encoded(text)
    first: _Parsed | None = None
    for name in (language.name, *language.fallbacks):
        candidate = table().languages[name]
        try:
            root = tree(candidate, source).root_node
        except GrammarMissing:
            if first is None:
                raise
            continue
        if not root.has_error:
            return None
        if first is None:
            first = _errors(candidate, root, source)
            if not first.problems:  # what is missing has no name, as an end tag that may be left out
                return None
    return first


def _errors(language: Language, root: Node, source: bytes) -> _Parsed:
    found = list(_erring(root))
    problems = tuple(_problem(node, source) for node in found[:MOST_PROBLEMS])
    rows = tuple((node.start_point[0], node.end_point[0]) for node in found)
    return _Parsed(language, root, problems, rows)


def _erring(root: Node) -> Iterator[Node]:
    """The innermost places of errors, in the order of the text."""
    stack = [root]
    while stack:
        node = stack.pop()
        inner = [child for child in node.children if child.has_error or child.is_missing]
        if node.is_missing or (node.is_error and not inner):
            yield node
        stack.extend(reversed(inner))


def _problem(node: Node, source: bytes) -> Problem:
    line, column = node.start_point
    start = node.start_byte - column
    at = len(source[start : node.start_byte].decode("utf-8", "replace"))
    if node.is_missing:
        return Problem(line + 1, at + 1, f"`{node.type}` is missing")
    text = source[node.start_byte : node.end_byte].decode("utf-8", "replace").strip().split("\n")[0]
    return Problem(line + 1, at + 1, "this does not belong here", text[:FOUND_CHARACTERS])
