"""Commands within a command: what a command line itself runs, as far as its words say."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.folders import literal
from acp_agent.permission.programs import facts
from acp_agent.permission.script import Word
from acp_agent.permission.wrappers import FOUND, READABLE_SHELLS, mark_of, peel

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER_LANGUAGE = re.compile(r"\[\[|\$'|&>|\|&|<<<|>&[^0-9-]|\bfunction\b")
"""What means something else, or nothing, to a shell that is not bash."""
_EXECS = frozenset(("-exec", "-ok"))
_EXECS_ELSEWHERE = frozenset(("-execdir", "-okdir"))


class Runs(NamedTuple):
    """Something that a command line runs: a `line` or a `script`."""

    line: tuple[Word, ...] = ()
    script: Word | None = None
    """A text that a shell reads."""
    unclear: str = ""
    """What is not understood of it; the line or script is then a guess."""
    may_be: bool = False
    """Any of the words of `line` may be the beginning of a command."""
    changes: bool = False
    """Its environment may be another one."""
    fed: bool = False
    """It does not get the standard input of the line."""
    mark: str = ""
    """What in it is replaced by something that is not known."""
    on: tuple[Word, ...] = ()
    """What stands for that something, one by one, as far as it is known."""


def runs(line: tuple[Word, ...], given: str | None) -> Iterator[Runs]:
    """What the command line runs, when the text on its standard input is `given`, or not known."""
    argv = tuple(word.text for word in line)
    name = os.path.basename(argv[0])
    if name in facts().shells:
        yield from _shell(line, name, given)
    elif name == "find":
        yield from _find(line, argv)
    elif name in ("eval", "trap"):
        yield _joined(line[1:] if name == "eval" else line[1:2], f"what `{name}` runs")
    wrapped = peel(argv)
    if wrapped is None:
        return
    if wrapped.unclear:
        yield Runs(line[1:], unclear=f"what `{argv[0]}` runs", may_be=True)
    elif wrapped.inner is not None and wrapped.joined:
        yield _joined(line[wrapped.inner :], "")
    elif wrapped.inner is not None:
        inner = line[wrapped.inner :]
        # What is not one word may be several, and then the command begins elsewhere.
        plain = all(literal(word, tilde=True) for word in line[1 : wrapped.inner])
        unclear = "" if plain else f"what `{argv[0]}` runs"
        if name != "xargs":
            yield Runs(inner, unclear=unclear, changes=not wrapped.transparent)
        else:
            words = tuple(Word(word) for word in (given or "").split())
            yield Runs(inner, unclear=unclear, fed=True, mark=mark_of(argv), on=words)


def put_in(line: tuple[Word, ...], mark: str, word: Word) -> tuple[Word, ...]:
    """The line with a word in the place of the mark, or at the end when there is none."""
    if not mark:
        return (*line, word)
    return tuple(word if each.text == mark else each for each in line)


def _joined(words: tuple[Word, ...], unclear: str) -> Runs:
    if not unclear and any(word.unknown or word.pattern is not None or word.tilde for word in words):
        unclear = "words that a shell reads once more"
    return Runs(script=Word(" ".join(word.text for word in words)), unclear=unclear)


# Shells ----------------------------------------------------------------------------------------------


def _shell(line: tuple[Word, ...], name: str, given: str | None) -> Iterator[Runs]:
    what = f"what `{line[0].text}` runs"
    script, takes_input = _script_of(line)
    if script is not None:
        known = script.pattern is None and not script.tilde and not any(word.unknown for word in line)
        readable = name == "bash" or (name in READABLE_SHELLS and not _OTHER_LANGUAGE.search(script.text))
        yield Runs(script=script, unclear="" if known and readable else what)
    elif takes_input:
        yield Runs(script=Word(given or ""), unclear=f"what `{line[0].text}` is given to run")


def _script_of(line: tuple[Word, ...]) -> tuple[Word | None, bool]:
    """The script of `sh -c SCRIPT`, and whether without one the shell reads its standard input."""
    runs_text, reads, index = False, False, 1
    while index < len(line):
        text = line[index].text
        if text in ("--", "-"):
            index += 1
            break
        if not text.startswith(("-", "+")):
            break
        if text.startswith("--"):
            index += 2 if text in ("--rcfile", "--init-file") else 1
            continue
        runs_text = runs_text or "c" in text[1:]
        reads = reads or "s" in text[1:]
        index += 2 if text[-1] in "oO" else 1
    if runs_text:
        return (line[index] if index < len(line) else None), False
    return None, reads or index >= len(line)


def prints(line: tuple[Word, ...], given: str | None) -> str | None:
    """About the text that a command line writes, as far as its words and what it is given say."""
    wrapped = peel([word.text for word in line])
    if wrapped is not None and wrapped.inner is not None:
        return prints(line[wrapped.inner :], given)
    name = os.path.basename(line[0].text)
    words = [word.text for word in line[1:]]
    if name == "echo":
        while words and re.fullmatch(r"-[neE]+", words[0]):
            words.pop(0)
        return " ".join(words) + "\n"
    if name == "printf" and words:
        values = iter(words[1:])
        text = re.sub(r"%[sbq]", lambda _: next(values, ""), words[0]).replace("\\n", "\n")
        return "\n".join((text, *values))
    return given if name in ("cat", "tee", "head", "tail") else None


# find ------------------------------------------------------------------------------------------------


def _find(line: tuple[Word, ...], argv: tuple[str, ...]) -> Iterator[Runs]:
    places = tuple(_everything_below(word) for word in _places(line) or (Word("."),))
    start = None
    for index, word in enumerate(argv):
        if start is None and (word in _EXECS or word in _EXECS_ELSEWHERE):
            start = index + 1
        elif start is not None and word in (";", "+"):
            elsewhere = "what `find` runs in other folders" if argv[start - 1] in _EXECS_ELSEWHERE else ""
            if line[start:index]:
                yield Runs(line[start:index], unclear=elsewhere, fed=True, mark=FOUND, on=places)
            start = None
    if start is not None:
        yield Runs(line[start:], unclear="`find` without an end of what it runs", may_be=True)


def _places(line: tuple[Word, ...]) -> tuple[Word, ...]:
    start = 1
    while start < len(line) and line[start].text in ("-H", "-L", "-P"):
        start += 1
    ends = (index for index in range(start, len(line)) if line[index].text.startswith(("-", "(", "!", ",")))
    return line[start : next(ends, len(line))]


def _everything_below(place: Word) -> Word:
    """As `find -delete` is claimed."""
    return place._replace(text=place.text.rstrip("/") + "/*", pattern=None)
