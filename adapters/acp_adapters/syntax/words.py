"""Takes the text of a shell command apart into words and operators, as bash does.

Knows the part of the language in which what will run can be told beforehand, and raises Unclear,
naming the construct, for everything else.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from acp_adapters.syntax.pieces import Builder, Unclear, ansi_quoted, expansion, variable_at

if TYPE_CHECKING:
    from acp_agent.permission.script import Word

_OPERATORS = re.compile(r"&>>|<<-|<<<|&>|>>|>\||>&|<>|<<|<&|&&|\|\||\|&|;;|;&|[;&|<>()]")
_ENDS_A_WORD = frozenset(" \t\n;&|<>()")
REDIRECTS = frozenset((">", ">>", ">|", "&>", "&>>", "<>", ">&", "<", "<&"))
NEWLINE = "\n"
_PLAIN = re.compile(r"[\w./,:=@%+^-]+")
"""Characters that mean nothing wherever they are in a word."""
_HARMLESS_BRACES = re.compile(r"\{\w*\}")
_INNER_TILDE = re.compile(r"[=:]~")
_TILDE = re.compile(r"~[^'\"\\/]*(?:/|$)")
"""A ~ that the shell replaces: nothing is quoted up to the first slash."""
_SET = re.compile(r"[A-Za-z_]\w*(\[)?[^=\[]*?\+?=|[A-Za-z_]\w*\[")
_ALONE = frozenset(("[", "]", "[[", "]]"))


class Token(NamedTuple):
    """A word, or an operator when `word` is None; a line's end is the operator NEWLINE."""

    raw: str
    word: Word | None = None
    quoted: bool = False
    descriptor: str = ""
    """Digits in front of a redirect."""
    heredoc: bool = False
    """The word that ends a here-document."""
    body: str = ""
    """Of that word: the here-document."""
    at: int = 0
    """Where it begins in the text."""


class _Heredoc(NamedTuple):
    position: int
    """Of the token with its delimiter."""
    delimiter: str
    quoted: bool
    tabs: bool
    """Leading tabs go."""


def odd(text: str) -> str:
    """The first character that shells or people would read differently; empty when there is none."""
    if text.isascii():
        found = next((c for c in text if (c < " " and c not in "\n\t") or c == "\x7f"), "")
    else:
        found = next((c for c in text if c not in "\n\t " and unicodedata.category(c)[0] in "CZ"), "")
    return f"the character U+{ord(found):04X}" if found else ""


