"""The table of what secrets look like, compiled. shapes.json says it, shapes.schema.json what it may say."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

END_CHARACTERS = 80
"""No mark that ends a secret is longer."""
_START = 2


class Shape(NamedTuple):
    """One way a secret looks; the fields are those of the schema."""

    name: str
    begins: tuple[str, ...]
    whole: bool
    """Whether the beginning belongs to the secret."""
    proof: re.Pattern[str]
    """What follows the beginning; its group is the secret."""
    goes_on: re.Pattern[str] | None
    until: re.Pattern[str] | None
    within: re.Pattern[str]
    longest: int
    before: re.Pattern[str]
    """What may stand before it: one character or none."""

    def may_begin(self, text: str, at: int) -> bool:
        """Whether what stands before `at` lets one begin there."""
        return self.before.fullmatch(text, max(0, at - 1), at) is not None

    def end(self, text: str, at: int) -> tuple[int, bool]:
        """Where a secret that is known until `at` ends in `text`, and whether more text may belong to it."""
        if self.goes_on is None:
            return at, False
        found = self.goes_on.match(text, at)
        end = found.end() if found else at
        if self.until and (mark := self.until.search(text, at, end)):
            return mark.end(), False
        return end, end == len(text)


class Table(NamedTuple):
    shapes: tuple[Shape, ...]
    beginning: re.Pattern[str]
    """Where any of them may begin."""
    by_start: dict[str, list[tuple[str, Shape]]]
    """Beginnings and their shapes, by their first characters."""
    ordinary: frozenset[str]
    """Values that are no secret, whatever they are called."""

    def begun(self, text: str, start: int) -> Iterator[tuple[int, int, Shape]]:
        """From `start` on: where a shape may begin, and where its beginning ends."""
        found = self.beginning.search(text, start)
        while found:
            at = found.start()
            for begin, shape in self.by_start[text[at : at + _START]]:
                if text.startswith(begin, at) and shape.may_begin(text, at):
                    yield at, at + len(begin), shape
            found = self.beginning.search(text, at + 1)


@cache
def table() -> Table:
    data = cast("dict[str, Any]", json.loads(Path(__file__).with_name("shapes.json").read_text("utf-8")))
    shapes = tuple(_shape(entry) for entry in data["shapes"])
    by_start: dict[str, list[tuple[str, Shape]]] = {}
    for shape in shapes:
        for begin in shape.begins:
            by_start.setdefault(begin[:_START], []).append((begin, shape))
    beginning = re.compile(_any_of({begin for shape in shapes for begin in shape.begins}))
    return Table(shapes, beginning, by_start, frozenset(data["ordinary"]))


def _any_of(texts: set[str]) -> str:
    """A pattern that finds where one of the texts stands, letter by letter: that is several times quicker."""
    if "" in texts:
        return ""
    rests: dict[str, set[str]] = {}
    for text in sorted(texts):
        rests.setdefault(text[0], set()).add(text[1:])
    return f"(?:{'|'.join(re.escape(letter) + _any_of(rest) for letter, rest in rests.items())})"


def _shape(entry: dict[str, Any]) -> Shape:
    must_be = (
        f"{entry['after']}" if "after" in entry else f"(?!{entry.get('not_after', '[A-Za-z0-9]')})[\\s\\S]?"
    )
    return Shape(
        name=entry["name"],
        begins=tuple(entry["begins"]),
        whole="shows" not in entry,
        proof=re.compile(f"{entry.get('shows', '')}({entry['secret']})"),
        goes_on=_compiled(entry.get("goes_on")),
        until=_compiled(entry.get("until")),
        within=re.compile(f"{entry['within']}*"),
        longest=entry["longest"],
        before=re.compile(must_be),
    )


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    return re.compile(pattern) if pattern else None
