"""What a service says in the body of an error: its words, its names for what is wrong, its numbers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_adapters.providers.values import as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS_CHARACTERS = 4000
_DEEPEST = 8
_NAMES = ("code", "type", "status", "reason", "__type", "error_code", "error_type", "error")
_NUMBERS = ("code", "status", "status_code", "error_code", "http_status")
_WORDS = ("message", "Message", "error_description", "detail", "msg", "error", "errors", "fault", "raw")
_ONE_WORD = re.compile(r"[\w.#:/-]{3,80}")
_TITLE = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


class Said(NamedTuple):
    """An error as a service puts it."""

    words: str
    """For a person; empty when there are none."""
    names: tuple[str, ...] = ()
    """What it calls the error, in lower case, the outermost first."""
    status: int | None = None
    """The HTTP status that the body speaks of."""
    data: object = None
    is_page: bool = False
    """It is HTML: a gateway speaks, not the service."""


def said_in(body: str) -> Said:
    """What the text of an answer says."""
    try:
        data: object = json.loads(body)
    except (ValueError, RecursionError):
        is_page = "<html" in body[:2000].lower() or body.lstrip()[:9].lower().startswith("<!doctype")
        return Said(_short(_of_page(body) if is_page else body), is_page=is_page)
    return said_by(data, body)


def said_by(data: object, otherwise: str = "") -> Said:
    """What a piece of JSON says; `otherwise` are its words where it has none."""
    words = next(_words(data, 0), "") or (data if isinstance(data, str) else otherwise)
    if not words and data:
        words = json.dumps(data, ensure_ascii=False)
    found = dict.fromkeys(_named(data, 0))
    statuses = (value for value in _numbers(data, 0) if 400 <= value < 600)
    return Said(_short(words), tuple(found), next(statuses, None), data)


def everywhere(data: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Every key in a piece of JSON with its value, as deep as errors go."""
    if depth > _DEEPEST:
        return
    for key, value in as_object(data).items():
        yield key, value
        yield from everywhere(value, depth + 1)
    for item in as_list(data)[:50]:
        yield from everywhere(item, depth + 1)


def _short(text: str) -> str:
    return " ".join(text.split())[:WORDS_CHARACTERS].rstrip(".")


def _of_page(page: str) -> str:
    """The heading of a page; all of its text where it has none."""
    page = _HIDDEN.sub(" ", page)
    headings = (" ".join(_TAG.sub(" ", found[2]).split()) for found in _TITLE.finditer(page))
    return next(filter(None, headings), "") or _TAG.sub(" ", page)


def _words(data: object, depth: int) -> Iterator[str]:
    """Messages, the best first. What a reseller was told says more than that it was told something."""
    if depth > _DEEPEST:
        return
    if isinstance(data, str):
        yield data
        return
    holder = as_object(data)
    inner = as_object(holder.get("metadata")).get("raw")
    if isinstance(inner, str) and inner:
        said = next(_words(_parsed(inner), depth + 1), "")
        outer = next(_words({key: holder[key] for key in holder if key != "metadata"}, depth + 1), "")
        yield ": ".join(filter(None, (outer, said)))
    for key in _WORDS:
        if key in holder:
            yield from (text for text in _words(_parsed(holder[key]), depth + 1) if text)
    for item in as_list(data)[:5]:
        yield from _words(item, depth + 1)


def _parsed(value: object) -> object:
    """Some services send JSON within a text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return cast(object, json.loads(value))
        except (ValueError, RecursionError):
            pass
    return value


def _named(data: object, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    holder = as_object(data)
    for key in _NAMES:
        name = holder.get(key)
        if isinstance(name, str) and _ONE_WORD.fullmatch(name):
            yield name.rpartition("#")[2].partition(":")[0].rpartition(".")[2].lower()
    for inner in (*(holder[key] for key in holder if key != "message"), *as_list(data)[:20]):
        yield from _named(_parsed(inner), depth + 1)


def _numbers(data: object, depth: int) -> Iterator[int]:
    if depth > _DEEPEST:
        return
    holder = as_object(data)
    for key in _NUMBERS:
        value = holder.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            yield value
        elif isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
            yield int(value)
    for inner in (*holder.values(), *as_list(data)[:20]):
        yield from _numbers(inner, depth + 1)