def tokens(text: str) -> list[Token]:
    """The words and operators of `text`, here-documents with their delimiters. Raises Unclear."""
    return _Lexer(text).tokens()


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tokens: list[Token] = []
        self._heredocs: list[_Heredoc] = []

    def tokens(self) -> list[Token]:
        delimiter_next = ""
        while self._skip_blanks():
            start = self._at
            if self._text[start] == "\n":
                self._tokens.append(Token(NEWLINE, at=start))
                self._end_line()
                continue
            operator = _OPERATORS.match(self._text, start)
            token = self._operator(operator, start) if operator else self._word(start)
            if delimiter_next and token.word:
                token = self._delimiter(token, delimiter_next)
            delimiter_next = token.raw if token.word is None and token.raw in ("<<", "<<-") else ""
            self._tokens.append(token)
        if delimiter_next or self._heredocs:
            raise Unclear("an unfinished here-document")
        return self._tokens

    def _operator(self, found: re.Match[str], start: int) -> Token:
        self._at = found.end()
        raw = found[0]
        if raw in (";;", ";&"):
            raise Unclear(f"`{raw}`")
        if raw in ("<", ">") and self._text.startswith("(", self._at):
            raise Unclear("a process substitution")
        return Token(raw, at=start)

    def _skip_blanks(self) -> bool:
        """Goes to the next token; False at the end."""
        text = self._text
        after_blank = self._at == 0 or text[self._at - 1] == "\n"
        while self._at < len(text):
            char = text[self._at]
            if char in " \t":
                after_blank = True
                self._at += 1
            elif text.startswith("\\\n", self._at):
                if not after_blank:
                    raise Unclear("a line that is continued within a word")
                self._at += 2
            elif char == "#" and (after_blank or text[self._at - 1] in ";&|()"):
                self._at = self._end_of_line()
            else:
                return True
        return False

    def _end_of_line(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    # Here-documents -------------------------------------------------------------------

    def _delimiter(self, token: Token, operator: str) -> Token:
        word = token.word
        if word is None or "\n" in word.text or word.pattern is not None or word.tilde or word.pieces:
            raise Unclear("an odd end of a here-document")
        self._heredocs.append(_Heredoc(len(self._tokens), word.text, token.quoted, operator == "<<-"))
        return token._replace(heredoc=True)

    def _end_line(self) -> None:
        """Takes the here-documents that begin after this line."""
        self._at += 1
        for heredoc in self._heredocs:
            body = self._heredoc(heredoc)
            self._tokens[heredoc.position] = self._tokens[heredoc.position]._replace(body=body)
        self._heredocs.clear()

    def _heredoc(self, heredoc: _Heredoc) -> str:
        lines: list[str] = []
        while self._at < len(self._text):
            end = self._end_of_line()
            line = self._text[self._at : end]
            self._at = min(end + 1, len(self._text))
            line = line.lstrip("\t") if heredoc.tabs else line
            if line == heredoc.delimiter:
                return "".join(each + "\n" for each in lines)
            if not heredoc.quoted and any(char in line for char in "$`\\"):
                raise Unclear("a here-document in which something is replaced")
            lines.append(line)
        raise Unclear("an unfinished here-document")

    # Words --------------------------------------------------------------------------

    def _word(self, start: int) -> Token:
        text = self._text
        builder = Builder()
        while self._at < len(text) and text[self._at] not in _ENDS_A_WORD:
            self._piece(builder, start)
        raw = text[start : self._at]
        follows = text[self._at : self._at + 1]
        if follows in ("<", ">") and follows:
            if raw.isascii() and raw.isdecimal():
                return self._numbered(raw, start)
            if _HARMLESS_BRACES.fullmatch(raw):
                raise Unclear("a redirect to a variable")
        if follows == "(":
            raise Unclear("a subshell or a function")
        if _INNER_TILDE.search(raw) and (not builder.quoted or _SET.match(raw)):
            raise Unclear("~ in the middle of a word")
        if builder.tilde and not _TILDE.match(raw):
            raise Unclear("~ beside a quote")
        return Token(raw, builder.word(raw), builder.quoted, at=start)

    def _numbered(self, digits: str, start: int) -> Token:
        operator = _OPERATORS.match(self._text, self._at)
        assert operator is not None
        if operator[0] in ("<<", "<<-", "<<<"):
            raise Unclear("a numbered here-document")
        return self._operator(operator, start)._replace(descriptor=digits)

    def _piece(self, builder: Builder, start: int) -> None:
        text, at = self._text, self._at
        plain = _PLAIN.match(text, at)
        if plain:
            builder.plain(plain[0])
            self._at = plain.end()
            return
        char = text[at]
        if char == "'":
            end = text.find("'", at + 1)
            if end < 0:
                raise Unclear("a quote that does not end")
            builder.quote(text[at + 1 : end])
            self._at = end + 1
        elif char == '"':
            self._at += 1
            self._double_quoted(builder)
        elif char == "\\":
            following = text[at + 1 : at + 2]
            if following in ("", "\n"):
                raise Unclear("a line that is continued within a word")
            builder.quote(following)
            self._at += 2
        elif char == "$":
            self._dollar(builder)
        else:
            self._special(builder, char, start)

    def _special(self, builder: Builder, char: str, start: int) -> None:
        if char == "`":
            raise Unclear("a command substitution")
        if char == "{":
            self._brace(builder)
            return
        if char == "[":
            self._bracket(builder, start)
            return
        if char in "*?":
            builder.wildcard(char)
        else:
            builder.tilde = builder.tilde or (char == "~" and self._at == start)
            builder.plain(char)
        self._at += 1

    def _bracket(self, builder: Builder, start: int) -> None:
        end = self._at + 1
        while end < len(self._text) and self._text[end] not in _ENDS_A_WORD:
            end += 1
        if self._text[start:end] not in _ALONE:
            raise Unclear("a pattern with brackets")
        builder.plain(self._text[start:end])
        self._at = end

    def _dollar(self, builder: Builder) -> None:
        text, at = self._text, self._at
        following = text[at + 1 : at + 2]
        variable = variable_at(text, at)
        if variable:
            name, self._at = variable
            builder.variable(name, quoted=False)
        elif following == "'":
            decoded, self._at = ansi_quoted(text, at + 2)
            builder.quote(decoded)
        elif following and following not in " \t\n;|":
            raise Unclear(expansion(text, at))
        else:
            builder.plain("$")
            self._at += 1

    def _brace(self, builder: Builder) -> None:
        text, at = self._text, self._at
        braces = _HARMLESS_BRACES.match(text, at)
        if braces:
            builder.plain(braces[0])
            self._at = braces.end()
        elif text[at + 1 : at + 2] in ("", " ", "\t", "\n"):
            builder.plain("{")
            self._at += 1
        else:
            raise Unclear("a brace expansion")

    def _double_quoted(self, builder: Builder) -> None:
        """Takes the rest of a double-quoted piece."""
        pieces: list[str] = []
        text = self._text
        while self._at < len(text):
            char, following = text[self._at], text[self._at + 1 : self._at + 2]
            if char == '"':
                self._at += 1
                builder.quote("".join(pieces))
                return
            if char == "`":
                raise Unclear("a command substitution")
            if char == "\\" and following == "\n":
                raise Unclear("a line that is continued within a word")
            variable = variable_at(text, self._at) if char == "$" else None
            if variable:
                builder.quote("".join(pieces))
                pieces.clear()
                builder.variable(variable[0], quoted=True)
                self._at = variable[1]
            elif char == "$" and following not in ('"', " ", "|", ")", "/", "."):
                raise Unclear(expansion(text, self._at))
            elif char == "\\" and following and following in '$`"\\':
                pieces.append(following)
                self._at += 2
            else:
                pieces.append(char)
                self._at += 1
        raise Unclear("a quote that does not end")
