"""`ACP_AGENT_COMMAND_PERMISSIONS`: what it may hold, and what stops a session from starting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.config.command_lists import VARIABLE, CommandLists, command_lists
from acp_agent.config.load import require
from acp_agent.errors import ConfigError

if TYPE_CHECKING:
    from tests.unit.config.conftest import Place


@pytest.mark.parametrize(
    "text", ["", "  ", "{}", '{"deny": []}', '{"allow": []}', '{"allowRedirects": true}']
)
def test_nothing_is_said(place: Place, text: str) -> None:
    place.env[VARIABLE] = text
    assert not command_lists(place.env)
    assert place.load().problems == ()


def test_what_is_said(place: Place) -> None:
    place.env[VARIABLE] = '{"allow": ["npm *"], "deny": ["rm *"], "allowRedirects": true}'
    assert command_lists(place.env) == CommandLists(("npm *",), ("rm *",), True)
    assert place.load().problems == ()


def test_only_true_lets_files_be(place: Place) -> None:
    place.env[VARIABLE] = '{"allow": ["npm *"], "allowRedirects": "yes"}'
    assert command_lists(place.env) == CommandLists(("npm *",), (), False)
    assert place.load().problems == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not valid json", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "must be an object, not a list"),
        ('{"allow": "npm *"}', "allow must be a list of patterns"),
        ('{"allow": ["npm *"], "deny": 123}', "deny must be a list of patterns"),
        ('{"allow": [1]}', "allow must be a list of patterns"),
        ('{"allow": [" "]}', "allow must be a list of patterns"),
        ('{"allows": ["npm *"]}', 'unknown key "allows"'),
    ],
)
def test_no_session_starts_with_what_is_wrong(place: Place, text: str, why: str) -> None:
    place.env[VARIABLE] = text
    assert not command_lists(place.env)
    (problem,) = place.load().problems
    assert f"{VARIABLE}: {why}" in str(problem)
    assert "docs/permissions.md" in problem.hint
    with pytest.raises(ConfigError, match=VARIABLE):
        require(place.load())
