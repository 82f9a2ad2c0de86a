"""Globs match what people expect of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import ToolError
from acp_agent.workspace.globs import asks_for_hidden, compile_glob


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.py", ["a.py", "src/a.py", "src/deep/.py"], ["a.pyc", "py"]),
        ("src/*.py", ["src/a.py"], ["a.py", "src/deep/a.py", "x/src/a.py"]),
        ("./src/*.py", ["src/a.py"], ["a.py"]),
        ("src/**/*.py", ["src/a.py", "src/deep/er/a.py"], ["a.py", "srcs/a.py"]),
        ("**/a.py", ["a.py", "src/a.py", "src/deep/a.py"], ["ba.py"]),
        ("src/**", ["src/a", "src/deep/b"], ["srcs/a"]),
        ("*.{c,h}", ["a.c", "src/a.h"], ["a.o", "a.{c,h}"]),
        ("*.{c{c,pp},h}", ["a.cc", "a.cpp", "a.h"], ["a.c"]),
        ("[a-c].txt", ["a.txt", "x/c.txt"], ["d.txt"]),
        ("[!a-c].txt", ["d.txt"], ["a.txt", "/.txt"]),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("a+(b).txt", ["a+(b).txt"], ["aab.txt"]),
        (r"a\*b", ["a*b"], ["axb"]),
        ("a[b", ["a[b"], ["ab"]),
        ("a{b", ["a{b"], ["ab"]),
        ("[[]", ["["], ["]"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[--?]", ["-", "0", "?"], ["a"]),
        ("[&&||]", ["&", "|"], ["a"]),
    ],
)
def test_matching(pattern: str, matching: list[str], others: list[str]) -> None:
    glob = compile_glob(pattern)
    assert [name for name in (*matching, *others) if glob.fullmatch(name)] == matching


@given(st.text(alphabet="ab*?[]{}!-,/\\.^", min_size=1, max_size=12))
def test_any_text_is_a_glob_or_a_tool_error(pattern: str) -> None:
    try:
        compile_glob(pattern).fullmatch("a/b")
    except ToolError as error:
        assert "glob" in str(error)


@pytest.mark.parametrize("pattern", ["", "./", "{" * 20 + "}" * 20, "x" * 2000, "[z-a]"])
def test_what_is_no_glob(pattern: str) -> None:
    with pytest.raises(ToolError, match="glob"):
        compile_glob(pattern)


@pytest.mark.parametrize("pattern", [".env", ".github/**", "src/.cache/*", "{a,.b}"])
def test_hidden_files_are_asked_for(pattern: str) -> None:
    assert asks_for_hidden(pattern)


@pytest.mark.parametrize("pattern", ["*.py", "./src/*", "../a", "a.b", "**/*.txt"])
def test_and_not_asked_for(pattern: str) -> None:
    assert not asks_for_hidden(pattern)
