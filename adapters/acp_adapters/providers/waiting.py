"""How long a service wants us to wait, in all the forms in which services say so."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from acp_adapters.providers.saying import everywhere

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from acp_adapters.providers.saying import Said

LONGEST_S = 400 * 86400.0
"""What is further away is a mistake."""
_LONGEST_TEXT = 100
_UNIX_S, _UNIX_MS = 1e9, 1e12
"""Larger numbers are no durations but seconds, or milliseconds, since 1970."""

_NUMBER = r"\d{1,14}(?:\.\d{1,9})?"
_UNITS = {"ms": 0.001, "mi": 60.0, "m": 60.0, "s": 1.0, "h": 3600.0, "d": 86400.0}
_UNIT = (
    r"(?:milliseconds?|millis|ms|minutes?|mins?|m|seconds?|secs?|s|hours?|hrs?|h|days?|d)(?![a-z])"
    r"|(?:ms|s|m|h|d)(?=\d)"
)
_PART = rf"{_NUMBER}\s*(?:{_UNIT})"
_SPAN = rf"{_PART}(?:,?\s*(?:and\s+)?{_PART})*"
_MOMENT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s?(?:Z|UTC|[+-]\d\d:?\d\d)?"
_AGAIN = r"\b(?:again|retry|retrying|wait|resets?|resetting|available|lifted|refresh\w*|renews?|until|back)\b"
_GAP = r"[^.\d]{0,40}?"

_ONE_PART = re.compile(rf"({_NUMBER})\s*({_UNIT})", re.IGNORECASE)
_LABEL = re.compile(
    rf"retry[\s_-]*after(?:[\s_-]*(ms|seconds?|secs?))?[\"']?\s*[:=]?\s*[\"']?({_NUMBER})(?:\s*({_UNIT}))?",
    re.IGNORECASE,
)
_IN = re.compile(rf"(?:{_AGAIN}{_GAP}|\bin\s+)({_SPAN})", re.IGNORECASE)
_AT = re.compile(rf"{_AGAIN}{_GAP}({_MOMENT})", re.IGNORECASE)
_AT_UNIX = re.compile(rf"(?:{_AGAIN}{_GAP}|\|)(\d{{10}}(?:\d{{3}})?)\b", re.IGNORECASE)

_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")
_FAMILIES = (
    ("x-ratelimit-reset", "x-ratelimit-remaining"),
    *((f"x-ratelimit-reset-{name}", f"x-ratelimit-remaining-{name}") for name in _LIMITS),
    *((f"anthropic-ratelimit-{name}-reset", f"anthropic-ratelimit-{name}-remaining") for name in _LIMITS),
    ("anthropic-ratelimit-unified-reset", ""),
    ("ratelimit-reset", "ratelimit-remaining"),
)
_MS_KEYS = frozenset({"retryafterms", "retryinms", "resetinms"})
_KEYS = frozenset(
    {
        "retryafter", "retryafterseconds", "retrydelay", "retryin", "resetsinseconds", "resetinseconds",
        "resetsat", "resetat", "resettime", "resetsin", "resetin", "xratelimitreset",
    }
)  # fmt: skip


class Wait(NamedTuple):
    """Seconds until a service answers again; None where it does not say."""

    told: float | None = None
    """What it says of this very refusal."""
    counted: float | None = None
    """When the limits that it counts begin anew, of which its headers tell in any case."""

    @property
    def seconds(self) -> float | None:
        return self.counted if self.told is None else self.told


def wait_of(headers: Mapping[str, str], said: Said, now: float) -> Wait:
    """By the headers, names in lower case, and the body of an answer; `now` in seconds since 1970."""
    ms = headers.get("retry-after-ms", "")
    header = _number(ms, 0.001) if ms else read_wait(headers.get("retry-after", ""), now)
    fields = [wait for wait in _fields(said, now) if wait is not None]
    told = [wait for wait in (header, *fields) if wait is not None]
    if not told and (wait := _in_words(said.words, now)) is not None:
        told = [wait]
    return Wait(max(told, default=None), _counted(headers, now))


def read_wait(text: str, now: float) -> float | None:
    """Seconds from `20`, `1m30s`, a time in any form, or seconds since 1970; None for anything else."""
    text = text.strip()[:_LONGEST_TEXT]
    if re.fullmatch(rf"-{_NUMBER}", text):
        return 0.0
    if re.fullmatch(_NUMBER, text):
        return _of_number(float(text), now)
    if re.fullmatch(_SPAN, text, re.IGNORECASE):
        return _bounded(_span(text))
    return _until(text, now)


def _number(text: str, unit: float) -> float | None:
    return _bounded(float(text) * unit) if re.fullmatch(_NUMBER, text.strip()) else None


def _of_number(value: float, now: float) -> float | None:
    if value >= _UNIX_MS:
        value /= 1000
    return _bounded(max(0.0, value - now) if value >= _UNIX_S else value)


def _bounded(seconds: float) -> float | None:
    return seconds if seconds <= LONGEST_S else None


def _span(text: str) -> float:
    found = ((float(each[1]), each[2].lower()) for each in _ONE_PART.finditer(text))
    return sum(value * _unit(name) for value, name in found)


def _unit(name: str) -> float:
    if name.startswith("milli"):
        return _UNITS["ms"]
    return _UNITS.get(name[:2]) or _UNITS[name[0]]


def _until(text: str, now: float) -> float | None:
    """A time without a zone is meant in UTC."""
    try:
        moment = datetime.fromisoformat(text.upper().replace("UTC", "Z").replace(" Z", "Z"))
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _bounded(max(0.0, moment.timestamp() - now))


def _fields(said: Said, now: float) -> Iterator[float | None]:
    for key, value in everywhere(said.data):
        name = key.lower().replace("_", "").replace("-", "")
        text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
        if name in _MS_KEYS:
            yield _number(text, 0.001)
        elif name in _KEYS:
            yield read_wait(text, now)


def _in_words(words: str, now: float) -> float | None:
    if found := _LABEL.search(words):
        unit = found[3] or found[1]
        value = float(found[2])
        return _bounded(value * _unit(unit.lower())) if unit else _of_number(value, now)
    if found := _AT.search(words):
        return _until(found[1], now)
    if found := _IN.search(words):
        return _bounded(_span(found[1]))
    if found := _AT_UNIX.search(words):
        return _of_number(float(found[1]), now)
    return None


def _counted(headers: Mapping[str, str], now: float) -> float | None:
    """The end of the limits that are used up; of all, where none says that it is."""
    resets = [
        (wait, headers.get(left, "").strip() == "0")
        for name, left in _FAMILIES
        if name in headers and (wait := read_wait(headers[name], now)) is not None
    ]
    used_up = [wait for wait, empty in resets if empty]
    return max(used_up or [wait for wait, _ in resets], default=None)
