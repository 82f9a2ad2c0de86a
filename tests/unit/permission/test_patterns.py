from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.permission.patterns import (
    any_of,
    command_pattern,
    is_literal,
    literal,
    path_pattern,
    unescaped,
)

COMMANDS = [
    ("cd *", "cd /somewhere/else", True),
    ("cd *", "xcd foo", False),
    ("ls *", "ls", True),
    ("ls *", "ls -la x", True),
    ("ls *", "lsof", False),
    ("git *", "egit", False),
    ("git*", "gitk", True),
    ("cargo test **", "cargo test --all --features x", True),
    ("cargo test **", "cargo test", True),
    ("npx *", "node -e 'x\nnpx y'", False),
    ("node *", "node -e 'x\nnpx y'", True),
    ("rm -rf /**", "rm -rf /", True),
    ("rm -rf /**", "rm -rf ./local", False),
    ("npm test (unit)", "npm test unit", False),
    ("npm test (unit)", "npm test (unit)", True),
    ("ls -l?", "ls -la", True),
    ("ls -l?", "ls -lah", False),
    ("npm install", "npm install x", False),
    (r"ls \*", "ls *", True),
    (r"ls \*", "ls a", False),
    ("git push", "GIT PUSH", False),
    ("", "", True),
    ("a.c", "abc", False),
]
PATHS = [
    ("/p/src/*", "/p/src/main.rs", True),
    ("/p/src/*", "/p/src", False),
    ("/p/src/*", "/p/src/a/b", False),
    ("/etc/**", "/etc", True),
    ("/etc/**", "/etc/a/b/c", True),
    ("/etc/**", "/etcetera/foo", False),
    ("/file.?", "/file./", False),
    ("/file.?", "/file.c", True),
    ("/a/**/b", "/a/b", True),
    ("/a/**/b", "/a/x/y/b", True),
    ("/a/**/b", "/a/xb", False),
    ("**/.env", "/p/.env", True),
    ("**/.env", "/.env", True),
    ("**/.env", "/p/x.env", False),
    ("**/.env.*", "/p/.env.local", True),
    ("/p/*.py", "/p/.py", True),
    (r"/p/\*", "/p/*", True),
    (r"/p/\*", "/p/x", False),
    ("/**", "/anything/at/all", True),
    ("/p/[a]", "/p/a", False),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), COMMANDS)
def test_command_patterns(pattern: str, text: str, expected: bool) -> None:
    assert bool(command_pattern(pattern).fullmatch(text)) is expected


@pytest.mark.parametrize(("pattern", "path", "expected"), PATHS)
def test_path_patterns(pattern: str, path: str, expected: bool) -> None:
    assert bool(path_pattern(pattern).fullmatch(path)) is expected


@given(st.text(), st.text())
def test_a_literal_matches_itself_and_nothing_else(text: str, other: str) -> None:
    pattern = literal(text)
    assert is_literal(pattern)
    assert unescaped(pattern) == text
    for compiled in (command_pattern(pattern), path_pattern(pattern)):
        assert compiled.fullmatch(text)
        assert bool(compiled.fullmatch(other)) is (text == other)


def test_case_can_be_ignored() -> None:
    assert path_pattern("**/.git/**", fold=True).fullmatch("/p/.GIT/config")
    assert not path_pattern("**/.git/**").fullmatch("/p/.GIT/config")


PATH_PARTS = st.lists(st.sampled_from(["a", "B", "**", "*", "?", "a.b", ".env", ""]), min_size=1, max_size=4)


@given(patterns=st.lists(PATH_PARTS, max_size=4), path=PATH_PARTS)
def test_several_at_once_are_each_of_them(patterns: list[list[str]], path: list[str]) -> None:
    each = [path_pattern("/".join(parts), fold=True) for parts in patterns]
    text = "/" + "/".join(path)
    assert bool(any_of(each).fullmatch(text)) is any(one.fullmatch(text) for one in each)
