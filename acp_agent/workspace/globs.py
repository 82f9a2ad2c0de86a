"""Glob patterns as editors and git write them."""

from __future__ import annotations

import re

from acp_agent.errors import ToolError

CHARACTERS = 1000
NESTING = 8


def compile_glob(pattern: str) -> re.Pattern[str]:
    """Matches paths relative to where the search starts, with `/` between folders.

    `*` and `?` stay within a name, `**` crosses folders, `[…]` and `{a,b}` choose. A pattern
    without `/` matches names in any folder. Raises ToolError for one that cannot be read.
    """
    pattern = pattern.removeprefix("./")
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise ToolError('A glob is relative to a folder, without "..". Give the folder as path.')
    if not pattern or len(pattern) > CHARACTERS:
        raise ToolError('Expected a glob such as "**/*.py".')
    anywhere = "" if "/" in pattern else "(?:.*/)?"
    try:
        return re.compile(anywhere + _translate(pattern, 0), re.DOTALL)
    except re.error as error:
        raise ToolError(f"{pattern!r} is not a valid glob: {error}.") from error


def asks_for_hidden(pattern: str) -> bool:
    """Whether a pattern names something that starts with a dot."""
    return any(re.match(r"\.[^./]", part) for part in re.split(r"[/{,]", pattern))


def _translate(pattern: str, depth: int) -> str:
    if depth > NESTING:
        raise ToolError("The glob has too many braces in each other.")
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        part, at = _next(pattern, at, depth)
        parts.append(part)
    return "".join(parts)


def _next(pattern: str, at: int, depth: int) -> tuple[str, int]:
    """The expression for what stands at `at`, and where the rest starts."""
    if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
        return "(?:.*/)?", at + 3
    if pattern.startswith("**", at):
        return ".*", at + 2
    char = pattern[at]
    if char == "*":
        return _star(pattern, at)
    if char == "?":
        return "[^/]", at + 1
    if char == "\\" and at + 1 < len(pattern):
        return re.escape(pattern[at + 1]), at + 2
    if char == "[" and (end := pattern.find("]", at + 2)) > 0:
        negated = pattern[at + 1] in "!^"
        chars = _set(pattern[at + 1 + negated : end])
        return (f"[^/{chars}]" if negated else f"(?!/)[{chars}]"), end + 1
    if char == "{" and (end := _closing(pattern, at)) > 0:
        choices = "|".join(_translate(choice, depth + 1) for choice in _choices(pattern[at + 1 : end]))
        return f"(?:{choices})", end + 1
    return re.escape(char), at + 1


def _star(pattern: str, at: int) -> tuple[str, int]:
    """`*` and the literal text behind it. Atomic where more stars follow in the same name: the
    first place that fits will do, and trying all others could take for ever.
    """
    end = at + 1
    while end < len(pattern) and pattern[end] not in "*?[]{},\\/":
        end += 1
    if end > at + 1 and pattern[end : end + 1] == "*":
        return f"(?>[^/]*?{re.escape(pattern[at + 1 : end])})", end
    return "[^/]*", at + 1


def _set(inner: str) -> str:
    """Single characters and ranges, as within brackets of an expression."""
    parts: list[str] = []
    at = 0
    while at < len(inner):
        parts.append(re.escape(inner[at]))
        at += 1
        if inner[at : at + 1] == "-" and at + 1 < len(inner):
            parts.append("-" + re.escape(inner[at + 1]))
            at += 2
    return "".join(parts)


def _closing(pattern: str, at: int) -> int:
    depth = 0
    for place in range(at, len(pattern)):
        depth += {"{": 1, "}": -1}.get(pattern[place], 0)
        if depth == 0:
            return place
    return -1


def _choices(inner: str) -> list[str]:
    choices = [""]
    depth = 0
    for char in inner:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            choices.append("")
        else:
            choices[-1] += char
    return choices
