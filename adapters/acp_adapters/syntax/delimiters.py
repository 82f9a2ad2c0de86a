"""Delimiters without their counterpart."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from acp_adapters.syntax.parsing import captures, loaded
from acp_agent.workspace.syntax import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tree_sitter import Node, Query

    from acp_adapters.syntax.languages import Language, Lexer

BRACKETS = {"(": ")", "[": "]", "{": "}"}
_INDENTATION = re.compile(r"\s*")
_BRACKET = re.compile(r"[()\[\]{}]")


class Delimiter(NamedTuple):
    text: str
    line: int
    column: int


class Imbalance(NamedTuple):
    unclosed: Problem
    suspect: Problem | None


def in_tree(language: Language, root: Node, lines: Sequence[str]) -> Imbalance | None:
    """By the tokens of the grammar, which knows strings and comments."""
    pairs = language.check.pairs or BRACKETS
    every = captures(_tokens(language.name), root)
    alone = {node.id for node in every.get("alone", ())}
    tokens = (node for node in every.get("token", ()) if not node.is_missing and node.id not in alone)
    ordered = sorted(_delimiters(tokens, pairs), key=lambda each: (each.line, each.column))
    found = imbalance(ordered, pairs, lines)
    if found is None:
        return None
    suspect = found.suspect and _in_characters(found.suspect, lines)
    return Imbalance(_in_characters(found.unclosed, lines), suspect)


def in_text(lexer: Lexer, text: str) -> Imbalance | None:
    """By the strings, comments and characters of a language that has no grammar."""
    lines = text.split("\n")
    found: list[Delimiter] = []
    line = line_start = at = 0
    for kind, start in _lexed(lexer, text):
        line += text.count("\n", at, start)
        line_start = max(line_start, text.rfind("\n", at, start) + 1)
        at = start
        place = Delimiter(kind, line + 1, start - line_start + 1)
        if kind not in lexer.pairs and kind not in lexer.pairs.values():
            return Imbalance(_problem(place, "is never closed"), None)
        found.append(place)
    return imbalance(found, lexer.pairs, lines)


def imbalance(found: Iterable[Delimiter], pairs: Mapping[str, str], lines: Sequence[str]) -> Imbalance | None:
    """The first opener that nothing closes, or else the first closer that closes nothing."""
    counterparts = {closer: opener for opener, closer in pairs.items()}
    opened: list[Delimiter] = []
    suspect: Problem | None = None
    for each in found:
        if each.text in pairs:
            opened.append(each)
            continue
        wanted = counterparts[each.text]
        if not opened or opened[-1].text != wanted:
            nearest = max(
                (index for index, before in enumerate(opened) if before.text == wanted), default=None
            )
            if nearest is None:
                return Imbalance(_problem(each, "closes nothing"), suspect)
            return Imbalance(_problem(opened[nearest + 1], "is never closed"), suspect)
        if suspect is None:
            suspect = _suspect(opened[-1], each, lines)
        opened.pop()
    return Imbalance(_problem(opened[0], "is never closed"), suspect) if opened else None


def _suspect(opener: Delimiter, closer: Delimiter, lines: Sequence[str]) -> Problem | None:
    """The opener, when the closer begins its line and that is indented unlike the opener's."""
    first, last = lines[opener.line - 1], lines[closer.line - 1]
    if opener.line == closer.line or last[: closer.column - 1].strip():
        return None
    if _indentation(first) <= closer.column - 1:
        return None
    return _problem(opener, f"is closed by a `{closer.text}` in line {closer.line} that is indented less")


def _indentation(line: str) -> int:
    found = _INDENTATION.match(line)
    return found.end() if found else 0


def _in_characters(problem: Problem, lines: Sequence[str]) -> Problem:
    """With the column in characters, which the parser counts in bytes."""
    before = lines[problem.line - 1].encode("utf-8", "replace")[: problem.column - 1]
    return problem._replace(column=len(before.decode("utf-8", "replace")) + 1)


def _problem(place: Delimiter, what: str) -> Problem:
    return Problem(place.line, place.column, f"`{place.text}` {what}")


def _delimiters(tokens: Iterable[Node], pairs: Mapping[str, str]) -> Iterator[Delimiter]:
    """Columns in bytes."""
    wanted = {*pairs, *pairs.values()}
    for node in tokens:
        line, column = node.start_point
        if node.type in wanted:
            yield Delimiter(node.type, line + 1, column + 1)
            continue
        for match in _BRACKET.finditer(node.type):
            if match[0] in wanted:
                yield Delimiter(match[0], line + 1, column + match.start() + 1)


def _lexed(lexer: Lexer, text: str) -> Iterator[tuple[str, int]]:
    """What opens and closes, outside of what is passed over; and openers of what does not end."""
    pattern = _pattern(lexer.pairs.keys() | lexer.pairs.values(), lexer.skip, lexer.nested)
    at = 0
    while match := pattern.search(text, at):
        at = match.end()
        if found := match["delimiter"]:
            if lexer.nested and found == lexer.nested[0]:
                at = _after_nested(text, match.start(), lexer.nested)
                if at < 0:
                    yield found, match.start()
                    return
            else:
                yield found, match.start()


def _pattern(brackets: Iterable[str], skip: Sequence[str], nested: Sequence[str]) -> re.Pattern[str]:
    delimiters = "|".join(map(re.escape, [*nested[:1], *sorted(brackets), '"']))
    first = re.escape(nested[0]) if nested else "(?!)"
    passed = "|".join(skip)
    return re.compile(rf"(?!{first})(?:{passed})|(?P<delimiter>{delimiters})")


def _after_nested(text: str, start: int, nested: Sequence[str]) -> int:
    """The end of the comment that begins at `start`; -1 when there is none."""
    depth = 0
    for match in re.compile("|".join(map(re.escape, nested))).finditer(text, start):
        depth += 1 if match[0] == nested[0] else -1
        if not depth:
            return match.end()
    return -1


@cache
def _tokens(name: str) -> Query:
    """What finds the delimiters in a tree of that language."""
    from tree_sitter import Query

    from acp_adapters.syntax.languages import table

    grammar, check = loaded(name), table().languages[name].check
    kinds: set[str] = set()
    for kind_id in range(grammar.node_kind_count):
        kind = grammar.node_kind_for_id(kind_id)
        if kind and not grammar.node_kind_is_named(kind_id) and grammar.node_kind_is_visible(kind_id):
            kinds.add(kind)
    words = {*check.pairs, *check.pairs.values()}
    wanted = sorted(kind for kind in kinds if kind in words or (_BRACKET.search(kind) and len(kind) < 5))
    quoted = (kind.replace("\\", "\\\\").replace('"', '\\"') for kind in wanted)
    tokens = [f'"{kind}" @token' for kind in quoted] or ["(_) @none"]
    alone = [f"({kind} _ @alone)" for kind in check.unpaired]
    return Query(grammar, "\n".join((*tokens, *alone)))
