"""Which files a command line of a known program changes, removes and copies from."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.permission.data import as_table, flag, only, text, words
from acp_agent.permission.floor import RECURSES, REMOVES
from acp_agent.permission.programs import facts
from acp_agent.permission.usage import Allowed, by_name, scan, subcommand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.permission.data import Table
    from acp_agent.permission.script import Word
    from acp_agent.permission.usage import Scan

WRITES = "written by"


class Target(NamedTuple):
    """A file that a command touches, as the command names it."""

    word: Word
    reason: str
    """Why it is claimed; empty for a file that is only read."""
    follow: bool = True
    """A link at the end of the path is followed."""
    source: Word | None = None
    """What is copied to `word`: where that is a folder, into it, under the same name."""
    tree: bool = False
    """With all that is below `source`."""
    spread: bool = False
    """What is in `source` goes straight into `word`."""
    moves: bool = False
    """`source` will be gone."""
    links: Literal["", "beside", "here"] = ""
    """`word` will be a link to `source`, which is told from beside the link or from here."""
    only_there: bool = False
    """Claimed only if it exists: else the word names something else, such as a branch."""


class _Changer(NamedTuple):
    name: str
    targets: str
    flags: frozenset[str]
    allowed: Allowed
    recursive: tuple[str, ...]
    into: tuple[str, ...]
    keyed: tuple[str, ...]
    only_with: tuple[str, ...]
    unless: tuple[str, ...]
    scripts: tuple[str, ...]
    default: str
    ending: str
    single: bool
    subcommands: dict[str, _Changer]


class _Line(NamedTuple):
    """A command line as a changer reads it."""

    words: tuple[Word, ...]
    changer: _Changer
    found: Scan
    said: str

    @property
    def operands(self) -> list[Word]:
        return [self.words[index] for index in self.found.operands]

    def named(self, value: str) -> Word:
        return self.words[0]._replace(text=value, pattern=None, tilde=value.startswith("~"), unknown=False)


def changed(line: tuple[Word, ...]) -> Iterator[Target]:
    """What the command line changes. A rough reading: what is not known of an option is not guessed."""
    argv = tuple(word.text for word in line)
    name = os.path.basename(argv[0])
    if name == "find":
        yield from _found(line, argv)
    changer, start, said = _changer_of(name), 1, name
    while changer is not None and changer.subcommands:
        yield from _into(_Line(line, changer, scan(argv, start, changer.allowed), said))
        below, start = subcommand(argv, changer.allowed, changer.subcommands)
        said = f"{name} {argv[start - 1]}" if below else said
        changer = below
    if changer is None:
        return
    one = _Line(line, changer, scan(argv, start, changer.allowed, single=changer.single), said)
    yield from _into(one)
    skipped = changer.unless and one.found.has(changer.unless)
    if not skipped and (not changer.only_with or one.found.has(changer.only_with)):
        yield from _TARGETS[changer.targets](one)


def _into(line: _Line) -> Iterator[Target]:
    for value in line.found.values_of(line.changer.into):
        if value in ("", "-"):
            continue
        yield Target(line.named(value), f"{WRITES} {line.said}")
    for key in line.changer.keyed:
        for word in line.words[1:]:
            if word.text.startswith(key):
                yield Target(word._replace(text=word.text[len(key) :]), f"{WRITES} {line.said}")


# Which words name what is changed ------------------------------------------------------------------


def _none(line: _Line) -> Iterator[Target]:
    del line
    yield from ()


def _all(line: _Line) -> Iterator[Target]:
    changer, found, operands = line.changer, line.found, line.operands
    reason = f"{REMOVES} ({line.said})" if "removes" in changer.flags else f"{WRITES} {line.said}"
    if found.has(changer.recursive):
        reason = f"{RECURSES} ({line.said})"
    if changer.targets == "rest" and found.value_of("--reference") is None and not found.has(changer.scripts):
        operands = operands[1:]
    if not operands and changer.default:
        operands = [line.named(changer.default)]
    there = "there" in changer.flags and "--" not in [word.text for word in line.words]
    for word in operands:
        yield Target(word, reason, follow="removes" not in changer.flags, only_there=there)
        if changer.ending:
            yield from _packed(line, word)


def _packed(line: _Line, word: Word) -> Iterator[Target]:
    """The other file of a program that packs or unpacks one in its place."""
    ending = line.changer.ending
    other = word.text.removesuffix(ending) if word.text.endswith(ending) else word.text + ending
    yield Target(word._replace(text=other, pattern=None), f"{WRITES} {line.said}")


def _first(line: _Line) -> Iterator[Target]:
    for word in line.operands[:1] or ([line.named(line.changer.default)] if line.changer.default else []):
        yield Target(word, f"{WRITES} {line.said}")


def _second(line: _Line) -> Iterator[Target]:
    for word in line.operands[1:2] or ([line.named(line.changer.default)] if line.changer.default else []):
        yield Target(word, f"{WRITES} {line.said}")


def _folder(line: _Line) -> Iterator[Target]:
    """Files whose names are not in the words, in the folder of an option or else where it runs."""
    if not line.found.has(line.changer.into):
        yield Target(line.named("."), f"{WRITES} {line.said}")


def _archive(line: _Line) -> Iterator[Target]:
    """tar, which packs into a file or unpacks into a folder."""
    first, found = line.words[1].text if len(line.words) > 1 else "", line.found
    letters = "" if first.startswith("-") else first
    file = found.value_of("-f", "--file") or (
        line.operands[1].text if "f" in letters and line.operands[1:] else ""
    )
    if found.has(_PACKS) or set(letters) & set("cruA"):
        yield Target(line.named(file or "."), f"{WRITES} {line.said}")
    elif (found.has(_UNPACKS) or "x" in letters) and not found.has(("-O", "--to-stdout")):
        folder = found.value_of("-C", "--directory") or "."
        yield Target(line.named(folder), f"{WRITES} {line.said}")


_PACKS = ("-c", "-r", "-u", "-A", "--create", "--append", "--update", "--delete")
_UNPACKS = ("-x", "--extract", "--get")


def _clone(line: _Line) -> Iterator[Target]:
    """The folder that is named, or else the last part of the address."""
    operands = line.operands
    if len(operands) > 1:
        yield Target(operands[1], f"{WRITES} {line.said}")
    elif operands:
        last = re.split(r"[/:]", operands[0].text.rstrip("/"))[-1]
        yield Target(line.named(last.removesuffix(".git") or "."), f"{WRITES} {line.said}")


def _address(line: _Line) -> Iterator[Target]:
    """A file named like the last part of each address, unless an option says where."""
    place = line.found.value_of("-P", "--directory-prefix", "--output-dir", "-d", "--dir") or ""
    for word in line.operands:
        path = re.split(r"[?#]", re.sub(r"^[\w+.-]+://", "", word.text))[0]
        name = path.rpartition("/")[2] if "/" in path else ""
        yield Target(line.named(os.path.join(place, name or "index.html")), f"{WRITES} {line.said}")


def _destination(line: _Line) -> Iterator[Target]:
    changer, found, operands = line.changer, line.found, line.operands
    if not operands:
        return
    if line.said == "install" and found.has(("-d", "--directory")):
        yield from (Target(word, f"{WRITES} {line.said}") for word in operands)
        return
    folder = found.value_of("-t", "--target-directory")
    if folder is None and len(operands) > 1:
        *sources, destination = operands
    else:
        sources, destination = operands, line.named((folder or ".") + "/")
    elsewhere = "remote" in changer.flags
    for source in sources:
        word = source
        if elsewhere and is_remote(word.text):
            word = line.named(word.text.rpartition(":")[2] or ".")
        elif "moves" in changer.flags:
            yield Target(word, f"{REMOVES} ({line.said})", follow=False)
        elif "reads" in changer.flags:
            yield Target(word, "")
        if elsewhere and is_remote(destination.text):
            continue
        moves = "moves" in changer.flags
        yield Target(
            destination,
            f"{WRITES} {line.said}",
            source=word,
            tree=moves or found.has(changer.recursive),
            spread=elsewhere and word.text.endswith("/"),
            moves=moves,
            links=_kind_of_link(line),
        )


def _kind_of_link(line: _Line) -> Literal["", "beside", "here"]:
    if "links" not in line.changer.flags:
        return ""
    symbolic = line.found.has(("-s", "--symbolic")) and not line.found.has(("-r", "--relative"))
    return "beside" if symbolic else "here"


def _settings(line: _Line) -> Iterator[Target]:
    """`git config`, when it is to change something."""
    operands, found = line.operands, line.found
    if len(operands) < 2 and not found.has(("--unset", "--unset-all", "--edit", "-e", "--remove-section")):
        return
    if found.has(("--global",)):
        yield Target(line.named("~/.gitconfig"), f"{WRITES} {line.said}")
    elif not found.has(line.changer.into):
        yield Target(line.named(".git/config"), f"{WRITES} {line.said}")


def is_remote(word: str) -> bool:
    """Whether scp and rsync take the word for a place on another machine."""
    return bool(re.match(r"[^/:]+:", word) or re.match(r"(?:rsync|scp|sftp|ssh)://", word))


_TARGETS = {
    "none": _none,
    "all": _all,
    "rest": _all,
    "first": _first,
    "second": _second,
    "folder": _folder,
    "clone": _clone,
    "address": _address,
    "settings": _settings,
    "archive": _archive,
    "last": _destination,
}


def _found(line: tuple[Word, ...], argv: tuple[str, ...]) -> Iterator[Target]:
    end = next((i for i, word in enumerate(argv) if i and word.startswith(("-", "(", "!"))), len(argv))
    for index, word in enumerate(argv[:-1]):
        if word in ("-fprint", "-fprint0", "-fprintf", "-fls"):
            yield Target(line[index + 1], f"{WRITES} find")
    if "-delete" not in argv:
        return
    like = line[0]._replace(text=".", pattern=None, tilde=False, unknown=False)
    everything = argv[end:] == ("-delete",)
    for place in line[1:end] or (like,):
        below = place if everything else place._replace(text=place.text.rstrip("/") + "/*")
        yield Target(below, f"{REMOVES} (find -delete)", follow=not everything)


# The table -----------------------------------------------------------------------------------------

_FLAGS = ("removes", "moves", "reads", "remote", "links", "there")


@lru_cache(maxsize=512)
def _changer_of(name: str) -> _Changer | None:
    entry = facts().programs.get(name, {}).get("writes")
    return None if entry is None else _changer(as_table(entry, name), name)


def _changer(entry: Table, name: str) -> _Changer:
    keys = ("targets", "options", "recursive", "into", "keyed", "only_with", "unless", "scripts", "default")
    only(entry, name, *keys, "ending", "single", "subcommands", *_FLAGS)
    targets = text(entry, "targets", "none")
    if targets not in _TARGETS:
        raise ValueError(f"{name}: targets cannot be {targets!r}")
    named = [*words(entry, "only_with"), *words(entry, "unless"), *words(entry, "recursive")]
    options = Allowed(words(entry, "options"))
    return _Changer(
        name,
        targets,
        frozenset(each for each in _FLAGS if flag(entry, each)),
        options.with_plain(named),
        words(entry, "recursive"),
        words(entry, "into"),
        words(entry, "keyed"),
        words(entry, "only_with"),
        words(entry, "unless"),
        words(entry, "scripts"),
        text(entry, "default"),
        text(entry, "ending"),
        flag(entry, "single"),
        by_name(as_table(entry.get("subcommands", {}), name), _changer),
    )
