"""Patterns of rules, in two styles.

In both, * and ? are wildcards, everything else stands for itself, and a backslash takes the
meaning from the character after it. A path's * and ? stay within one part of the path, ** goes
over any number of them, and `dir/**` matches `dir` too. A command's * goes over everything, line
breaks included, and a ` *` at the end also matches the command without further words.
"""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = re.compile(r"[\w@%+=:,./^-][\w@%+=:,./^~-]*|\w*@?\{\w*\}", re.ASCII)
_TOKENS = re.compile(r"\\(?P<escaped>.)|(?P<wild>\*+|\?)|(?P<plain>[^\\*?]+|\\)", re.DOTALL)
_ANYWHERE = "(?:.*/)?"


@lru_cache(maxsize=2048)
def command_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression to be used with fullmatch."""
    body, optional = pattern, ""
    for ending in (" **", " *"):
        if pattern.endswith(ending):
            body, optional = pattern.removesuffix(ending), "(?: .*)?"
            break
    expression = "".join(_command_token(token) for token in _TOKENS.finditer(body))
    return re.compile(expression + optional, re.DOTALL)


@lru_cache(maxsize=2048)
def path_pattern(pattern: str, *, fold: bool = False) -> re.Pattern[str]:
    """A regular expression to be used with fullmatch on an absolute path; `fold` ignores case."""
    body, below = pattern, ""
    if body.endswith("/**"):
        body, below = body.removesuffix("/**"), "(?:/.*)?"
    pieces: list[str] = []
    for part in re.split(r"(/\*\*(?=/)|^\*\*/)", body):
        if part == "/**":
            pieces.append("(?:/.*)?")
        elif part == "**/":
            pieces.append(_ANYWHERE)
        else:
            pieces.extend(_path_token(token) for token in _TOKENS.finditer(part))
    return re.compile("".join(pieces) + below, re.DOTALL | (re.IGNORECASE if fold else 0))


def any_of(patterns: Iterable[re.Pattern[str]]) -> re.Pattern[str]:
    """One expression for several folding path patterns; to try each for itself takes far longer."""
    expressions = [pattern.pattern for pattern in patterns]
    anywhere = [each.removeprefix(_ANYWHERE) for each in expressions if each.startswith(_ANYWHERE)]
    branches = [each for each in expressions if not each.startswith(_ANYWHERE)]
    if anywhere:
        branches.append(f"{_ANYWHERE}(?:{'|'.join(anywhere)})")
    return re.compile("|".join(branches) or "(?!)", re.DOTALL | re.IGNORECASE)


def command_text(argv: Iterable[str]) -> str:
    """The words of a command as patterns see them: quoted where a shell would need it."""
    return " ".join(quoted(word) for word in argv)


def quoted(word: str) -> str:
    return word if _PLAIN.fullmatch(word) else shlex.quote(word)


def literal(text: str) -> str:
    """A pattern that matches `text` and nothing else."""
    return re.sub(r"([\\*?])", r"\\\1", text)


def is_literal(pattern: str) -> bool:
    return all(token["wild"] is None for token in _TOKENS.finditer(pattern))


def unescaped(pattern: str) -> str:
    """How a person reads a literal pattern."""
    return re.sub(r"\\(.)", r"\1", pattern, flags=re.DOTALL)


def _command_token(token: re.Match[str]) -> str:
    if token["wild"] is not None:
        return "." if token["wild"] == "?" else ".*"
    return re.escape(token["plain"] if token["escaped"] is None else token["escaped"])


def _path_token(token: re.Match[str]) -> str:
    if token["wild"] is not None:
        return {"?": "[^/]", "*": "[^/]*"}.get(token["wild"], ".*")
    return re.escape(token["plain"] if token["escaped"] is None else token["escaped"])
