"""Characters that a person does not see, written out: `\\u{200b}`.

`visible` is for one line of a title or a path, where nothing may hide and nothing may look like an end;
`reveal` for a text that is read as a whole, where line ends, emoji and scripts stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_SUSPECT = re.compile(r"[^\t\n\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff]")
"""What is looked at; the rest is what most texts consist of."""
_FLAGS = re.compile("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
                    "|\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
                    "|\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f")  # fmt: skip
"""England, Scotland, Wales: the only emoji in use that are written with tag characters."""
_SHOWN_FORMATS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Signs of Arabic, Syriac and Kaithi that count as formats and have a shape."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
"""Letters and marks without a shape."""
_BRAILLE_BLANK = "\u2800"
"""A part of texts in Braille; in a title it is a blank that is none."""
_JOINING = (
    (0x0600, 0x08FF),
    (0x0900, 0x0DFF),
    (0x0F00, 0x109F),
    (0x1780, 0x18AF),
    (0xFB50, 0xFDFF),
    (0xFE70, 0xFEFE),
)
"""Scripts in whose words joiners choose the shape of a letter: Arabic and its kin, those of India, …"""
_YOUNG = ((0x1F000, 0x1FBFF), (0x20000, 0x3FFFD))
"""Pictures and ideographs that a later version of Unicode than Python's may have added."""
_KEYCAPS = frozenset("#*0123456789")
_PICTURES = frozenset("\u203c\u2049\u2139\u3030\u303d")
"""Emoji that are punctuation or letters to Unicode."""
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_PRESENTATION = ("\ufe0e", "\ufe0f")
_MARK = "\ufeff"


PADDING = 24
"""More blanks or line breaks in a row are counted, not shown: they push text out of sight."""
_PADDED = re.compile(rf" {{{PADDING},}}|(?:[ \t]*\n){{{PADDING},}}|\t{{{PADDING},}}")


class Revealed(NamedTuple):
    text: str
    hidden: int
    """How many characters were written out."""


def visible(text: str) -> str:
    """The text on one line, with every character that a person would not see written out, and long padding
    counted."""
    return _shown(text, " ")


def visible_lines(text: str) -> str:
    """The same of several lines, indented by tabs or blanks."""
    return _shown(text, " \n\t")


def _shown(text: str, kept: str) -> str:
    if not (text.isascii() and text.isprintable()):
        text = "".join(char if char in kept or _seen(char) else _written_out(char) for char in text)
    return _PADDED.sub(_counted, text) if "  " in text or "\n" in text or "\t" in text else text


def _counted(padding: re.Match[str]) -> str:
    lines = padding[0].count("\n")
    return f"\n[{lines} line breaks]\n" if lines else f"[{len(padding[0])} blanks]"


def reveal(text: str) -> Revealed:
    """The text with what hides in it written out: tags, zero-width characters, direction and other controls,
    selectors, private and unassigned characters, line ends that are none.

    What has a use is left alone: emoji and their sequences, joiners in words of scripts that have them, a
    mark at the beginning, `\\r\\n`.
    """
    if _SUSPECT.search(text) is None:
        return Revealed(text, 0)
    flags = {at for found in _FLAGS.finditer(text) for at in range(found.start(), found.end())}
    count = 0

    def shown(found: re.Match[str]) -> str:
        nonlocal count
        at = found.start()
        if at in flags or _belongs(text, at):
            return found[0]
        count += 1
        return _written_out(found[0])

    return Revealed(_SUSPECT.sub(shown, text), count)


def _written_out(char: str) -> str:
    return f"\\u{{{ord(char):x}}}"


def _seen(char: str) -> bool:
    if char in _BLANK or char == _BRAILLE_BLANK or _selects(char):
        return False
    return unicodedata.category(char)[0] not in "CZ"


def _selects(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _belongs(text: str, at: int) -> bool:
    """Whether the character there is seen, or is part of something that is."""
    char = text[at]
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if char == _MARK:
        return at == 0
    if char == "\r":
        return after == "\n"
    if char in _PRESENTATION:
        return _is_picture(before) or (before in _KEYCAPS and before != "")
    if char in (_ZWJ, _ZWNJ):
        joined = char == _ZWJ and (_is_picture(before) or before in _PRESENTATION) and _is_picture(after)
        return joined or _joins(before)
    if char in _BLANK or _selects(char):
        return False
    category = unicodedata.category(char)
    if category == "Cf":
        return char in _SHOWN_FORMATS
    if category == "Cn":
        return _within(char, _YOUNG)
    return category[0] != "C" and category not in ("Zl", "Zp")


def _is_picture(char: str) -> bool:
    if not char:
        return False
    return char in _PICTURES or _within(char, _YOUNG[:1]) or unicodedata.category(char) in ("So", "Sm")


def _joins(char: str) -> bool:
    return bool(char) and _within(char, _JOINING) and unicodedata.category(char)[0] in "LM"


def _within(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(char) <= last for first, last in ranges)
