"""What can be made out of a shell command that is not understood: best effort, for denials to hold."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from acp_adapters.syntax.pieces import Unclear
from acp_adapters.syntax.words import REDIRECTS, tokens
from acp_agent.permission.script import Command, Redirect, Step, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tree_sitter import Node

MOST_READINGS = 8
"""Of one command whose variables may have several values."""
_VARIABLE = re.compile(r"\"?\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})\"?")
_IN_FRONT = frozenset(("!", "{", "}", "(", ")", "then", "else", "do", "time"))
_NOT_WORDS = ("file_redirect", "heredoc_redirect", "herestring_redirect", "variable_assignment")


def visible(root: Node, source: bytes) -> Iterator[Step]:
    """Every simple command in the tree, wherever it is, as far as its words can be told."""
    values = _values(root, source)
    for node in every(root):
        if node.type == "redirected_statement":
            redirects = tuple(_redirects(node, source))
            if redirects:
                yield Step(";", Command((), redirects))
        elif node.type in ("command", "declaration_command"):
            given = _given(node, source)
            raw = [text for text in _own_words(node, source) if text]
            raw = list(itertools.dropwhile(lambda text: text in _IN_FRONT, raw))
            for words in _readings(raw, values):
                yield Step("|" if _piped(node) else ";", Command(words, (), (), given))


def every(node: Node) -> Iterator[Node]:
    """The node and all below it, in the order of the text."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def text_of(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode()


def starts_itself(root: Node, source: bytes) -> bool:
    """Whether a function in it calls itself."""
    for node in every(root):
        if node.type != "function_definition":
            continue
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name and body:
            called = (each for each in every(body) if each.type == "command_name")
            if any(text_of(each, source) == text_of(name, source) for each in called):
                return True
    return False


def _own_words(command: Node, source: bytes) -> Iterator[str]:
    """What touches is one word, though the grammar may see several: `'r'\\m` is `rm`."""
    start = end = 0
    for child in command.children:
        if child.type in _NOT_WORDS:
            continue
        if child.start_byte != end or start == end:
            yield source[start:end].decode()
            start = child.start_byte
        end = child.end_byte
    yield source[start:end].decode()


def _piped(node: Node) -> bool:
    """Whether it reads what another command writes."""
    parent, child = node.parent, node
    if parent and parent.type == "redirected_statement":
        parent, child = parent.parent, parent
    return bool(parent and parent.type == "pipeline" and parent.children[0] != child)


def _redirects(statement: Node, source: bytes) -> Iterator[Redirect]:
    for child in statement.children:
        if child.type == "file_redirect":
            operator = next((text_of(part, source) for part in child.children if not part.is_named), "")
            target = child.child_by_field_name("destination")
            if operator in REDIRECTS and target is not None:
                yield Redirect(operator, _guess(text_of(target, source)))


def _given(command: Node, source: bytes) -> str | None:
    """The text on its standard input."""
    parent = command.parent
    statements = [command] if parent is None else [command, parent]
    for node in itertools.chain.from_iterable(each.children for each in statements):
        if node.type == "herestring_redirect" and node.named_children:
            return _guess(text_of(node.named_children[-1], source)).text
        if node.type == "heredoc_redirect":
            bodies = (each for each in node.children if each.type == "heredoc_body")
            return "".join(text_of(body, source) for body in bodies)
    return None


# Words -----------------------------------------------------------------------------------------------


def _values(root: Node, source: bytes) -> dict[str, list[Word]]:
    """What is assigned to variables somewhere, or what a loop goes over."""
    found: dict[str, list[Word]] = {}
    for node in every(root):
        if node.type == "variable_assignment":
            value = node.child_by_field_name("value")
            named = [value] if value else []
        elif node.type == "for_statement":
            named = node.children_by_field_name("value")
        else:
            continue
        name = node.child_by_field_name("name") or node.child_by_field_name("variable")
        if name is not None:
            values = (_guess(text_of(each, source)) for each in named)
            found.setdefault(text_of(name, source), []).extend(word for word in values if not word.unknown)
    return found


def _readings(raw: Sequence[str], values: Mapping[str, Sequence[Word]]) -> Iterator[tuple[Word, ...]]:
    """The words with each value that the variables in them may have."""
    choices = [_choices(text, values) for text in raw]
    for chosen in itertools.islice(itertools.product(*choices), MOST_READINGS):
        words = tuple(itertools.chain.from_iterable(chosen))
        if words:
            yield words


def _choices(raw: str, values: Mapping[str, Sequence[Word]]) -> list[tuple[Word, ...]]:
    found = next((match for match in _VARIABLE.finditer(raw) if values.get(match[1] or match[2])), None)
    if found is None:
        return [(_guess(raw),)]
    choices: list[tuple[Word, ...]] = []
    for value in values[found[1] or found[2]]:
        if found[0] == raw and (raw[0] == '"' or not any(char.isspace() for char in value.text)):
            choices.append((value,))
        else:
            text = raw[: found.start()] + value.text + raw[found.end() :]
            choices.append(tuple(Word(part) for part in text.replace('"', "").split()))
    return choices


def _guess(raw: str) -> Word:
    try:
        found = tokens(raw)
    except Unclear:
        found = []
    if len(found) == 1 and found[0].word:
        return found[0].word
    return Word(raw, unknown=True)
