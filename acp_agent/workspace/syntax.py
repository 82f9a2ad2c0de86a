"""The syntax of files: what a parser tells of a text, and the port that it implements.

Texts are plain, with `\\n` for every line ending. Lines and columns count from 1, columns and offsets in
characters. Ranges of offsets are [start, end).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from pathlib import PurePath

SymbolKind = Literal[
    "class", "struct", "interface", "trait", "enum", "impl", "extension", "type", "namespace", "module",
    "package", "function", "method", "constructor", "macro", "property", "field", "constant", "variable",
    "test", "key", "table", "rule", "element",
]  # fmt: skip
Role = Literal["definition", "import", "call", "reference"]


class GrammarMissing(ToolError):
    """The language of a file is not known, or its grammar is not installed."""


class Problem(NamedTuple):
    """A place where a text breaks the syntax of its language."""

    line: int
    column: int
    what: str
    """In words, without anything of the text: "missing `)`"."""
    found: str = ""
    """The text there, shortened."""


class Broken(NamedTuple):
    """What is wrong with a text."""

    language: str
    problems: tuple[Problem, ...]
    """In order, at least one and at most ten."""
    unclosed: Problem | None = None
    """The first delimiter without its counterpart."""
    suspect: Problem | None = None
    """A delimiter whose counterpart is indented otherwise: often the one that is really unclosed."""


class Symbol(NamedTuple):
    """Something that a text defines."""

    name: str
    kind: SymbolKind
    qualified: str
    """With the names of what it is in, joined by dots: `Type.method`."""
    signature: str
    """One line, without the body."""
    line: int
    """Of the name."""
    column: int
    first: int
    """The first line, with the comment and the decorators before it."""
    last: int
    start: int
    end: int
    """Of all of it, comment and decorators too."""
    body: tuple[int, int] | None
    depth: int
    """How many symbols it is in."""
    public: bool
    """Whether others can see it, as far as the language lets that be told cheaply."""


class Outline(NamedTuple):
    language: str
    symbols: tuple[Symbol, ...]
    """In the order of the text; what is in a symbol follows it."""
    errors: bool
    """Whether the text has syntax errors: then something may be missing."""


class Occurrence(NamedTuple):
    """An identifier in a text: never one in a comment or a string."""

    name: str
    role: Role
    line: int
    column: int
    start: int
    within: str
    """The qualified name of the innermost symbol around it; of a definition, the one around that."""


class Syntax(Protocol):
    """Looks at one text at a time and keeps nothing. Slow enough for a thread; may be called from several.

    `path` says the language; it need not be there.
    """

    def check(self, path: PurePath, before: str | None, after: str) -> Broken | None:
        """What is wrong with `after`, unless that may not keep it from being written.

        None when it is well-formed or cannot be judged, when `before` was not well-formed either, or when a
        grammar is known not to keep up with the language there. `before` is None for a new file.
        """
        ...

    def outline(self, path: PurePath, text: str) -> Outline:
        """Raises GrammarMissing, or ToolError for a text that is too large."""
        ...

    def occurrences(self, path: PurePath, text: str, name: str | None = None) -> tuple[Occurrence, ...]:
        """In the order of the text, of one identifier or of all. Raises as `outline`."""
        ...
