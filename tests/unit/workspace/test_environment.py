"""What children see of the environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.workspace import environment as room
from acp_agent.workspace.environment import (
    Passing,
    has_secret_name,
    held_back,
    is_secret,
    ordinary,
    overridden,
    scrubbed,
    secret_values,
)
from acp_agent.workspace.guard import MARKER_VARIABLE

SECRETS = [
    "OPENAI_API_KEY",
    "SOMETHING_SECRET",
    "MY_TOKEN",
    "OAUTH_TOKEN",
    "my_secret",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
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
NO_SECRETS = ["PWD", "OLDPWD", "KEYBOARD", "MONKEY", "COMPASS", "AUTHOR", "XAUTHORITY", "SSH_ASKPASS"]
PASSED = [
    "PATH", "HOME", "USER", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "EDITOR", "PWD",
    "RUSTC_WRAPPER", "CARGO_HOME", "RUSTUP_HOME", "GOPATH", "GOROOT", "GOFLAGS", "JAVA_HOME", "NVM_DIR",
    "PYENV_ROOT", "VIRTUAL_ENV", "CONDA_PREFIX", "PNPM_HOME", "NODE_PATH", "CC", "CXX", "DISPLAY",
    "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "KUBECONFIG", "NIX_PATH", "MISE_SHELL",
    "ASDF_DIR", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "GIT_AUTHOR_NAME", "SSH_AUTH_SOCK", "GH_TOKEN",
    "GITHUB_TOKEN", "PKG_CONFIG_PATH",
]  # fmt: skip
NOT_PASSED = [
    "PASSENGER_APP",
    "DATABASE_URL",
    "DIRENV_DIFF",
    "__MISE_DIFF",
    "GIT_DIR",
    "TF_VAR_x",
    "ANYTHING",
]
KEY = "sk-" + "abcdefghij" * 3


def test_the_table_is_as_its_schema_says() -> None:
    folder = Path(room.__file__).parent
    data: Any = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    schema: Any = json.loads((folder / "environment.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, schema)
    names = [name for group in data["groups"] for name in group["names"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert has_secret_name(name)
    assert name not in scrubbed({name: "x"}, "marker")
    assert held_back({name: "x"}) == [name]


@pytest.mark.parametrize("name", NO_SECRETS)
def test_names_that_only_look_like_it(name: str) -> None:
    assert not is_secret(name, "x")


@pytest.mark.parametrize("name", PASSED)
def test_what_ordinary_work_needs_is_passed_on(name: str) -> None:
    assert name in scrubbed({name: "x"}, "marker")


@pytest.mark.parametrize("name", NOT_PASSED)
def test_what_is_not_known_is_not(name: str) -> None:
    assert name not in scrubbed({name: "x"}, "marker")


@pytest.mark.parametrize(
    "value",
    ["postgres://me:hunter2@host/db", "AKIAIOSFODNN7EXAMPLE", f"a,{KEY}", "hf_" + "a" * 30, f"--with={KEY}"],
)
def test_secrets_are_known_by_their_values(value: str) -> None:
    assert "https_proxy" not in scrubbed({"https_proxy": value}, "marker")
    assert "https_proxy" not in ordinary({"https_proxy": value})
    exactly = Passing(("https_proxy",))
    assert scrubbed({"https_proxy": value}, "marker", exactly)["https_proxy"] == value
    assert ordinary({"https_proxy": value}, exactly)["https_proxy"] == value


@pytest.mark.parametrize(
    "value",
    [
        "/usr/local/bin:/usr/bin",
        "https://api.example.com/v1",
        "0123456789abcdef" * 3,
        "ghp_short",
        "eyJhbGciOi",
    ],
)
def test_values_that_are_none(value: str) -> None:
    assert not is_secret("GOFLAGS", value)


def test_a_person_names_more() -> None:
    given = {"MY_NAME": "a", "MY_TOKEN": "b", "MY_URL": "x://u:p@h", "OTHER": "c"}
    passed = scrubbed(given, "marker", Passing(("MY_*",)))
    assert passed.keys() & given.keys() == {"MY_NAME"}
    named = scrubbed(given, "marker", Passing(("MY_*", "MY_TOKEN")))
    assert named.keys() & given.keys() == {"MY_NAME", "MY_TOKEN"}


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("git push", True),
        (" git fetch 'a b'", True),
        ("git push\nenv", False),
        ("git", False),
        (["git", "push"], False),
    ],
)
def test_the_agent_for_keys_is_for_git(command: str | list[str], kept: bool) -> None:
    given = {"SSH_AUTH_SOCK": "/run/x"}
    assert ("SSH_AUTH_SOCK" in scrubbed(given, "marker", Passing().for_command(command))) is kept
    named = Passing(("SSH_AUTH_SOCK",)).for_command(command)
    assert "SSH_AUTH_SOCK" in scrubbed(given, "marker", named)


def test_the_agent_s_own_keys_never_pass() -> None:
    passing = Passing(("WORK", "HOLDS", "*"), frozenset({"WORK"}), frozenset({"k" * 20}))
    given = {"WORK": "a", "HOLDS": f"x={'k' * 20}", "GITHUB_TOKEN": "k" * 20, "PLAIN": "b"}
    assert scrubbed(given, "marker", passing).keys() & given.keys() == {"PLAIN"}
    assert held_back(given, passing) == ["GITHUB_TOKEN", "HOLDS", "WORK"]


def test_the_agent_s_own_settings_stay_with_it() -> None:
    everything = Passing(("*", "ACP_AGENT_MODEL"))
    assert "ACP_AGENT_MODEL" not in scrubbed({"ACP_AGENT_MODEL": "x"}, "marker", everything)


def test_what_was_set_for_a_command_passes_unless_it_is_secret() -> None:
    given = {"GIT_OPTIONAL_LOCKS": "0", "API_TOKEN": "x", "ACP_AGENT_MODEL": "m", "INHERITED": "y"}
    own = {"GIT_OPTIONAL_LOCKS", "API_TOKEN", "ACP_AGENT_MODEL"}
    assert scrubbed(given, "marker", given=own).keys() & given.keys() == {"GIT_OPTIONAL_LOCKS"}


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


def test_an_editor_s_terminal_is_told_to_forget_secrets_and_nothing_else() -> None:
    given = {"API_TOKEN": "x", "ACP_AGENT_MODEL": "m", "ANYTHING": "y", MARKER_VARIABLE: "outer"}
    assert overridden(given).keys() & given.keys() == {"API_TOKEN", "ACP_AGENT_MODEL"}
    assert overridden(given)["API_TOKEN"] == ""


def test_values_to_redact() -> None:
    given = {
        "API_TOKEN": "hunter2hunter2", "DB_PASSWORD": "postgres", "KEY_FILE": "/home/me/.key",
        "SSH_AUTH_SOCK": "/run/x",
        "AUTH_URL": "https://login.example/x", "DATABASE_URL": "postgres://me:pass word@h",
        "PROXY": "http://me:hunter3@h",
        "GH_TOKEN": "0123456789abcdef", "PLAIN": "plain",
    }  # fmt: skip
    assert sorted(secret_values(given)) == ["0123456789abcdef", "hunter2hunter2", "hunter3"]


@given(st.dictionaries(st.sampled_from([*SECRETS, *PASSED, *NOT_PASSED, "ACP_AGENT_X"]), st.text(max_size=9)))
def test_servers_see_no_more_than_commands(environment: dict[str, str]) -> None:
    seen = ordinary(environment)
    commands = scrubbed(environment, "marker")
    assert {**commands, **seen}.keys() == commands.keys()
