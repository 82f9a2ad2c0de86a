"""What writing and editing have in common: showing a change, and saying what has come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.events import ShownDiff, ShownText
from acp_agent.redaction.redactor import MARK

if TYPE_CHECKING:
    from acp_agent.events import Shown
    from acp_agent.workspace.documents import Document, Documents, Written
    from acp_agent.workspace.text import Text

SHOWN_BYTES = 256 << 10
"""Of either side; a larger change is summed up."""
COMPARED_LINES = 5000
REPORTED_LINES = 40
REPORTED_CHARACTERS = 4000
STANDS_FOR = (
    f"{MARK} stands for a secret that the file holds and that is not shown to you. "
    "Send an edit whose old_text and new_text leave it out."
)
READ_AGAIN = "Read it again before the next change."


def shown_change(path: str, old: Text | None, new: Text, summary: str) -> tuple[Shown, ...]:
    """The difference, or `summary` where the texts are too large to show; `old` is None for a new file."""
    texts = [each.plain for each in (old, new) if each]
    if max(map(len, texts)) * 4 > SHOWN_BYTES and max(map(_size, texts)) > SHOWN_BYTES:
        return (ShownText(summary),)
    before, form = (old.plain, old.form) if old else (None, "")
    return (ShownDiff(path, before, new.plain, form, new.form),)


def report(documents: Documents, written: Written, asked: Text) -> str:
    """What the model has to know besides that it is done; empty when all is as asked.

    A small change that the editor has made by itself is told, and then counts as seen.
    """
    if written.as_asked:
        return f"\n{written.note}" if written.note else ""
    difference = _difference(asked.plain, written.document)
    if not difference:
        return f"\n{written.note} {READ_AGAIN}"
    documents.mark_seen(written.document)
    return f"\n{written.note} The difference:\n{difference}"


def _difference(asked: str, document: Document) -> str:
    """Line by line, without context; empty when it is too much."""
    before, after = asked.split("\n"), document.text.split("\n")
    if max(len(before), len(after)) > COMPARED_LINES:
        return ""
    from difflib import unified_diff

    lines = list(unified_diff(before, after, lineterm="", n=0))[2:]
    text = "\n".join(lines)
    return text if len(lines) <= REPORTED_LINES and len(text) <= REPORTED_CHARACTERS else ""


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
