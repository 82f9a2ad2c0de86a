"""Parts of a word of bash: what is put together to one, $'…' quoting, names of variables."""

from __future__ import annotations

import re

from acp_agent.permission.script import Piece, Word

_ESCAPED = re.compile(r"[\\*?]")
_ANSI = re.compile(
    r"\\(?:(?P<simple>[abeEfnrtv\\'\"?])|x(?P<hex>[0-9a-fA-F]{1,2})|u(?P<short>[0-9a-fA-F]{1,4})"
    r"|U(?P<long>[0-9a-fA-F]{1,8})|(?P<octal>[0-7]{1,3}))"
)
_SIMPLE = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"', "?": "?"}
_END_OF_ANSI = re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*|[?#$])|\{([A-Za-z_][A-Za-z0-9_]*|[?#$])\})")


class Unclear(Exception):
    """A construct that is not understood; the text names it."""


class Builder:
    """A word while it is put together."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
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
        self._pattern.append(_ESCAPED.sub(r"\\\g<0>", text))

    def wildcard(self, char: str) -> None:
        self._wild = True
        self.plain(char)

    def variable(self, name: str, *, quoted: bool) -> None:
        self.quoted = self.quoted or quoted
        self._cut()
        self._pieces.append(Piece(name, variable=True, quoted=quoted))

    def _cut(self) -> None:
        if self._text:
            self._pieces.append(Piece("".join(self._text), "".join(self._pattern)))
            self._text, self._pattern = [], []

    def word(self, raw: str) -> Word:
        """`raw` is how the word is written."""
        if not self._pieces:
            return Word("".join(self._text), "".join(self._pattern) if self._wild else None, self.tilde)
        if self.tilde:
            raise Unclear("~ beside a variable")
        self._cut()
        return Word(raw, raw if self._wild else None, unknown=True, pieces=tuple(self._pieces))


def variable_at(text: str, at: int) -> tuple[str, int] | None:
    """The name of the variable whose plain value stands at `at`, and where that ends."""
    found = _VARIABLE.match(text, at)
    return (found[1] or found[2], found.end()) if found else None


def ansi_quoted(text: str, at: int) -> tuple[str, int]:
    """What `$'…'` stands for, its text beginning at `at`, and where it ends. Raises Unclear."""
    found = _END_OF_ANSI.match(text, at)
    assert found is not None
    if text[found.end() : found.end() + 1] != "'":
        raise Unclear("a quote that does not end")
    return _decoded(found[0]), found.end() + 1


def _decoded(text: str) -> str:
    pieces: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "\\":
            pieces.append(text[at])
            at += 1
            continue
        escape = _ANSI.match(text, at)
        if escape is None:
            raise Unclear("$'…' quoting with an escape that is not understood")
        pieces.append(_character(escape))
        at = escape.end()
    return "".join(pieces)


def _character(escape: re.Match[str]) -> str:
    """Only what is the same in every locale, and what a person can see."""
    if escape["simple"]:
        decoded = _SIMPLE.get(escape["simple"], "")
    else:
        digits = escape["hex"] or escape["short"] or escape["long"]
        code = int(digits, 16) if digits else int(escape["octal"], 8)
        decoded = chr(code) if code < 0x7F and (code >= 0x20 or code in (9, 10)) else ""
    if not decoded:
        raise Unclear("$'…' quoting of a character that cannot be seen")
    return decoded


def expansion(text: str, at: int) -> str:
    """How a person calls what begins with the $ at `at`."""
    found = _EXPANSION.match(text, at)
    if found and found[1]:
        return f"the variable {found[1]}"
    if text.startswith(("$(", "$["), at):
        return "a command substitution"
    return {"'": "$'…' quoting", '"': '$"…" quoting'}.get(text[at + 1 : at + 2], "an expansion")


_EXPANSION = re.compile(r"\$\{?([A-Za-z_]\w*)")
