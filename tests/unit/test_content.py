"""What messages are made of."""

from __future__ import annotations

import pytest

from acp_agent.content import Image, path_of


@pytest.mark.parametrize(
    ("uri", "posix", "windows"),
    [
        ("file:///a/b.py", "/a/b.py", "\\a\\b.py"),
        ("file:///a%20b/%C3%BC.py", "/a b/ü.py", "\\a b\\ü.py"),
        ("file://localhost/a", "/a", "\\a"),
        ("FILE:///a", "/a", "\\a"),
        ("file:///a#L10:20", "/a", "\\a"),
        ("file:///a%23b%3Fc", "/a#b?c", "\\a#b?c"),
        ("file:///C:/x/y.py", "/C:/x/y.py", "C:\\x\\y.py"),
        ("file:///c%3A/x", "/c:/x", "c:\\x"),
        ("file://server/share/x", None, "\\\\server\\share\\x"),
        ("file:relative", None, "relative"),
        ("file://", None, None),
        ("file:///%FF", "/\udcff", "\\\udcff"),
        ("file://[bad/x", None, None),
        ("https://example.org/a", None, None),
        ("/a/b.py", None, None),
        ("untitled:Untitled-1", None, None),
        ("", None, None),
    ],
)
def test_the_path_of_a_uri(uri: str, posix: str | None, windows: str | None) -> None:
    assert path_of(uri, windows=False) == posix
    assert path_of(uri, windows=True) == windows


def test_an_image_is_not_printed() -> None:
    """It would end up in logs, and be counted as if it were text."""
    assert repr(Image("A" * 4_000_000, "image/png")) == "Image(3000000 bytes, image/png, None, None, False)"
