"""Reads shell commands with tree-sitter's grammar of bash.

A command counts as understood when two readers agree on it: the grammar, of which a short list of
constructs is accepted, and the lexer in `words`, which says what each word will be.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from acp_adapters.syntax.grammar import steps as steps_of
from acp_adapters.syntax.pieces import Unclear
from acp_adapters.syntax.visible import every, starts_itself, text_of, visible
from acp_adapters.syntax.words import odd, tokens
from acp_agent.permission.script import STARTS_ITSELF, Script

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node, Parser

    from acp_adapters.syntax.words import Token
    from acp_agent.permission.script import Step

MAX_BYTES = 256 * 1024
MOST_OPERATORS = 200
"""The tree of a longer list is too deep to walk."""
_UNDERSTOOD = frozenset(
    [
        "program",
        "list",
        "pipeline",
        "negated_command",
        "command",
        "command_name",
        "compound_statement",
        "subshell",
        "declaration_command",
        "test_command",
        "unary_expression",
        "binary_expression",
        "test_operator",
        "extglob_pattern",
        "word",
        "number",
        "raw_string",
        "ansi_c_string",
        "string",
        "string_content",
        "concatenation",
        "simple_expansion",
        "special_variable_name",
        "expansion",
        "redirected_statement",
        "file_redirect",
        "file_descriptor",
        "herestring_redirect",
        "heredoc_redirect",
        "heredoc_start",
        "heredoc_body",
        "heredoc_content",
        "heredoc_end",
        "comment",
        "variable_assignment",
        "variable_assignments",
        "variable_name",
    ]
)
_WORDS = frozenset(
    [
        "word",
        "number",
        "raw_string",
        "ansi_c_string",
        "string",
        "concatenation",
        "simple_expansion",
        "expansion",
        "variable_assignment",
        "command_name",
        "extglob_pattern",
        "test_operator",
    ]
)
_SPELLED = frozenset(
    ["command", "declaration_command", "test_command", "unary_expression", "binary_expression"]
)
"""In these the words that belong to the grammar are words of the command too: `export`, `[`, `=`."""
_NO_WORDS = frozenset(["heredoc_start", "heredoc_body", "heredoc_end", "file_descriptor", "comment"])
_NAMES = {
    "command_substitution": "a command substitution",
    "function_definition": "a function",
    "process_substitution": "a process substitution",
}


_FOREIGN = re.compile(rb"[\x80-\xff]")
"""Bytes of characters beyond ASCII, which to the shell are parts of words like any letter. The grammar's
scanner looks them up in a table of 256 and, with some of them, ends the process; so it never gets one."""


def parse(text: str) -> Script:
    """The commands in `text`; `acp_agent.permission.script.ShellParser`."""
    try:
        source = text.encode()
    except UnicodeEncodeError:
        return Script((), "text that is no text")
    if len(source) > MAX_BYTES:
        return Script((), "longer than what is looked at")
    root = _tree(source)
    steps: tuple[Step, ...] = ()
    try:
        strange = odd(text)
        if strange:
            raise Unclear(strange)
        found = tokens(text)
        if sum(token.word is None for token in found) > MOST_OPERATORS:
            raise Unclear("more commands than are looked at")
        steps = steps_of(found)
        _agree(root, found, source)
    except Unclear as unclear:
        why = STARTS_ITSELF if starts_itself(root, source) else str(unclear)
        return Script((*steps, *visible(root, source), *_behind_odd_characters(text)), why)
    return Script(steps)


def _behind_odd_characters(text: str) -> Iterator[Step]:
    """What somebody would read who takes every odd character for the end of a line."""
    if odd(text):
        source = "".join("\n" if odd(char) else char for char in text).encode()
        yield from visible(_tree(source), source)


def _agree(root: Node, found: Sequence[Token], source: bytes) -> None:
    """Raises Unclear unless the grammar sees the same words, and only constructs that are understood."""
    if root.has_error:
        raise Unclear("a syntax error")
    for node in every(root):
        if node.is_named and node.type not in _UNDERSTOOD:
            raise Unclear(_NAMES.get(node.type, node.type.replace("_", " ")))
    seen = [text for text in _words_of(root, source) if text]
    if seen != [token.raw for token in found if _is_compared(token)]:
        raise Unclear("a command that can be read in two ways")


def _is_compared(token: Token) -> bool:
    return token.word is not None and not token.heredoc and token.raw not in ("!", "{", "}")


def _words_of(node: Node, source: bytes) -> Iterator[str]:
    """The words of commands and redirects, in the order of the text."""
    spelled = node.type in _SPELLED
    for child in node.children:
        named = child.type in _WORDS or (child.type == "variable_name" and node.type == "declaration_command")
        if named or (spelled and not child.is_named):
            text = text_of(child, source)
            if text not in ("!", "&&", "||"):
                yield text
        elif child.type not in _NO_WORDS:
            yield from _words_of(child, source)


def _tree(source: bytes) -> Node:
    return _parser().parse(_FOREIGN.sub(b"x", source)).root_node


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


if TYPE_CHECKING:
    from acp_agent.permission.script import ShellParser

    _: ShellParser = parse
