"""Takes secrets out of text: the known values, and everything that looks like one.

What is found is a set of places, each of them decided by a bounded piece of the text around it. So
a text can be given piece by piece, and comes out the same however it was cut (`stream`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.redaction.shapes import END_CHARACTERS, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from acp_agent.redaction.shapes import Shape

MARK = "[REDACTED]"
SHORTEST = 8
"""Characters of a value that is looked for. Shorter ones would be found in ordinary words."""
LONGEST = 512
"""Longer values are looked for in pieces of this."""
SHORTEST_LINE = 16
"""Of a line of a value that has several."""

Span = tuple[int, int]


class Redactor:
    """Knows the secrets of one session. Without values it goes by what secrets look like alone."""

    def __init__(self, keys: Iterable[str] = (), values: Iterable[str] = ()) -> None:
        """`keys` are the agent's own, `values` other secrets; those that are too short are left out."""
        self._keys = tuple(_written(keys))
        self._values = tuple(dict.fromkeys((*self._keys, *_written(values))))

    def learn(self, keys: Iterable[str]) -> None:
        """More of the agent's own keys, from now on."""
        new = tuple(_written(keys))
        self._keys = tuple(dict.fromkeys((*self._keys, *new)))
        self._values = tuple(dict.fromkeys((*self._values, *new)))

    def with_all_of(self, other: Redactor) -> Redactor:
        """One that knows what both know."""
        both = Redactor()
        both._keys = tuple(dict.fromkeys((*self._keys, *other._keys)))
        both._values = tuple(dict.fromkeys((*self._values, *other._values)))
        return both

    def __call__(self, text: str) -> str:
        """`text` with every secret replaced, line by line; the very same where there is none."""
        return _replaced(text, _scan(text, 0, self._values).spans)

    def keys(self, text: str) -> str:
        """`text` without the agent's own keys, whatever else is in it."""
        return _replaced(text, _literals(text, 0, self._keys))

    def holds(self, text: str) -> bool:
        """Whether there is anything to take out."""
        return bool(_scan(text, 0, self._values).spans)

    def secrets(self, text: str) -> tuple[str, ...]:
        """What would be taken out."""
        return tuple(text[start:end] for start, end in _united(_scan(text, 0, self._values).spans))

    def data(self, value: object, *, keys_only: bool = False) -> object:
        """A JSON value with every text in it redacted; the very same where there is nothing to redact."""
        redact = self.keys if keys_only else self
        if isinstance(value, str):
            return redact(value)
        if isinstance(value, list):
            items = [self.data(item, keys_only=keys_only) for item in cast("list[object]", value)]
            return items if items != value else cast(object, value)
        if isinstance(value, dict):
            fields = cast("dict[str, object]", value).items()
            found = {redact(key): self.data(inner, keys_only=keys_only) for key, inner in fields}
            return found if found != value else cast(object, value)
        return value

    def stream(self) -> Stream:
        """For one text that comes in pieces."""
        return Stream(self._values)


class Stream:
    """One text, given piece by piece. What may turn out to be a secret is held back until that is known."""

    def __init__(self, values: Sequence[str]) -> None:
        self._values = values
        self._before = ""
        """The last character that was let go, as it was given."""
        self._held = ""
        self._covered = 0
        """So much of what is held belongs to a secret that has begun before it."""
        self._running: tuple[Shape, ...] = ()
        """What goes on in what is held."""
        self._marked = False
        """Whether what was let go last stood for a secret, in the line that goes on."""

    def feed(self, piece: str) -> str:
        """What can be told now."""
        return self._take(piece, final=False)

    def end(self) -> str:
        """The rest. Afterwards another text may be given."""
        told = self._take("", final=True)
        self.__init__(self._values)
        return told

    def _take(self, piece: str, *, final: bool) -> str:
        start = len(self._before)
        text = self._before + self._held + piece
        found = _scan(text, start, self._values, final=final, running=self._running)
        cut = len(text) if final else found.decided
        if self._covered:  # it has begun before, and not only where this begins
            found.spans.append((start - 1, start + self._covered))
        spans = _united(found.spans)
        self._covered = max(
            (min(end, len(text)) - cut for begin, end in spans if begin < cut < end), default=0
        )
        self._running = tuple(shape for begin, shape in found.running if begin < cut)
        self._before, self._held = text[max(0, cut - 1) : cut], text[cut:]
        return "".join(self._told(text, start, cut, spans))

    def _told(self, text: str, start: int, cut: int, spans: Iterable[Span]) -> Iterator[str]:
        at = start
        for begin, end in spans:
            if begin >= cut:
                break
            yield self._shown(text[at:begin])
            yield self._hidden(text[max(begin, start) : min(end, cut)])
            at = min(end, cut)
        yield self._shown(text[at:cut])

    def _shown(self, text: str) -> str:
        self._marked = self._marked and not text
        return text

    def _hidden(self, text: str) -> str:
        told: list[str] = []
        for number, line in enumerate(text.split("\n")):
            if number:
                told.append("\n")
                self._marked = False
            if line and not self._marked:
                told.append(MARK)
                self._marked = True
        return "".join(told)


