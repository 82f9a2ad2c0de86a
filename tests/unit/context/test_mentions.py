"""Where a mention may stand in a text, and what it may mean."""
# ruff: noqa: RUF001 -- the punctuation is meant

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.context.mentions import READINGS, mentions, without_code

THERE = {
    "a.py", "b.py", "src/a.py", "src/", "src", "docs/read me.md", "diff", "we@rd.txt", "a,b.txt", "x.py:10",
    "../../etc/passwd", "~/.ssh/id_rsa", "/etc/hosts", "icon@2x.png", "ünï.txt", "it's.txt", "Makefile",
    "v1.", ".env", "types/node", "l'été.txt", "back~", "a(1).txt", "trailing_",
}  # fmt: skip
"""What exists, as far as these cases are concerned."""

CASES: list[tuple[str, list[str]]] = [
    # plain
    ("@a.py", ["a.py"]),
    ("look at @src/a.py and @b.py", ["src/a.py", "b.py"]),
    ("@src/ @src", ["src/", "src"]),
    ("@Makefile", ["Makefile"]),
    ("@.env", [".env"]),
    ("@ünï.txt", ["ünï.txt"]),
    ("first\n@a.py\n\t@b.py", ["a.py", "b.py"]),
    ("@diff", ["diff"]),
    ("what of @diff?", ["diff"]),
    # lines
    ("@a.py:10-20", ["a.py 10-20"]),
    ("@a.py:10", ["a.py 10-10"]),
    ("@a.py:10:5", ["a.py 10-10"]),
    ("@a.py#L10", ["a.py 10-10"]),
    ("@a.py#L10-L20", ["a.py 10-20"]),
    ("@a.py#L10-20", ["a.py 10-20"]),
    ("@a.py:10-20: why?", ["a.py 10-20"]),
    ("(@a.py:10-20)", ["a.py 10-20"]),
    ("@a.py:20-10", ["a.py"]),
    ("@a.py:0", ["a.py"]),
    ("@a.py:99999999", ["a.py"]),
    ("@a.py:x", ["a.py"]),
    ("@x.py:10", ["x.py:10"]),
    # quotes and blanks
    ('@"docs/read me.md" please', ["docs/read me.md"]),
    ("@'docs/read me.md'", ["docs/read me.md"]),
    ("@“docs/read me.md”", ["docs/read me.md"]),
    ('@"docs/read me.md":3-4', ["docs/read me.md 3-4"]),
    ('@"a.py":what', ["a.py"]),
    (r"@docs/read\ me.md", ["docs/read me.md"]),
    ('@"unclosed a.py', []),
    ("@it's.txt", ["it's.txt"]),
    ("@l'été.txt", ["l'été.txt"]),
    # what stands around it
    ("See @a.py.", ["a.py"]),
    ("See @a.py, @b.py; or @src/a.py!", ["a.py", "b.py", "src/a.py"]),
    ("@a.py,@b.py", ["a.py", "b.py"]),
    ("(see @a.py)", ["a.py"]),
    ("[@a.py](file:///a.py)", ["a.py"]),
    ("<@a.py>", ["a.py"]),
    ("**@a.py**", ["a.py"]),
    ("_@a.py_", []),
    ("|@a.py|@b.py|", ["a.py", "b.py"]),
    ("@a.py's tests", ["a.py"]),
    ('"@a.py"', ["a.py"]),
    ("@a.py...", ["a.py"]),
    ("@a.py…", ["a.py"]),
    ("@a,b.txt", ["a,b.txt"]),
    ("@a(1).txt", ["a(1).txt"]),
    ("@back~ @trailing_ @v1.", ["back~", "trailing_", "v1."]),
    ("看@a.py", []),
    ("看 @a.py，还有 @b.py。", ["a.py", "b.py"]),
    ("看（@a.py）", ["a.py"]),
    ("@icon@2x.png and @we@rd.txt", ["icon@2x.png", "we@rd.txt"]),
    # hostile, but for others to refuse
    ("@../../etc/passwd", ["../../etc/passwd"]),
    ("@~/.ssh/id_rsa", ["~/.ssh/id_rsa"]),
    ("@/etc/hosts", ["/etc/hosts"]),
    # none
    ("me@a.py", []),
    ("mail a@b.py or x.y+z@src/a.py", []),
    ("git@github.com:me/src.git", []),
    ("@property\n@staticmethod", []),
    ("npm i @scope/package", []),
    ("npm i @types/node", ["types/node"]),
    ("@ a.py", []),
    ("@", []),
    ("@@a.py", []),
    ("@. @.. @/ @~ @-", []),
    ("@gone.py", []),
    ("@a.py\0", []),
    # code
    ("`@a.py` and @b.py", ["b.py"]),
    ("``@a.py ` @b.py`` @src/a.py", ["src/a.py"]),
    ("an `open one and @a.py", ["a.py"]),
    ("`open\n\nand @a.py` closed", ["a.py"]),
    ("`over\nlines @a.py`", []),
    ("```\n@a.py\n```\n@b.py", ["b.py"]),
    ("```python\n@property\n@a.py\n```", []),
    ("~~~\n@a.py\n```\n@b.py\n~~~\n@src/a.py", ["src/a.py"]),
    ("````\n```\n@a.py\n```\n````\n@b.py", ["b.py"]),
    ("```\n@a.py", []),
    ("text ```@a.py``` @b.py", ["b.py"]),
    ("  ```\n@a.py\n  ```\n@b.py", ["b.py"]),
]


def meant(text: str) -> list[str]:
    """Of each mention the first reading that is there."""
    found: list[str] = []
    for readings in mentions(text):
        for reading in readings:
            if reading.path in THERE:
                lines = f" {reading.first}-{reading.last}" if reading.first else ""
                found.append(reading.path + lines)
                break
    return found


@pytest.mark.parametrize(("text", "paths"), CASES, ids=[repr(text) for text, _ in CASES])
def test_mentions(text: str, paths: list[str]) -> None:
    assert meant(text) == paths


@given(st.text(alphabet=st.sampled_from(" \n\t@`~\"'\\:#L-10/.,;()ab漢，\0"), max_size=80) | st.text())
def test_any_text(text: str) -> None:
    for readings in mentions(text):
        assert 1 <= len(readings) <= READINGS
        for reading in readings:
            assert reading.path
            assert reading.written in text
            assert (reading.first is None) == (reading.last is None)
            assert reading.first is None or 1 <= reading.first <= (reading.last or 0)
    prose = without_code(text)
    assert len(prose) == len(text)
    assert all(is_ == was or is_ == " " for is_, was in zip(prose, text, strict=True))


@pytest.mark.parametrize(
    "text",
    ["@" * 200_000, "@," * 100_000, "`" * 200_000, "` @a " * 40_000, "@a:1-" * 40_000, "@'" * 100_000,
     "".join("`" * n + " " for n in range(600)), "```\n" * 50_000, "@" + "\\ " * 100_000, "\n \n" * 60_000],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    began = time.monotonic()
    for _ in mentions(text):
        pass
    assert time.monotonic() - began < 1
