"""A settings file → a JSON object. Whatever is wrong with the file comes back as problems."""

from __future__ import annotations

import json
import stat
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, NoReturn, cast

from acp_agent.config.problems import Problem, dotted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

JsonObject = dict[str, object]

LARGEST_FILE = 256 * 1024
"""Bytes. Settings are written by hand; more than this is some other file."""

DEEPEST = 16
"""Levels of nesting. Settings have five; a file that has more may be meant to do harm."""

_SYNTAX_HINT = "quote all keys and text, put commas between entries and none after the last, no comments"
_TOO_DEEP = ("is nested too deeply", "check that this is the file you mean")


class Reading(NamedTuple):
    """A file's settings; None when there is no such file or it cannot be used."""

    data: JsonObject | None
    problems: tuple[Problem, ...] = ()


def as_object(value: object) -> JsonObject | None:
    """`value` if it is a JSON object."""
    return cast(JsonObject, value) if isinstance(value, dict) else None


def read_file(file: Path) -> Reading:
    """The JSON object in `file`. Whatever is wrong with it comes back as problems; nothing is raised."""
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return _unusable(file, "is not a regular file", "put a JSON file in its place, or remove it")
        if status.st_size > LARGEST_FILE:
            return _unusable(file, "is larger than 256 KiB", "check that this is the file you mean")
        raw = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Reading(None)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return _unusable(file, f"cannot be read: {reason}", "check who owns the file and its folder")
    return _parse(file, raw)


def _parse(file: Path, raw: bytes) -> Reading:
    problems: list[Problem] = []
    if raw.startswith(b"\xef\xbb\xbf"):
        problems.append(Problem(file, "", "begins with a byte order mark", "save it as UTF-8 without BOM"))
        raw = raw[3:]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _unusable(file, f"is not UTF-8 (byte {error.start})", "save it as UTF-8 without BOM", line)
    if not text.strip():
        return _unusable(file, "is empty", "write {} or delete the file")
    repeated: list[str] = []
    try:
        value = _decode(text, repeated)
    except json.JSONDecodeError as error:
        message = f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        return _unusable(file, message, _SYNTAX_HINT, error.lineno)
    except RecursionError:
        return _unusable(file, *_TOO_DEEP)
    except ValueError as error:
        return _unusable(file, f"is not JSON: {error}", "write an ordinary number")
    if _depth_exceeds(value, DEEPEST):
        return _unusable(file, *_TOO_DEEP)
    data = as_object(value)
    if data is None:
        return _unusable(file, "must hold one JSON object", "write {…} around the settings", 1)
    problems += [
        Problem(file, dotted((key,)), "is written twice in one object", "delete one of the two")
        for key in repeated
    ]
    return Reading(data, tuple(problems))


def _decode(text: str, repeated: list[str]) -> object:
    """The JSON value of `text`; keys that one object has twice are added to `repeated`."""

    def unique(pairs: list[tuple[str, object]]) -> JsonObject:
        found = dict(pairs)
        if len(found) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.extend(name for name, count in counts.items() if count > 1)
        return found

    return json.loads(text, object_pairs_hook=unique, parse_constant=_no_such_number)


def _depth_exceeds(value: object, limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in cast("Iterable[object]", item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number JSON has")


def _unusable(file: Path, message: str, hint: str, line: int | None = None) -> Reading:
    return Reading(None, (Problem(file, "", message, hint, line),))