class _Found(NamedTuple):
    spans: list[Span]
    """May overlap."""
    decided: int
    """More text can only change what is found from here on."""
    running: list[tuple[int, Shape]]
    """Those that more text may belong to, and where they begin."""


def _scan(
    text: str,
    start: int,
    values: Sequence[str],
    *,
    final: bool = True,
    running: Iterable[Shape] = (),
) -> _Found:
    """Everything secret in `text` from `start` on; before that stands what it follows."""
    found = _Found(list(_literals(text, start, values)), len(text), [])
    decided = len(text)
    reached: dict[str, int] = {}
    leads: list[Span] = []
    for shape in running:
        decided = min(decided, _follow(shape, text, (start - 1, start), found, reached))
    for at, after, shape in table().begun(text, start):
        if at < reached.get(shape.name, -1):
            continue
        if proof := shape.proof.match(text, after):
            span = (at if shape.whole else proof.start(1), proof.end(1))
            decided = min(decided, _follow(shape, text, span, found, reached))
            leads.append((at, span[0]))
        elif len(text) - after <= shape.longest and _may_come(shape, text, after):
            decided = min(decided, at)
    if final:
        return found._replace(decided=len(text), running=[])
    decided = min(
        decided, _begun(text, start), *(_partial(value, text, start) for value in values), len(text)
    )
    for lead, secret in reversed(leads):
        if lead < decided <= secret:  # what comes next would not know why it is secret
            decided = lead
    return found._replace(decided=decided)


def _follow(shape: Shape, text: str, span: Span, found: _Found, reached: dict[str, int]) -> int:
    """Notes a secret that is known for the length of `span` to its end; from where on that is not decided."""
    begin, known = span
    end, is_open = shape.end(text, known)
    reached[shape.name] = end
    found.spans.append((begin, end))
    if not is_open:
        return len(text)
    found.running.append((begin, shape))
    return max(known, len(text) - END_CHARACTERS) if shape.until else len(text)


def _may_come(shape: Shape, text: str, after: int) -> bool:
    """Whether what stands at the end may become the proof with more text."""
    found = shape.within.match(text, after)
    return found is not None and found.end() == len(text)


def _begun(text: str, start: int) -> int:
    """Where, at the end of the text, the first part of a beginning stands."""
    places = (
        _partial(begin, text, start, shape)
        for shape in table().shapes
        for begin in shape.begins
        if text[-1:] in begin
    )
    return min(places, default=len(text))


def _partial(wanted: str, text: str, start: int, shape: Shape | None = None) -> int:
    """Where the end of `text` may be the first part of `wanted`; its length when nowhere."""
    at = max(start, len(text) - len(wanted) + 1)
    while (at := text.find(wanted[0], at)) >= 0:
        if wanted.startswith(text[at:]) and (shape is None or shape.may_begin(text, at)):
            return at
        at += 1
    return len(text)


def _literals(text: str, start: int, values: Iterable[str]) -> Iterator[Span]:
    """Every place where one of the values stands, overlapping ones too."""
    for value in values:
        at = text.find(value, start)
        while at >= 0:
            yield at, at + len(value)
            at = text.find(value, at + 1)


def _united(spans: Iterable[Span]) -> list[Span]:
    """In order, those that touch made one, empty ones left out."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _replaced(text: str, spans: Iterable[Span]) -> str:
    pieces: list[str] = []
    at = 0
    for begin, end in _united(spans):
        hidden = text[begin:end].split("\n")
        pieces += (text[at:begin], "\n".join(MARK if line else "" for line in hidden))
        at = end
    return "".join((*pieces, text[at:])) if pieces else text


def _written(values: Iterable[str]) -> Iterator[str]:
    """The values as they may be found: as they are, in JSON and in an address; long ones in pieces."""
    for value in values:
        from urllib.parse import quote

        for form in dict.fromkeys((value, json.dumps(value)[1:-1], quote(value, safe=""))):
            lines = (
                [line for line in form.split("\n") if len(line) >= SHORTEST_LINE] if "\n" in form else [form]
            )
            for line in lines:
                stripped = line.strip()
                for at in range(0, len(stripped), LONGEST):
                    piece = stripped[at : at + LONGEST]
                    if len(piece) >= SHORTEST:
                        yield piece


NO_VALUES = Redactor()
"""Goes by what secrets look like."""
