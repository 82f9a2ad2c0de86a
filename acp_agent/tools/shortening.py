"""Cutting texts to what their reader has use for."""

from __future__ import annotations

RELAY_BYTES = 8 << 10
RELAY_LINES = 200
"""Longer output reaches the model as its beginning and end."""
KEPT_LINES = 50
"""Of each of the two."""
TITLE_CHARACTERS = 80


def relayed(text: str) -> str:
    """Output for the model: whole, or 50 lines and 4 KiB from either end and how much is left out."""
    lines = text.split("\n")
    left_out: list[str] = []
    if len(lines) > RELAY_LINES:
        head, tail = "\n".join(lines[:KEPT_LINES]), "\n".join(lines[-KEPT_LINES:])
        left_out.append(f"{len(lines) - 2 * KEPT_LINES} lines")
    elif len(_bytes(text)) > RELAY_BYTES:
        head, tail = text[: len(text) // 2], text[len(text) // 2 :]
    else:
        return text
    first, last = _beginning(head, RELAY_BYTES // 2), _end(tail, RELAY_BYTES // 2)
    if cut := len(head) - len(first) + len(tail) - len(last):
        left_out.append(f"{cut} characters")
    return f"{first}\n[… {' and '.join(left_out)} left out …]\n{last}"


def without_middle(text: str, limit: int) -> str:
    """At most about `limit` characters of `text`, from both ends."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def one_line(text: str, limit: int = TITLE_CHARACTERS) -> str:
    """`text` for a title: its first line, shortened, without colons, at which some clients cut titles."""
    first, _, more = text.strip().partition("\n")
    if len(first) > limit:
        first, more = first[: limit - 1], "more"
    return (first + ("…" if more else "")).replace(":", "∶")  # noqa: RUF001 -- looks like one and is none


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _beginning(text: str, limit: int) -> str:
    return _bytes(text)[:limit].decode("utf-8", "ignore")


def _end(text: str, limit: int) -> str:
    return _bytes(text)[-limit:].decode("utf-8", "ignore")
