"""Takes the text of a shell command apart into words and operators, as bash does.

Knows the part of the language in which what will run can be told beforehand, and raises Unclear,
naming the construct, for everything else.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.script import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

BLANK = " \t"
_OPERATORS = re.compile(r"&>>|<<-|<<<|&>|>>|>\||>&|<>|<<|<&|&&|\|\||\|&|;;|;&|[;&|<>()]")
_ENDS_A_WORD = frozenset(" \t\n;&|<>()")
REDIRECTS = frozenset((">", ">>", ">|", "&>", "&>>", "<>", ">&", "<", "<&"))
_EXPANSION = re.compile(r"\$(?:\{?([A-Za-z_]\w*)|.)?", re.DOTALL)
_HARMLESS_BRACES = re.compile(r"\{\w*\}")
_INNER_TILDE = re.compile(r"[=:]~")
_TILDE = re.compile(r"~[^'\"\\/]*(?:/|$)")
"""A ~ that the shell replaces: nothing is quoted up to the first slash."""
_SET = re.compile(r"[A-Za-z_]\w*(\[)?[^=\[]*?\+?=|[A-Za-z_]\w*\[")


class Unclear(Exception):
    """A construct that is not understood; the text names it."""


class Token(NamedTuple):
    """A word, or an operator when `word` is None."""

    raw: str
    word: Word | None = None
    quoted: bool = False
    descriptor: str = ""
    """Digits in front of a redirect."""
    heredoc: bool = False
    """The word that ends a here-document."""


def odd(text: str) -> str:
    """The first character that shells or people would read differently; empty when there is none."""
    if text.isascii():
        found = next((c for c in text if (c < " " and c not in "\n\t") or c == "\x7f"), "")
    else:
        found = next((c for c in text if c not in "\n\t " and unicodedata.category(c)[0] in "CZ"), "")
    return f"the character U+{ord(found):04X}" if found else ""


def tokens(text: str) -> list[Token]:
    """The words and operators of `text`, here-documents left out. Raises Unclear."""
    return list(_Lexer(text).tokens())


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._heredoc: tuple[str, bool, bool] | None = None
        """Delimiter, whether it was quoted, whether leading tabs go."""

    def tokens(self) -> Iterator[Token]:
        delimiter_next = ""
        while self._skip_blanks():
            operator = _OPERATORS.match(self._text, self._at)
            if operator is None:
                token = self._word()
                if delimiter_next:
                    self._begin_heredoc(token, delimiter_next)
                    token = token._replace(heredoc=True)
                    delimiter_next = ""
                yield token
                continue
            self._at = operator.end()
            delimiter_next = operator[0] if operator[0] in ("<<", "<<-") else ""
            yield self._operator(operator[0])
        if delimiter_next or self._heredoc:
            raise Unclear("an unfinished here-document")

    def _operator(self, raw: str) -> Token:
        if raw in "()":
            raise Unclear("a subshell or a function")
        if raw == "<<<":
            raise Unclear("a here-string")
        if raw in (";;", ";&"):
            raise Unclear(f"`{raw}`")
        if raw in "<>" and self._text.startswith("(", self._at):
            raise Unclear("a process substitution")
        return Token(raw)

    def _skip_blanks(self) -> bool:
        """Goes to the next token; False at the end."""
        text, after_blank = self._text, self._at == 0
        while self._at < len(text):
            char = text[self._at]
            if char in BLANK:
                after_blank = True
                self._at += 1
            elif text.startswith("\\\n", self._at):
                if not after_blank:
                    raise Unclear("a line that is continued within a word")
                self._at += 2
            elif char == "#" and (after_blank or text[self._at - 1] in ";&|"):
                self._at = self._end_of_line()
            elif char == "\n":
                self._end_line()
            else:
                return True
        return False

    def _end_of_line(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _end_line(self) -> None:
        """Takes the here-document that begins after this line, and nothing after it but blank lines."""
        self._at += 1
        if self._heredoc is not None:
            delimiter, quoted, tabs = self._heredoc
            self._heredoc = None
            while True:
                if self._at >= len(self._text):
                    raise Unclear("an unfinished here-document")
                end = self._end_of_line()
                line = self._text[self._at : end]
                self._at = min(end + 1, len(self._text))
                if (line.lstrip("\t") if tabs else line) == delimiter:
                    break
                if not quoted and any(char in line for char in "$`\\"):
                    raise Unclear("a here-document in which something is replaced")
        if self._text[self._at :].strip(" \t\n"):
            raise Unclear("several lines")
        self._at = len(self._text)

    def _begin_heredoc(self, token: Token, operator: str) -> None:
        if self._heredoc is not None:
            raise Unclear("several here-documents")
        if (
            token.word is None
            or "\n" in token.word.text
            or token.word.pattern is not None
            or token.word.tilde
        ):
            raise Unclear("an odd end of a here-document")
        self._heredoc = (token.word.text, token.quoted, operator == "<<-")

    # Words --------------------------------------------------------------------------

    def _word(self) -> Token:
        start = self._at
        builder = _Builder()
        while self._at < len(self._text) and self._text[self._at] not in _ENDS_A_WORD:
            self._piece(builder, self._at == start)
        raw = self._text[start : self._at]
        follows = self._text[self._at : self._at + 1]
        if follows in ("<", ">") and follows:
            if raw.isascii() and raw.isdecimal():
                return self._numbered(raw)
            if _HARMLESS_BRACES.fullmatch(raw):
                raise Unclear("a redirect to a variable")
        if raw in ("{", "}"):
            raise Unclear("a group")
        if _INNER_TILDE.search(raw) and (not builder.quoted or _SET.match(raw)):
            raise Unclear("~ in the middle of a word")
        if builder.tilde and not _TILDE.match(raw):
            raise Unclear("~ beside a quote")
        return Token(raw, builder.word(), builder.quoted)

    def _numbered(self, digits: str) -> Token:
        operator = _OPERATORS.match(self._text, self._at)
        assert operator is not None
        self._at = operator.end()
        if operator[0] in ("<<", "<<-"):
            raise Unclear("a numbered here-document")
        return self._operator(operator[0])._replace(descriptor=digits)

    def _piece(self, builder: _Builder, first: bool) -> None:
        char = self._text[self._at]
        if char == "'":
            end = self._text.find("'", self._at + 1)
            if end < 0:
                raise Unclear("a quote that does not end")
            builder.quote(self._text[self._at + 1 : end])
            self._at = end + 1
        elif char == '"':
            self._at += 1
            builder.quote(self._double_quoted())
        elif char == "\\":
            following = self._text[self._at + 1 : self._at + 2]
            if following in ("", "\n"):
                raise Unclear("a line that is continued within a word")
            builder.quote(following)
            self._at += 2
        elif char == "`":
            raise Unclear("a command substitution")
        elif char == "$":
            self._dollar(builder)
        elif char == "{":
            self._brace(builder)
        else:
            self._plain(builder, char, first)

    def _plain(self, builder: _Builder, char: str, first: bool) -> None:
        if char == "[":
            raise Unclear("a pattern with brackets")
        if char in "*?":
            builder.wildcard(char)
        else:
            builder.tilde = builder.tilde or (first and char == "~")
            builder.plain(char)
        self._at += 1

    def _dollar(self, builder: _Builder) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if following and following not in " \t\n;|":
            raise Unclear(_expansion(self._text, self._at))
        builder.plain("$")
        self._at += 1

    def _brace(self, builder: _Builder) -> None:
        braces = _HARMLESS_BRACES.match(self._text, self._at)
        if braces is None:
            if self._text[self._at + 1 : self._at + 2] in ("", " ", "\t", "\n"):
                raise Unclear("a group")
            raise Unclear("a brace expansion")
        builder.plain(braces[0])
        self._at = braces.end()

    def _double_quoted(self) -> str:
        """Takes the rest of a double-quoted piece."""
        pieces: list[str] = []
        text = self._text
        while self._at < len(text):
            char, following = text[self._at], text[self._at + 1 : self._at + 2]
            if char == '"':
                self._at += 1
                return "".join(pieces)
            if char == "`":
                raise Unclear("a command substitution")
            if char == "$" and following not in ('"', " ", "|", ")", "/", "."):
                raise Unclear(_expansion(text, self._at))
            if char == "\\" and following == "\n":
                raise Unclear("a line that is continued within a word")
            if char == "\\" and following and following in '$`"\\':
                pieces.append(following)
                self._at += 2
                continue
            pieces.append(char)
            self._at += 1
        raise Unclear("a quote that does not end")


class _Builder:
    """A word while it is put together."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._pattern: list[str] = []
        self._wild = False
        self.quoted = False
        self.tilde = False

    def plain(self, text: str) -> None:
        self._text.append(text)
        self._pattern.append(text)

    def quote(self, text: str) -> None:
        self.quoted = True
        self._text.append(text)
        self._pattern.append(re.sub(r"([\\*?])", r"\\\1", text))

    def wildcard(self, char: str) -> None:
        self._wild = True
        self.plain(char)

    def word(self) -> Word:
        return Word("".join(self._text), "".join(self._pattern) if self._wild else None, self.tilde)


def _expansion(text: str, at: int) -> str:
    found = _EXPANSION.match(text, at)
    if found and found[1]:
        return f"the variable {found[1]}"
    if text.startswith(("$(", "$["), at):
        return "a command substitution"
    return {"(": "a command substitution", "'": "$'…' quoting", '"': '$"…" quoting'}.get(
        text[at + 1 : at + 2], "an expansion"
    )
