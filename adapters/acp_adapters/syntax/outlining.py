"""What a text defines."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, cast

from acp_adapters.syntax.definitions import definitions_in
from acp_adapters.syntax.forms import forms
from acp_adapters.syntax.parsing import known_language, parse
from acp_agent.workspace.syntax import Outline, Symbol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePath

    from tree_sitter import Node

    from acp_adapters.syntax.definitions import Definitions, Found
    from acp_adapters.syntax.languages import Language
    from acp_adapters.syntax.parsing import Parsed
    from acp_agent.workspace.syntax import SymbolKind

SIGNATURE_CHARACTERS = 200
NAME_CHARACTERS = 100
FAR_BYTES = 200
"""A comment does not belong to what is further away, or begin further into its line."""
RAW_BYTES = 1000
"""Of a name as it stands in the text, with its type arguments."""
_TYPES = frozenset(("class", "struct", "interface", "trait", "enum", "impl", "extension"))
_DATA = frozenset(("table", "key", "rule", "element", "test"))
_CODE = frozenset(("function", "method", "constructor"))
_ARGUMENTS = re.compile(r"<[^<>]*>")
_OWNER = re.compile(r"^[&*\s(]*(?:'\w+\s+)?(?:mut\s+|dyn\s+|const\s+)?(?:\w+\s+\*?)?([\w.:\\$@]+)")
_MARKS = re.compile(r"^(?:[&*]|mut |'\w+ )+")
_AFTER_SIGNATURE = re.compile(r"(?:\s*(?:=>|=|\{|:|;|,))+$")


def outline(path: PurePath, text: str) -> Outline:
    """As acp_agent.workspace.syntax.Syntax says."""
    language = known_language(path, text)
    if language.grammar is None:
        return Outline(language.name, tuple(forms(language, text)), errors=False)
    parsed = parse(language, text)
    symbols = tuple(symbols_of(parsed, definitions_in(parsed)))
    return Outline(parsed.language.name, symbols, errors=parsed.root.has_error)


def symbols_of(parsed: Parsed, definitions: Definitions) -> Iterator[Symbol]:
    ends = [node.end_byte for node in definitions.leading]
    around: list[tuple[Found, Symbol]] = []
    """What is open."""
    for each in definitions.found:
        while around and not _holds(around[-1][0], each):
            around.pop()
        outer = around[-1][1] if around else None
        if each.kind == "prototype" and outer and outer.kind in _CODE:
            continue
        begin = _begin(parsed, each.whole, definitions.leading, ends)
        symbol = _symbol(parsed, each, outer, begin)
        yield symbol
        around.append((each, symbol))


def _holds(outer: Found, inner: Found) -> bool:
    """A type that names another, or two names of one thing, hold nothing."""
    if outer.node.id == inner.node.id or (outer.kind == "type" and inner.kind in _TYPES):
        return False
    return inner.node.start_byte < outer.node.end_byte


def _symbol(parsed: Parsed, found: Found, outer: Symbol | None, begin: Node) -> Symbol:
    """`begin` is the first node that belongs to it."""
    language, places, node = parsed.language, parsed.places, found.whole
    name = _name(parsed, found.name, language)
    qualified = _qualified(parsed, found, outer, name)
    kind = _kind(found, outer)
    short = (name.rpartition(".")[2] if found.kind not in _DATA else "") or name
    place = _place(parsed, found.name, short)
    signature = _signature(parsed, found)
    last = node.end_point[0] + (1 if node.end_point[1] else 0)
    body = (places.offset(found.body.start_byte), places.offset(found.body.end_byte)) if found.body else None
    return Symbol(
        name=short,
        kind=kind,
        qualified=qualified,
        signature=signature,
        line=place[0] + 1,
        column=places.column(place),
        first=begin.start_point[0] + 1,
        last=max(last, node.start_point[0] + 1),
        start=places.offset(begin.start_byte),
        end=places.offset(node.end_byte),
        body=body,
        depth=outer.depth + 1 if outer else 0,
        public=_is_public(language, short, signature, outer),
    )


def _kind(found: Found, outer: Symbol | None) -> SymbolKind:
    kind = "function" if found.kind == "prototype" else found.kind
    belongs = found.owner is not None or (outer is not None and outer.kind in _TYPES)
    if kind == "function" and (belongs or found.name.type == "qualified_identifier"):
        kind = "method"
    return cast("SymbolKind", kind)


def _qualified(parsed: Parsed, found: Found, outer: Symbol | None, name: str) -> str:
    parts = [name]
    if found.owner is not None:
        owner = _OWNER.match(_text(parsed, found.owner))
        if owner and owner[1] not in ("self", "this"):
            parts.insert(0, _plain(owner[1], parsed.language))
    if outer and outer.qualified:
        parts.insert(0, outer.qualified)
    return ".".join(parts)


def _name(parsed: Parsed, node: Node, language: Language) -> str:
    text = " ".join(_text(parsed, node).split())
    if node.type == "operator_cast":
        text = text.partition("(")[0]
    if node.type not in ("selectors", "attribute_value"):
        front, operator, back = text.rpartition("operator")
        if operator and not front.endswith((":", " ")) and front:
            front, operator, back = "", "", text
        text = (_plain(front, language) + operator + back) if operator else _plain(back, language)
    return text[:NAME_CHARACTERS] or "?"


def _place(parsed: Parsed, node: Node, name: str) -> tuple[int, int]:
    """Where the last part of a name begins: `f` in `A::f`."""
    row, column = node.start_point
    ahead = parsed.source[node.start_byte : node.end_byte].rpartition(name.encode())[0]
    rows = ahead.count(b"\n")
    return row + rows, len(ahead.rpartition(b"\n")[2]) + (0 if rows else column)


def _plain(name: str, language: Language) -> str:
    """A name without type arguments and what marks it as a pointer or a string, its parts joined by dots."""
    shorter = None
    while shorter != name:
        shorter, name = name, _ARGUMENTS.sub("", name)
    for separator in language.separators:
        name = ".".join(part.strip() for part in name.split(separator))
    name = _MARKS.sub("", name).strip("\"'`").removeprefix(":")
    return name.replace(".prototype.", ".").lstrip(".")


def _text(parsed: Parsed, node: Node) -> str:
    end = min(node.end_byte, node.start_byte + RAW_BYTES)
    return parsed.source[node.start_byte : end].decode("utf-8", "replace")


def _begin(parsed: Parsed, node: Node, leading: Sequence[Node], ends: Sequence[int]) -> Node:
    """The first of the comments and decorators right before a definition, else the definition."""
    source, first = parsed.source, node
    index = bisect_right(ends, first.start_byte) - 1
    while index >= 0:
        before = leading[index]
        if first.start_byte - before.end_byte > FAR_BYTES or before.start_point[1] > FAR_BYTES:
            break
        between = source[before.end_byte : first.start_byte]
        alone = not source[before.start_byte - before.start_point[1] : before.start_byte].strip()
        lines = first.start_point[0] - before.end_point[0] + (1 if before.end_point[1] == 0 else 0)
        aligned = before.start_point[1] == first.start_point[1] or lines == 0
        if between.strip() or lines > 1 or not (alone and aligned):
            break
        first = before
        index -= 1
    return first


def _signature(parsed: Parsed, found: Found) -> str:
    start, end = _after_decorators(parsed.language, found), found.whole.end_byte
    if found.body and found.body.start_byte > start:
        end = found.body.start_byte
    elif found.kind in _DATA:
        line_end = parsed.source.find(b"\n", start, end)
        end = line_end if line_end >= 0 else end
    data = parsed.source[start : min(end, start + 4 * SIGNATURE_CHARACTERS)]
    text = " ".join(data.decode("utf-8", "replace").split())
    if found.body:
        text = _AFTER_SIGNATURE.sub("", text)
    return text if len(text) <= SIGNATURE_CHARACTERS else text[: SIGNATURE_CHARACTERS - 1] + "…"


def _after_decorators(language: Language, found: Found) -> int:
    """Where what is no decorator begins; decorators may be children, or children of the modifiers."""
    skipped = language.decorators | language.comments
    at = found.whole
    while True:
        inner = next((child for child in at.children if child.type not in skipped), None)
        if inner is None or inner.start_byte >= found.name.start_byte:
            return at.start_byte if at.type not in skipped else found.name.start_byte
        if (
            inner.start_byte == at.start_byte
            and inner.type not in ("modifiers",)
            and inner.id != found.node.id
        ):
            return inner.start_byte
        if (
            inner.type == "modifiers"
            and all(child.type in skipped for child in inner.children)
            and inner.children
        ):
            following = inner.next_sibling
            return following.start_byte if following else inner.end_byte
        at = inner


def _is_public(language: Language, name: str, signature: str, outer: Symbol | None) -> bool:
    """By what makes things public; of members by what makes them private, where the language has both."""
    given = {"name": name, "signature": signature}
    member = outer is not None and outer.kind in _TYPES
    if language.public and not (member and language.private):
        return any(re.search(pattern, given[what]) for what, pattern in language.public.items())
    return not any(re.search(pattern, given[what]) for what, pattern in language.private.items())
