"""Text on a terminal or in a pipe, styled or plain. Nothing that is shown can steer the terminal."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

Style = Literal["plain", "bold", "dim", "red", "green", "yellow", "cyan"]

_CODES: dict[Style, str] = {
    "plain": "",
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that change the direction of what follows."""


class Marks(NamedTuple):
    """The signs in front of lines."""

    call: str
    done: str
    failed: str
    running: str
    waiting: str
    output: str


FINE = Marks("●", "✓", "✗", "▸", "○", "│")
PLAIN = Marks("*", "ok", "failed", ">", "-", "|")
"""For terminals that cannot show the fine ones."""


def wants_colour(out: TextIO, env: Mapping[str, str]) -> bool:
    """Whether to colour: only on a terminal that can, and not against https://no-color.org."""
    return out.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"


def cleaned(text: str) -> str:
    """`text` with line ends made one, and everything that could steer a terminal made visible."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text) if _STEERING.search(text) else text


class Screen:
    """Where the client writes. Once nobody reads any more, writing does nothing and `gone` is true."""

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out = out
        self._colour = colour
        self.fresh = True
        """Whether the next text begins a line."""
        self.gone = False
        self.marks = FINE if _can_show(out, "".join(FINE)) else PLAIN

    def write(self, text: str, style: Style = "plain") -> None:
        """Shows text as it is, within a line or over several."""
        text = cleaned(text)
        if not text:
            return
        self.fresh = text.endswith("\n")
        code = _CODES[style] if self._colour else ""
        if code:
            # Line by line, so that a pager or a cut line does not leave the colour on.
            lines = text.split("\n")
            text = "\n".join(f"\x1b[{code}m{line}\x1b[0m" if line else "" for line in lines)
        self._put(text)

    def line(self, text: str = "", style: Style = "plain") -> None:
        """Shows a line of its own."""
        self.end_line()
        self.write(text, style)
        self.write("\n")

    def entered(self, text: str, *, by_terminal: bool) -> None:
        """A line has been entered after what stands here; a terminal has shown it by itself."""
        if by_terminal:
            self.fresh = True
        else:
            self.write(f"{text}\n")

    def end_line(self) -> None:
        """Begins a new line unless that is where we are."""
        if not self.fresh:
            self.write("\n")

    def _put(self, text: str) -> None:
        if self.gone:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError):  # the reader has left, or the stream was closed
            self.gone = True
            _discard(self._out)


def _discard(out: TextIO) -> None:
    """Sends to nowhere what is left in the buffer, or Python complains about it on its way out."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, out.fileno())
        os.close(null)


def make_screen(out: TextIO) -> Screen:
    """The screen on a standard stream; what its encoding lacks is replaced."""
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure:
        reconfigure(errors="replace")
    return Screen(out, colour=wants_colour(out, os.environ))


def _can_show(out: TextIO, text: str) -> bool:
    try:
        text.encode(out.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
