"""What a person gives beside text, as a model is told of it."""

from __future__ import annotations

import pytest

from acp_agent.content import Blob, Image, Part, Resource, ResourceLink, Text
from acp_agent.models.words import in_words, told


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Text("as typed"), "as typed"),
        (Resource("file:///a", "x"), '<resource uri="file:///a">\nx\n</resource>'),
        (Image("AAAA", "image/png"), "(The user gave an image which you cannot see; say so if it matters.)"),
        (
            Image("", "image/png", "file:///a%20b.png", "which is damaged"),
            "(The user gave an image, /a b.png, which is damaged.)",
        ),
        (
            Blob("file:///a.bin", "AAAA", "x/y"),
            "The user points at /a.bin (x/y; its content is binary)",
        ),
        (ResourceLink("file:///p/a.py", "a.py"), "The user points at /p/a.py"),
        (
            ResourceLink("file:///p/a.py", "main", "text/x-python", "the script", 12),
            "The user points at /p/a.py (main; text/x-python; 12 bytes; the script)",
        ),
        (ResourceLink("file:///p/a.py#L5:15", "a.py"), "The user points at /p/a.py lines 5-15"),
        (ResourceLink("file:///p/a.py#L5-L15", "a.py"), "The user points at /p/a.py lines 5-15"),
        (ResourceLink("file:///p/a.py?symbol=f#L5", "a.py"), "The user points at /p/a.py line 5"),
        (
            ResourceLink("file:///p/a.py", "a.py", note="it is not there"),
            "The user points at /p/a.py (it is not there)",
        ),
        (
            ResourceLink("https://example.org/page", "A page"),
            "The user points at https://example.org/page (A page; it cannot be opened from here)",
        ),
        (
            ResourceLink("zed:///agent/thread/1", "Old thread", description="about x"),
            "The user points at zed:///agent/thread/1 (Old thread; it cannot be opened from here; about x)",
        ),
    ],
)
def test_words(part: Part, words: str) -> None:
    assert in_words(part) == words


def test_what_is_blank_is_said_to_be_nothing() -> None:
    assert list(told([Text(" \n"), Text("a")], sees=True)) == ["(nothing)", "a"]
