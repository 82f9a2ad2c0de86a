"""Which languages there are, what is known of each (languages.json), and which of them a file is in."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FOLDER = Path(__file__).parent
_SHEBANG = re.compile(r"#!\s*(?:\S*/env\s+(?:-S\s+)?)?(?:\S*/)?([A-Za-z][\w+-]*?)[\d.]*(?=\s|\Z)")


class Grammar(NamedTuple):
    """A wheel with a grammar in it."""

    package: str
    module: str
    function: str


class Lexer(NamedTuple):
    """How to find delimiters where no grammar does, or not reliably beside errors."""

    pairs: Mapping[str, str]
    skip: tuple[str, ...]
    """Expressions for comments, strings and characters; one of them may have a group, for `\\1`."""
    nested: tuple[str, ...]
    """How a comment that may hold another begins and ends; empty when there is none."""


class Checking(NamedTuple):
    """How far an error that the grammar reports is believed."""

    trust: Literal["grammar", "delimiters"]
    """Of what: any error, or only one that leaves delimiters without their counterpart."""
    new: bool
    """Whether a new file is refused: nothing in it shows yet that the grammar understands it."""
    opinion: Literal["", "python", "json", "toml"]
    """A parser that has to find an error as well."""
    gaps: tuple[str, ...]
    """In lines like these the grammar is known not to keep up with the language."""
    waived: tuple[str, ...]
    """A text with one of these is not judged."""
    pairs: Mapping[str, str]
    """What needs a counterpart; empty: brackets."""
    unpaired: frozenset[str]
    """Nodes whose own brackets have no counterpart."""


class Language(NamedTuple):
    name: str
    grammar: Grammar | None
    normal: bool
    """Whether the grammar comes with every installation."""
    ascii: bool
    """The grammar's scanner ends the process when it meets some characters beyond ASCII."""
    unsafe: str
    """An expression for texts that the grammar's scanner may not survive."""
    hints: Mapping[str, str]
    """Expressions for what shows that a text is in another language whose files may have the same names."""
    fallbacks: tuple[str, ...]
    """A text that this grammar does not understand may be in one of these languages."""
    queries: tuple[str, ...]
    """Files in queries/ that find what is defined."""
    comments: frozenset[str]
    decorators: frozenset[str]
    wrappers: Mapping[str, str]
    """Nodes that belong to the one definition in them, `export …`, and the pattern of that."""
    identifiers: tuple[str, ...]
    calls: Mapping[str, str]
    """Nodes of calls, and the field with what is called; empty: its first child."""
    imports: tuple[str, ...]
    separators: tuple[str, ...]
    """Of the parts of a name, besides the dot."""
    public: Mapping[str, str]
    """By "name" or "signature", an expression for what others can see."""
    private: Mapping[str, str]
    check: Checking
    lexer: Lexer | None
    defines: str
    """Without a grammar, an expression for what defines: the kind, what is passed over, the name."""


class Table(NamedTuple):
    languages: Mapping[str, Language]
    templates: re.Pattern[str]
    """What another program will replace before anybody reads the text."""
    placeholders: str
    """An expression for what may be put in later, where that is where an error is."""
    aside: frozenset[str]
    """Words in the path of a file that need not be what its name says."""


@cache
def table() -> Table:
    found: Any = json.loads((_FOLDER / "languages.json").read_text(encoding="utf-8"))
    languages = {name: _language(name, entry) for name, entry in found["languages"].items()}
    templates = re.compile("|".join(found["templates"]), re.MULTILINE)
    return Table(languages, templates, found["placeholders"], frozenset(found["aside"]))


def _language(name: str, entry: Mapping[str, Any]) -> Language:
    lexer, check = entry.get("lexer"), entry.get("check", {})
    return Language(
        name=name,
        grammar=Grammar(**entry["grammar"]) if "grammar" in entry else None,
        normal=entry.get("normal", False),
        ascii=entry.get("ascii", False),
        unsafe=entry.get("unsafe", ""),
        hints=entry.get("hints", {}),
        fallbacks=tuple(entry.get("fallbacks", ())),
        queries=tuple(entry.get("queries", (name,))),
        comments=frozenset(entry.get("comments", ())),
        decorators=frozenset(entry.get("decorators", ())),
        wrappers=entry.get("wrappers", {}),
        identifiers=tuple(entry.get("identifiers", ())),
        calls=entry.get("calls", {}),
        imports=tuple(entry.get("imports", ())),
        separators=tuple(entry.get("separators", ())),
        public=entry.get("public", {}),
        private=entry.get("private", {}),
        check=Checking(
            check.get("trust", "delimiters"),
            check.get("new", True),
            check.get("opinion", ""),
            tuple(check.get("gaps", ())),
            tuple(check.get("waived", ())),
            check.get("pairs", {}),
            frozenset(check.get("unpaired", ())),
        ),
        lexer=Lexer(lexer["pairs"], tuple(lexer["skip"]), tuple(lexer.get("nested", ()))) if lexer else None,
        defines=entry.get("defines", ""),
    )


@cache
def _by_name() -> tuple[Mapping[str, Language], tuple[tuple[str, Language], ...], Mapping[str, Language]]:
    """By extension, by pattern of the name, and by the program of the first line."""
    data = json.loads((_FOLDER / "languages.json").read_text(encoding="utf-8"))["languages"]
    known = table().languages

    def each(key: str) -> Iterable[tuple[str, Language]]:
        return ((part, known[name]) for name, entry in data.items() for part in entry.get(key, ()))

    return dict(each("extensions")), tuple(each("names")), dict(each("shebangs"))


def language_of(path: PurePath, text: str = "") -> Language | None:
    """The language of a file: by its name, or by the first line of one whose name has no extension."""
    found = _named(path, text)
    for name, hint in found.hints.items() if found else ():
        if re.search(hint, text):
            return table().languages[name]
    return found


def _named(path: PurePath, text: str) -> Language | None:
    extensions, names, programs = _by_name()
    for pattern, language in names:
        name = "/".join(path.parts[-2:]) if "/" in pattern else path.name
        if fnmatchcase(name, pattern):
            return language
    if path.suffix:
        return extensions.get(path.suffix.lower())
    found = _SHEBANG.match(text)
    return programs.get(found[1]) if found else None


def queries_of(language: Language) -> str:
    """What finds the definitions, and what may belong to them, in the form that tree-sitter reads."""
    files = (_FOLDER / "queries" / f"{name}.scm" for name in language.queries)
    written = [file.read_text(encoding="utf-8") for file in files]
    leads = [f"({kind}) @_lead" for kind in sorted(language.comments | language.decorators)]
    wrappers = [f"({kind} {inner} @_inner) @_wrapper" for kind, inner in language.wrappers.items()]
    return "\n".join((*written, *leads, *wrappers))
