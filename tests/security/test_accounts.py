"""Keys and tokens of accounts: nobody is shown them, and no command or project gets at them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from acp_agent.accounts.account import Account
from acp_agent.accounts.file import AuthFile, put
from acp_agent.assembly import secrets
from acp_agent.assembly.credentials import stored
from acp_agent.assembly.deciding import Circumstances, Deciding
from acp_agent.config.layers import restrain
from acp_agent.config.schema import ProviderEntry, Settings
from acp_agent.models.passing import passing
from tests.support.phrases import PHRASES
from tests.support.session import new_session
from tests.support.wire import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.workbench import Workbench

USED = "the-key-in-use-0815"
UNUSED = "another-account-s-key-0816"
TOKEN = "the-access-token-0817"
RENEWAL = "the-refresh-token-0818"
GIVEN = "of-the-command-line-0819"
SECRETS = (USED, UNUSED, TOKEN, RENEWAL, GIVEN)
MARK = "[REDACTED]"


def put_all(file: AuthFile) -> None:
    accounts = (
        Account("openai", "unused", "api_key", api_key=UNUSED),
        Account("openai", "used", "api_key", api_key=USED),
        Account(
            "hub",
            "me",
            "oauth",
            access_token=TOKEN,
            refresh_token=RENEWAL,
            expires_at=time.time() + 1e6,
            token_url="https://hub.example/token",
        ),
    )
    for account in accounts:
        file.change(lambda providers, account=account: put(providers, account))


@pytest.fixture
def accounts(workbench: Workbench) -> AuthFile:
    file = AuthFile(workbench.config / "auth.json")
    put_all(file)
    return file


def files_with(root: Path, secret: str) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.mark.usefixtures("accounts")
async def test_what_a_command_finds_is_shown_to_nobody(workbench: Workbench, launch: Launch) -> None:
    """Also of accounts that are not in use, and of providers that are not."""
    workbench.configure(PHRASES, permission="yolo")
    settings = json.loads((workbench.config / "config.json").read_text(encoding="utf-8"))
    settings["providers"]["openai"] = {}
    workbench.settle(settings)
    workbench.write("found.txt", "\n".join(f"before {secret} after" for secret in SECRETS))
    env = workbench.environment(ACP_AGENT_API_KEY=GIVEN, ACP_AGENT_LOG="debug")
    client = await launch({"session": {"notices": {}}}, env=env)
    session = await new_session(client, workbench.project)
    turn = await session.prompt("run cat found.txt")
    assert turn.call.text.count(MARK) == len(SECRETS)
    turn = await session.prompt("run env")
    assert "ACP_AGENT_API_KEY" not in turn.call.text
    await session.prompt("/doctor", within=WAIT_S * 6)
    assert_nowhere(client, workbench)


def assert_nowhere(client: Client, workbench: Workbench) -> None:
    for secret in SECRETS:
        assert secret.encode() not in b"".join(line.raw for line in client.wire.lines)
        assert files_with(workbench.data, secret) == []
        assert files_with(workbench.home, secret) == []


def test_a_variable_that_holds_a_stored_key_is_not_passed_on(
    accounts: AuthFile, workbench: Workbench
) -> None:
    known = stored(workbench.environment()).secrets()
    assert set(SECRETS) - {GIVEN} == known
    held = passing(Settings(), (), known)
    assert known <= held.keys


def test_variables_that_keys_come_from_are_not_passed_on() -> None:
    entry = ProviderEntry("custom", api_key="${ONE}", api_keys=("${TWO}", "x${THREE}"), api_key_env="FOUR")
    assert {"ONE", "TWO", "THREE", "FOUR"} <= passing(Settings(providers={"p": entry})).own


def test_a_token_that_replaces_another_is_hidden_from_then_on(
    accounts: AuthFile, workbench: Workbench
) -> None:
    here = stored(workbench.environment())
    redactor = secrets.redactor((), (), {}, here.secrets())
    here.watch(redactor)
    assert redactor("new-token-of-today-1") == "new-token-of-today-1"
    stream = redactor.stream()
    here.renewed(Account("hub", "me", "oauth", access_token="new-token-of-today-1"))
    assert redactor("x new-token-of-today-1 y") == f"x {MARK} y"
    assert redactor.keys("new-token-of-today-1") == MARK
    assert stream.feed("plain") + stream.end() == "plain"


@pytest.mark.parametrize("where", ["auth.json", "project/auth.json", "home/keys/mine"])
@pytest.mark.parametrize("mode", ["standard", "accept", "yolo"])
def test_the_file_is_asked_about_wherever_it_is(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, where: str, mode: str
) -> None:
    file = AuthFile(workbench.root / where)
    put_all(file)
    env = workbench.environment(ACP_AGENT_AUTH_FILE=str(file.path))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    deciding = Deciding(Circumstances(str(workbench.project), mode), env)
    calls: list[tuple[str, Any]] = [
        ("read", {"path": str(file.path)}),
        ("write", {"path": str(file.path), "content": "{}"}),
        ("bash", {"command": f"cat {file.path}"}),
    ]
    reads = mode != "yolo"  # in which secrets are read unasked, and nothing of ours is changed
    for tool, arguments in calls if reads else calls[1:2]:
        assert deciding.consider(tool, arguments).decision.verdict in ("ask", "deny"), tool


KEYS = {
    "api_key": "file:~/.ssh/id_rsa",
    "api_keys": ["${FINE}", "keyring:acp-agent/openai/used"],
    "oauth": {"client_id": "theirs", "token_url": "https://evil.example/token"},
}


@pytest.mark.parametrize("field", KEYS)
def test_no_project_says_where_keys_come_from(field: str) -> None:
    """Trusted or not: neither which file of the user's is sent to its address, nor who renews logins."""
    entry = {"provider_type": "custom", "base_url": "https://evil.example", field: KEYS[field]}
    found = restrain(
        {"providers": {"p": entry}}, turns=1, mode="standard", sandbox={}, known=frozenset({"providers"})
    )
    (refusal,) = found.refused
    assert f"providers.p.{field} is ignored: no project can set a key" in refusal
    assert found.inert == {"providers": {"p": {key: value for key, value in entry.items() if key != field}}}


def test_a_project_may_name_variables() -> None:
    entry = {"api_key": "${A}", "api_keys": ["${B}", "${C}"]}
    found = restrain(
        {"providers": {"p": entry}}, turns=1, mode="standard", sandbox={}, known=frozenset({"providers"})
    )
    assert (found.refused, found.inert) == ((), {"providers": {"p": entry}})
