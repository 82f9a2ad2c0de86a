"""The token: where it comes from, and which ones are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ConfigError
from acp_agent.transport.tokens import VARIABLE, Token, read_token

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "0123456789abcdef"


def written(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "token"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def test_a_file_beats_the_environment(tmp_path: Path) -> None:
    token = read_token(written(tmp_path, f"{GOOD}\n"), {VARIABLE: "x" * 20})
    assert token and token.text == GOOD


def test_the_environment() -> None:
    token = read_token(None, {VARIABLE: GOOD})
    assert token and token.text == GOOD
    assert read_token(None, {}) is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_a_file_that_others_can_reach(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="chmod 600"):
        read_token(written(tmp_path, GOOD, mode), {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_token(str(tmp_path / "token"), {})


@pytest.mark.parametrize(
    "text", ["", "short", "x" * 15, "with spaces in between", "umläute-in-the-token", "x" * 2000]
)
def test_what_is_no_token(tmp_path: Path, text: str) -> None:
    for file, env in ((written(tmp_path, text), {}), (None, {VARIABLE: text})):
        with pytest.raises(ConfigError, match=r"docs/remote\.md") as refusal:
            read_token(file, env)
        assert text[:15] == "" or text[:15] not in str(refusal.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    "given", [None, 1, "", GOOD[:-1], GOOD + "x", GOOD.upper(), "ü" * 16, "\ud800" * 16, [GOOD]]
)
def test_what_does_not_match(given: object) -> None:
    assert not Token(GOOD).matches(given)


def test_what_matches() -> None:
    assert Token(GOOD).matches(GOOD)


def test_no_token_is_in_a_repr() -> None:
    assert GOOD not in repr(Token(GOOD))
