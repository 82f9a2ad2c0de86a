"""Searches files for a regular expression; a program of its own, for where there is no ripgrep.

Run by path with `-I -S PATTERN CONTEXT MAX_BYTES`, file names separated by NUL on standard
input. Its own process, because an expression that backtracks for ever can only be killed.
Writes one JSON array a line: [name, line number, text, 1 for a match or 0 for its context].
"""

from __future__ import annotations

import json
import os
import re
import sys

MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def lines_of(name: str, limit: int) -> list[str]:
    """The lines of a text file; none of one that is too large, binary or gone."""
    try:
        with open(name, "rb") as file:
            data = file.read(limit + 1)
    except OSError:
        return []
    if len(data) > limit:
        return []
    wide = MARKS.get(data[:2])
    if wide:
        return data[2:].decode(wide, "replace").split("\n")
    if b"\0" in data:
        return []
    try:
        return data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        return data.decode("latin-1").split("\n")


def search(
    name: str, lines: list[str], pattern: re.Pattern[str], context: int
) -> list[tuple[str, int, str, int]]:
    """What to write of one file: its matches with the lines around them."""
    if lines and not lines[-1]:
        lines.pop()
    lines = [line.removesuffix("\r") for line in lines]
    matches = {number for number, line in enumerate(lines) if pattern.search(line)}
    wanted = {
        near
        for number in matches
        for near in range(max(0, number - context), min(len(lines), number + context + 1))
    }
    return [(name, number + 1, lines[number], int(number in matches)) for number in sorted(wanted)]


def main() -> None:
    """Exits with 2 and a message for a pattern that is not valid."""
    text, context, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    try:
        pattern = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        sys.stderr.write(str(error))
        sys.exit(2)
    for name in sys.stdin.buffer.read().split(b"\0"):
        if name:
            found = search(os.fsdecode(name), lines_of(os.fsdecode(name), limit), pattern, context)
            sys.stdout.write("".join(json.dumps(line) + "\n" for line in found))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
