"""What commands see of the environment."""

from __future__ import annotations

import pytest

from acp_agent.workspace.environment import is_secret, scrubbed
from acp_agent.workspace.guard import MARKER_VARIABLE

SECRETS = [
    "OPENAI_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "aws_session_token",
    "DB_PASSWORD",
    "PGPASSWORD",
    "MYSQL_PWD",
    "SMTP_PASS",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "NPM_AUTHTOKEN",
    "HTTP_AUTH",
    "GIT_CRED",
    "KEY",
]
HARMLESS = [
    "PATH",
    "HOME",
    "PWD",
    "OLDPWD",
    "KEYBOARD",
    "MONKEY",
    "COMPASS",
    "AUTHOR",
    "GIT_AUTHOR_NAME",
    "XAUTHORITY",
    "SSH_ASKPASS",
    "SSH_AUTH_SOCK",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "PASSENGER_APP",
]


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert is_secret(name)
    assert name not in scrubbed({name: "x"}, "marker")


@pytest.mark.parametrize("name", HARMLESS)
def test_the_rest_is_passed_on(name: str) -> None:
    assert scrubbed({name: "x"}, "marker")[name] == "x"


def test_the_agent_s_own_settings_stay_with_it() -> None:
    assert "ACP_AGENT_MODEL" not in scrubbed({"ACP_AGENT_MODEL": "x"}, "marker")


def test_commands_do_not_wait_for_a_person() -> None:
    environment = scrubbed({"TERM": "xterm", "PAGER": "less"}, "marker")
    assert (environment["TERM"], environment["PAGER"], environment["GIT_TERMINAL_PROMPT"]) == (
        "dumb",
        "cat",
        "0",
    )


def test_an_agent_in_a_command_keeps_the_outer_marker() -> None:
    assert scrubbed({}, "inner")[MARKER_VARIABLE] == "inner"
    assert scrubbed({MARKER_VARIABLE: "outer"}, "inner")[MARKER_VARIABLE] == "outer inner"
