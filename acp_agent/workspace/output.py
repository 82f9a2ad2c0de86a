"""What a command writes, made readable: decoded as it comes, without control sequences, bounded."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from acp_agent.console import STYLE, STYLE_TAIL, overwrite, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HELD_CHARACTERS = 4096
"""An escape sequence that is longer is none."""

WHOLE_CHARACTERS = 16 << 20
"""Of one command's output that is kept for a file, in memory until the command ends."""

_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[ -/]*[0-Z\\^-~]"
)
_UNFINISHED = re.compile(r"(?:\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)|\r)\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_STYLED_CONTROL = re.compile(rf"\x1b(?!{STYLE_TAIL})|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")


class Decoder:
    """Turns bytes into text piece by piece; what is split between pieces comes with the later one.

    A lone `\\r` stays: what follows it overwrites the line, see `console.overwrite`. With `styled`
    colours and the like stay too, see `console.STYLE`.
    """

    def __init__(self, *, styled: bool = False) -> None:
        self._styled = styled
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        text = self._held + self._decoder.decode(data, final)
        self._held = ""
        if not final:
            unfinished = _UNFINISHED.search(text, max(0, len(text) - HELD_CHARACTERS))
            if unfinished:
                text, self._held = text[: unfinished.start()], unfinished.group()
        control = _CONTROL
        if "\x1b" in text:
            text = _ESCAPE.sub(_style if self._styled else "", text)
            control = _STYLED_CONTROL if self._styled else _CONTROL
        return control.sub("", text.replace("\r\n", "\n"))


def _style(found: re.Match[str]) -> str:
    return found.group() if STYLE.fullmatch(found.group()) else ""


def readable(text: str) -> str:
    """A text that comes from a terminal, without what only a terminal understands."""
    return _decoded(text.encode("utf-8", "replace"))


class Whole:
    """All of a text, up to a limit, for a file."""

    def __init__(self) -> None:
        self.characters = 0
        self._pieces: list[str] = []
        self._limit = WHOLE_CHARACTERS

    def add(self, text: str) -> None:
        room = self._limit - self.characters
        if room > 0:
            self._pieces.append(text[:room])
        self.characters += len(text)

    def text(self) -> str:
        """What was kept of it, readable."""
        return plain("".join(self._pieces))

    def save(self, path: Path, redact: Callable[[str], str]) -> None:
        """Writes the file, redacted, in a folder for its owner alone. Raises ToolError."""
        from acp_agent.workspace.files import trouble, write_bytes

        text = redact(self.text())
        if self.characters > self._limit:
            text += f"\n[… {self.characters - self._limit} more characters left out …]\n"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            real = path.parent.resolve() / path.name
        except OSError as error:
            raise trouble("write", path, error) from error
        write_bytes(real, text.encode("utf-8", "replace"))


class Kept:
    """The beginning and the end of a stream of bytes, `limit` together."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    @property
    def truncated(self) -> bool:
        return self._dropped > 0

    def add(self, data: bytes) -> None:
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        # Trimmed only now and then: moving the tail for each piece would cost more than reading it.
        if len(self._tail) > 4 * self._half:
            self._trim()

    def text(self) -> str:
        """The text; where something is left out a line says how much."""
        self._trim()
        if not self._dropped:
            return _decoded(bytes(self._head + self._tail))
        head, tail = self._head[: self._head.rfind(b"\n") + 1], self._tail[self._tail.find(b"\n") + 1 :]
        if not head or not tail:
            head, tail = self._head, self._tail
        left_out = self._dropped + len(self._head) - len(head) + len(self._tail) - len(tail)
        beginning, end = _decoded(bytes(head)).removesuffix("\n"), _decoded(bytes(tail))
        return f"{beginning}\n[… {left_out} bytes left out …]\n{end}"

    def _trim(self) -> None:
        over = len(self._tail) - self._half
        if over > 0:
            self._dropped += over
            del self._tail[:over]


def _decoded(data: bytes) -> str:
    return overwrite(Decoder().feed(data, final=True))
