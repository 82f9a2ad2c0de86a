"""What the queries of a language find in a tree: definitions, and what may belong to them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from acp_adapters.syntax.parsing import definitions, matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tree_sitter import Node

    from acp_adapters.syntax.parsing import Parsed


class Found(NamedTuple):
    """A definition as the query has found it."""

    kind: str
    node: Node
    name: Node
    owner: Node | None
    body: Node | None
    whole: Node
    """With what wraps it: `export`, decorators."""


class Definitions(NamedTuple):
    found: Sequence[Found]
    leading: Sequence[Node]
    """Comments and decorators, by where they end."""


def definitions_in(parsed: Parsed) -> Definitions:
    """In the order of the text; of two with one name the one whose pattern comes first."""
    every = matches(definitions(parsed.language.name), parsed.root)
    found: dict[int, Found] = {}
    wrapped: dict[int, Node] = {}
    leading: list[Node] = []
    for _, captures in sorted(every, key=lambda match: match[0]):
        if wrapper := captures.get("_wrapper"):
            wrapped[captures["_inner"][0].id] = wrapper[0]
        elif lead := captures.get("_lead"):
            leading.append(lead[0])
        elif each := _captured(captures):
            found.setdefault(each.name.start_byte, each)
    used = Counter(wrapper.id for each in found.values() if (wrapper := wrapped.get(each.node.id)))
    beside = Counter(wrapper.id for wrapper in wrapped.values())
    leading.sort(key=lambda node: node.end_byte)
    ordered = sorted(found.values(), key=lambda each: (each.node.start_byte, -each.node.end_byte))
    return Definitions(
        [each._replace(whole=_whole(each.node, wrapped, used, beside)) for each in ordered], leading
    )


def _captured(captures: Mapping[str, Sequence[Node]]) -> Found | None:
    kind = next((each for each in captures if each not in ("name", "owner", "body") and each[0] != "_"), "")
    if not kind or not captures.get("name"):
        return None
    node, name = captures[kind][0], _declared(captures["name"][0])
    if name.start_byte == name.end_byte:  # what the parser has only thought of
        return None
    owner, body = captures.get("owner"), captures.get("body")
    return Found(kind, node, name, owner[0] if owner else None, body[0] if body else _body(node), node)


def _whole(node: Node, wrapped: Mapping[int, Node], used: Counter[int], beside: Counter[int]) -> Node:
    """The outermost node that holds this definition and no other."""
    while (wrapper := wrapped.get(node.id)) and used[wrapper.id] <= 1 and beside[wrapper.id] <= 1:
        node = wrapper
    return node


def _declared(node: Node) -> Node:
    """The name in a declarator: `*f(int)` declares f."""
    while node.type != "operator_cast" and (inner := node.child_by_field_name("declarator")):
        node = inner
    if node.type in ("parenthesized_declarator", "pointer_declarator", "reference_declarator"):
        inner = next(iter(node.named_children), None)
        return _declared(inner) if inner else node
    return node


def _body(node: Node) -> Node | None:
    body = node.child_by_field_name("body")
    if body is None:
        last = node.named_children[-1] if node.named_children else None
        body = last if last and last.type.endswith(("body", "block", "declaration_list")) else None
    return body
