"""A shell command as it was understood: the port that a parser of shell text implements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

Connector = Literal["", ";", "&", "&&", "||", "|", "|&"]

STARTS_ITSELF = "a function that starts itself"
"""The one construct that is never allowed although it is not understood."""


class Piece(NamedTuple):
    """A part of a word: a text, or the name of a variable whose value stands there."""

    text: str
    pattern: str = ""
    """For a text: the same with everything literal escaped by a backslash."""
    variable: bool = False
    quoted: bool = False


class Word(NamedTuple):
    """One word of a command."""

    text: str
    """After quote removal; patterns and a leading ~ are still in it."""
    pattern: str | None = None
    """For a word with an active * or ?: the same with everything literal escaped by a backslash."""
    tilde: bool = False
    """It begins with an active ~."""
    unknown: bool = False
    """What it will be is not known before it runs; `text` is how it is written."""
    pieces: tuple[Piece, ...] = ()
    """Of a word with variables in it, which is unknown as long as their values are."""
    number: bool = False
    """Digits, and text around them, that are not known before it runs (`$?`); `text` is how it is written."""


class Redirect(NamedTuple):
    operator: str
    target: Word


class Command(NamedTuple):
    """One simple command, or a test in double brackets."""

    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...] = ()
    assignments: tuple[Word, ...] = ()
    given: str | None = None
    """The text on its standard input, when that is written in the command."""


class Group(NamedTuple):
    """Commands between braces or, in a shell of their own, between parentheses."""

    steps: tuple[Step, ...]
    subshell: bool
    redirects: tuple[Redirect, ...] = ()
    given: str | None = None


class Step(NamedTuple):
    """A command and what connects it to the one before it."""

    connector: Connector
    command: Command | Group
    background: bool = False
    """It is part of a list that ends with &."""
    negated: bool = False
    """The pipeline that begins with it has a ! in front."""


class Script(NamedTuple):
    steps: tuple[Step, ...]
    """In order. When `unclear`: every simple command that could be found in it, best effort."""
    unclear: str = ""
    """The first construct that was not understood, for a person: "command substitution"."""


ShellParser = Callable[[str], Script]
"""Reads the text of a command for bash. Never raises for any text; in doubt the script is `unclear`."""
