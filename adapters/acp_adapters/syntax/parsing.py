"""From a text to its tree, by a grammar that is loaded when first needed; bounded in size and time."""

from __future__ import annotations

import importlib
import re
import time
from bisect import bisect_right
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from acp_adapters.syntax.languages import language_of, queries_of, table
from acp_agent.errors import ToolError
from acp_agent.workspace.syntax import GrammarMissing

if TYPE_CHECKING:
    from pathlib import PurePath

    from tree_sitter import Language as Loaded
    from tree_sitter import Node, Point, Query, Tree

    from acp_adapters.syntax.languages import Language

MAX_BYTES = 2 << 20
"""Of a text that is parsed; about a third of a second."""
MAX_S = 3.0
"""For one parse; texts that make no sense can take long."""
MAX_BESIDE = 5000
"""Nodes in one error."""
PIECE = 64 << 10
MAX_DEPTH = 2000
"""Of brackets in brackets."""
_OPENERS = (b"(", b"[", b"{")
_NO_BRACKETS = bytes(set(range(256)) - set(b"()[]{}"))
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


class TooMuch(ToolError):
    """A text that is too large to parse, or took too long."""


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def tree(language: Language, source: bytes) -> Tree:
    """The tree of a text, with errors in it where it has some.

    Raises GrammarMissing or TooMuch. Other threads go on meanwhile: the parser asks for the text, and whether
    to go on, in Python.
    """
    if len(source) > MAX_BYTES:
        raise TooMuch(f"It is larger than {MAX_BYTES >> 20} MiB, which is not parsed.")
    if _too_deep(source) or (language.unsafe and re.search(language.unsafe.encode(), source)):
        raise TooMuch("It is nested too deeply.")
    from tree_sitter import Parser

    if language.ascii:
        source = _BEYOND_ASCII.sub(b"x", source)
    end = time.monotonic() + MAX_S

    def read(at: int, _: Point) -> bytes:
        return source[at : at + PIECE]

    def late(at: int, has_error: bool) -> bool:
        return time.monotonic() > end

    parser = Parser(loaded(language.name))
    try:
        return parser.parse(read, progress_callback=late)
    except ValueError as error:
        raise TooMuch(f"Parsing it takes more than {MAX_S:.0f} s.") from error


def _too_deep(source: bytes) -> bool:
    """Whether brackets may be nested so deeply that looking through the tree takes for ever."""
    if sum(map(source.count, _OPENERS)) <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in source.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"([{" else -1
        if depth > MAX_DEPTH:
            return True
        depth = max(depth, 0)
    return False


def matches(query: Query, root: Node) -> list[tuple[int, dict[str, list[Node]]]]:
    """What a query finds, each with the number of its pattern. Raises TooMuch."""
    from tree_sitter import QueryCursor

    _require_narrow(root)
    return QueryCursor(query).matches(root)


def captures(query: Query, root: Node) -> dict[str, list[Node]]:
    """What a query finds, by the names in it. Raises TooMuch."""
    from tree_sitter import QueryCursor

    _require_narrow(root)
    return QueryCursor(query).captures(root)


def _require_narrow(root: Node) -> None:
    """Raises TooMuch for a text that makes so little sense that a query would take for ever.

    The time goes with the square of how much stands side by side in one error, and stopping a cursor on the
    way ends the process (tree-sitter 0.26.1).
    """
    stack = [root] if root.has_error else []
    while stack:
        node = stack.pop()
        if node.is_error and node.child_count > MAX_BESIDE:
            raise TooMuch("It has too many syntax errors.")
        stack.extend(child for child in node.children if child.has_error)


@cache
def loaded(name: str) -> Loaded:
    """Raises GrammarMissing."""
    grammar = table().languages[name].grammar
    if grammar is None:
        raise GrammarMissing(f"There is no grammar for {name}.")
    try:
        module = importlib.import_module(grammar.module)
        from tree_sitter import Language as Loaded
    except ImportError as error:
        raise GrammarMissing(
            f"The grammar for {name} is not installed: pip install 'acp-agent[grammars]'"
        ) from error
    capsule: object = getattr(module, grammar.function)()
    return Loaded(capsule)


@cache
def definitions(name: str) -> Query:
    """What finds the definitions in a tree of that language."""
    from tree_sitter import Query

    return Query(loaded(name), queries_of(table().languages[name]))


@cache
def uses(name: str) -> Query:
    """What finds identifiers, what is called, and imports."""
    from tree_sitter import Query

    language = table().languages[name]
    kinds = "\n".join(f"({kind}) @identifier" for kind in language.identifiers)
    called = "\n".join(
        f"({node} {field}: (_) @call)" if field else f"({node} . (_) @call)"
        for node, field in language.calls.items()
    )
    imports = "\n".join(f"({kind}) @import" for kind in language.imports)
    return Query(loaded(name), f"{kinds}\n{called}\n{imports}")


class Parsed(NamedTuple):
    language: Language
    root: Node
    source: bytes
    places: Places


def known_language(path: PurePath, text: str) -> Language:
    language = language_of(path, text)
    if language is None:
        raise GrammarMissing(f"The language of {path.name} is not known: read it instead.")
    return language


def parse(language: Language, text: str) -> Parsed:
    """By the first of the languages that the text may be in that finds no error in it, else by the first."""
    source = encoded(text)
    chosen, root = language, tree(language, source).root_node
    for name in language.fallbacks if root.has_error else ():
        other = table().languages[name]
        try:
            again = tree(other, source).root_node
        except GrammarMissing:
            continue
        if not again.has_error:
            chosen, root = other, again
            break
    return Parsed(chosen, root, source, Places(source))


class Places:
    """From the places of the parser, in bytes, to those of the text, in characters."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._ascii = source.isascii()
        self._known = (0, 0, 0)
        """The place that was asked for last, and its characters: most are asked for in order."""
        self._lines = [] if self._ascii else source.split(b"\n")
        lengths = (len(line.decode("utf-8", "replace")) + 1 for line in self._lines)
        self._starts = list(accumulate(lengths, initial=0))
        self._begins = list(accumulate((len(line) + 1 for line in self._lines), initial=0))

    def column(self, point: tuple[int, int]) -> int:
        """From 1."""
        row, column = point
        if self._ascii:
            return column + 1
        known_row, known_column, known = self._known
        start, counted = (known_column, known) if row == known_row and column >= known_column else (0, 0)
        counted += len(self._lines[row][start:column].decode("utf-8", "replace"))
        self._known = (row, column, counted)
        return counted + 1

    def offset(self, at: int) -> int:
        if self._ascii:
            return at
        row = bisect_right(self._begins, at, hi=len(self._lines)) - 1
        return self._starts[row] + self.column((row, at - self._begins[row])) - 1
