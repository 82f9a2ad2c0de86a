"""Reads shell commands with tree-sitter's grammar of bash.

A command counts as understood when two readers agree on it: the grammar, of which a short list of
constructs is accepted, and the lexer in `words`, which says what each word will be.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from acp_adapters.syntax.words import REDIRECTS, Unclear, odd, tokens
from acp_agent.permission.script import STARTS_ITSELF, Command, Redirect, Script, Step, Word
from acp_agent.permission.wrappers import ASSIGNMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node, Parser

    from acp_adapters.syntax.words import Token
    from acp_agent.permission.script import Connector

MAX_BYTES = 256 * 1024
MOST_OPERATORS = 200
"""The tree of a longer list is too deep to walk."""
_UNDERSTOOD = frozenset(
    [
        "program",
        "list",
        "pipeline",
        "command",
        "command_name",
        "word",
        "number",
        "raw_string",
        "string",
        "string_content",
        "concatenation",
        "redirected_statement",
        "file_redirect",
        "file_descriptor",
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
    ["word", "number", "raw_string", "string", "concatenation", "variable_assignment", "command_name"]
)
_RESERVED = frozenset(
    [
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "for",
        "while",
        "until",
        "do",
        "done",
        "case",
        "esac",
        "select",
        "function",
        "coproc",
        "in",
        "!",
        "[[",
        "]]",
        "{",
        "}",
    ]
)
_NAMES = {
    "command_substitution": "a command substitution",
    "simple_expansion": "a variable",
    "expansion": "a variable",
    "subshell": "a subshell",
    "compound_statement": "a group",
    "function_definition": "a function",
    "negated_command": "a negated command",
    "test_command": "a test in brackets",
    "ansi_c_string": "$'…' quoting",
    "declaration_command": "a declaration",
    "process_substitution": "a process substitution",
}
_CONNECTORS: dict[str, Connector] = {";": ";", "&": "&", "&&": "&&", "||": "||", "|": "|", "|&": "|&"}


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
    root = _parser().parse(_FOREIGN.sub(b"x", source)).root_node
    steps: tuple[Step, ...] = ()
    try:
        strange = odd(text)
        if strange:
            raise Unclear(strange)
        found = tokens(text)
        if sum(token.word is None for token in found) > MOST_OPERATORS:
            raise Unclear("more commands than are looked at")
        steps = tuple(_steps(found))
        _agree(root, found, source)
    except Unclear as unclear:
        why = STARTS_ITSELF if _starts_itself(root, source) else str(unclear)
        return Script((*steps, *_visible(root, source)), why)
    return Script(steps)


# What is understood --------------------------------------------------------------------------------


def _steps(found: Sequence[Token]) -> Iterator[Step]:
    """The simple commands, from the tokens. Raises Unclear."""
    connector: Connector = ""
    pending: list[tuple[Connector, Command]] = []
    current: list[Token] = []
    for token in found:
        joint = None if token.word or token.descriptor else _CONNECTORS.get(token.raw)
        if joint is None:
            current.append(token)
            continue
        pending.append((connector, _command(current)))
        if joint in (";", "&"):
            yield from (Step(before, command, joint == "&") for before, command in pending)
            pending = []
        connector, current = joint, []
    if current:
        pending.append((connector, _command(current)))
    elif connector not in ("", ";", "&"):
        raise Unclear(f"nothing after `{connector}`")
    yield from (Step(before, command) for before, command in pending)


def _command(found: Sequence[Token]) -> Command:
    words: list[Word] = []
    assignments: list[Word] = []
    redirects: list[Redirect] = []
    operator = ""
    for token in found:
        if token.word is None:
            if operator:
                raise Unclear(f"nothing after `{operator}`")
            operator = token.raw
        elif operator:
            if token.raw.startswith("!"):
                raise Unclear(f"`{operator}!`")
            if operator in REDIRECTS:
                redirects.append(Redirect(operator, token.word))
            operator = ""
        elif not words and ASSIGNMENT.match(token.raw):
            assignments.append(token.word)
        else:
            if not words:
                _check_first(token)
            words.append(token.word)
    if operator or not found:
        raise Unclear(f"nothing after `{operator}`" if operator else "nothing between two commands")
    return Command(tuple(words), tuple(redirects), tuple(assignments))


def _check_first(token: Token) -> None:
    assert token.word is not None
    if not token.quoted and token.raw in _RESERVED:
        raise Unclear(f"`{token.raw}`")
    if token.word.pattern is not None:
        raise Unclear("a pattern in the place of a command")


def _agree(root: Node, found: Sequence[Token], source: bytes) -> None:
    """Raises Unclear unless the grammar sees the same words, and only constructs that are understood."""
    if root.has_error:
        raise Unclear("a syntax error")
    for node in _all(root):
        if node.is_named and node.type not in _UNDERSTOOD:
            raise Unclear(_NAMES.get(node.type, node.type.replace("_", " ")))
    seen = [text for text in _words_of(root, source) if text]
    if seen != [token.raw for token in found if token.word and not token.heredoc]:
        raise Unclear("a command that can be read in two ways")


def _words_of(node: Node, source: bytes) -> Iterator[str]:
    """The words of commands and redirects, in the order of the text."""
    for child in node.children:
        if child.type in _WORDS or (node.type == "command" and not child.is_named):
            yield _text(child, source)
        elif child.type not in ("heredoc_start", "heredoc_body", "heredoc_end", "file_descriptor", "comment"):
            yield from _words_of(child, source)


# What is not ---------------------------------------------------------------------------------------


def _visible(root: Node, source: bytes) -> Iterator[Step]:
    """Every simple command in the tree, wherever it is, as far as its words can be told."""
    for node in _all(root):
        if node.type not in ("command", "redirected_statement", "declaration_command"):
            continue
        words = tuple(_guess(text) for text in _own_words(node, source) if text)
        redirects = tuple(_redirects(node, source)) if node.type == "redirected_statement" else ()
        if node.type == "redirected_statement":
            words = ()
        if words or redirects:
            yield Step(";", Command(words, redirects))


def _own_words(command: Node, source: bytes) -> Iterator[str]:
    """What touches is one word, though the grammar may see several: `'r'\\m` is `rm`."""
    start = end = 0
    for child in command.children:
        if child.type in ("file_redirect", "heredoc_redirect", "variable_assignment"):
            continue
        if child.start_byte != end or start == end:
            yield source[start:end].decode()
            start = child.start_byte
        end = child.end_byte
    yield source[start:end].decode()


def _redirects(statement: Node, source: bytes) -> Iterator[Redirect]:
    for child in statement.children:
        if child.type == "file_redirect":
            operator = next((_text(part, source) for part in child.children if not part.is_named), "")
            target = child.child_by_field_name("destination")
            if operator in REDIRECTS and target is not None:
                yield Redirect(operator, _guess(_text(target, source)))


def _guess(raw: str) -> Word:
    try:
        found = tokens(raw)
    except Unclear:
        found = []
    if len(found) == 1 and found[0].word:
        return found[0].word
    bare = raw.replace('"', "")
    for home in ("$HOME", "${HOME}"):
        if bare == home or bare.startswith(home + "/"):
            rest = bare.removeprefix(home)
            return Word("~" + rest, "~" + rest if "*" in rest or "?" in rest else None, tilde=True)
    return Word(raw, unknown=True)


def _starts_itself(root: Node, source: bytes) -> bool:
    for node in _all(root):
        if node.type == "function_definition":
            name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
            if (
                name
                and body
                and any(
                    each.type == "command_name" and _text(each, source) == _text(name, source)
                    for each in _all(body)
                )
            ):
                return True
    return False


def _all(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode()


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


if TYPE_CHECKING:
    from acp_agent.permission.script import ShellParser

    _: ShellParser = parse
