"""The file of accounts: nothing in it is lost, nobody else reads it, a broken one is never an empty one."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.accounts.account import Account, is_name
from acp_agent.accounts.file import AuthFile, activate, auth_path, put, refresh, remove
from acp_agent.errors import AgentError, AuthRequired
from acp_agent.workspace.locking import alone

if TYPE_CHECKING:
    from collections.abc import Sequence

WORK = Account("openai", "work", "api_key", api_key="sk-work", label="the firm's")
HOME = Account("openai", "home", "api_key", api_key="sk-home")
LOGIN = Account(
    "hub", "me", "oauth", access_token="a", refresh_token="r", expires_at=5.0, token_url="https://h"
)


@pytest.fixture
def file(tmp_path: Path) -> AuthFile:
    return AuthFile(tmp_path / "own" / "auth.json")


def add(file: AuthFile, *accounts: Account) -> None:
    for account in accounts:
        file.change(lambda providers, account=account: put(providers, account))


def raw(file: AuthFile) -> dict[str, Any]:
    return json.loads(file.path.read_text(encoding="utf-8"))


def write(file: AuthFile, text: str, mode: int = 0o600) -> None:
    file.path.parent.mkdir(mode=0o700, exist_ok=True)
    file.path.write_text(text, encoding="utf-8")
    file.path.chmod(mode)


def test_where_it_is(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    assert auth_path(env) == tmp_path / ".config" / "acp-agent" / "auth.json"
    assert auth_path({**env, "ACP_AGENT_CONFIG_DIR": "/c"}) == Path("/c/auth.json")
    assert auth_path({**env, "ACP_AGENT_AUTH_FILE": "~/mine.json"}) == tmp_path / "mine.json"


def test_there_is_none_yet(file: AuthFile) -> None:
    assert file.held() == {}
    assert not file.path.parent.exists()


def test_for_this_user_alone(file: AuthFile) -> None:
    os.umask(os.umask(0o000))  # whatever it is
    before = os.umask(0o000)
    try:
        add(file, WORK)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_what_is_put_is_there(file: AuthFile) -> None:
    add(file, WORK, HOME, LOGIN)
    held = AuthFile(file.path).held()
    assert held["openai"] == ("home", {"work": WORK, "home": HOME})
    assert held["hub"] == ("me", {"me": LOGIN})
    assert raw(file)["version"] == 1
    assert raw(file)["providers"]["openai"]["active_account"] == "home"


def test_changes_of_others_are_seen(file: AuthFile) -> None:
    add(file, WORK)
    assert set(file.held()["openai"].accounts) == {"work"}
    add(AuthFile(file.path), HOME)
    assert set(file.held()["openai"].accounts) == {"work", "home"}


def test_removing(file: AuthFile) -> None:
    add(file, HOME, WORK)
    assert file.change(lambda providers: remove(providers, "openai", ["work"])) == "home"
    assert file.held()["openai"].active == "home"
    assert file.change(lambda providers: remove(providers, "openai", ["home"])) is None
    assert file.held() == {}


def test_switching(file: AuthFile) -> None:
    add(file, HOME, WORK)
    file.change(lambda providers: activate(providers, "openai", "home"))
    assert file.held()["openai"].active == "home"
    with pytest.raises(AuthRequired, match=r"no account nobody of openai. There are: home, work"):
        file.change(lambda providers: activate(providers, "openai", "nobody"))
    assert file.held()["openai"].active == "home"


def test_new_tokens_of_an_account_that_is_gone(file: AuthFile) -> None:
    add(file, LOGIN)
    file.change(lambda providers: refresh(providers, LOGIN._replace(access_token="b", expires_at=None)))
    account = file.held()["hub"].accounts["me"]
    assert (account.access_token, account.refresh_token, account.expires_at) == ("b", "r", None)
    file.change(lambda providers: remove(providers, "hub", ["me"]))
    file.change(lambda providers: refresh(providers, LOGIN))
    assert file.held() == {}


def test_what_is_not_known_stays(file: AuthFile) -> None:
    add(file, WORK)
    data = raw(file)
    data["later"] = {"x": 1}
    data["providers"]["openai"]["colour"] = "blue"
    data["providers"]["openai"]["accounts"]["work"]["team"] = [1, 2]
    write(file, json.dumps(data))
    add(file, WORK._replace(api_key="sk-new", label=""), HOME)
    found = raw(file)
    assert found["later"] == {"x": 1}
    assert found["providers"]["openai"]["colour"] == "blue"
    work = found["providers"]["openai"]["accounts"]["work"]
    assert work == {"type": "api_key", "api_key": "sk-new", "label": "the firm's", "team": [1, 2]}


def test_a_key_in_the_place_of_a_login_leaves_nothing_of_it(file: AuthFile) -> None:
    add(file, LOGIN, Account("hub", "me", "api_key", api_key="k"))
    assert raw(file)["providers"]["hub"]["accounts"]["me"] == {"type": "api_key", "api_key": "k"}


BROKEN = {
    "": "is not JSON",
    "{": r"is not JSON \(line 1\)",
    "[]": "no JSON object",
    "\xff": "is not JSON",
    '{"version": 2}': "version 2",
    '{"version": true}': "version True",
    '{"providers": []}': "no object under providers",
    '{"providers": {"x": 1}}': "no object of accounts under providers.x",
    '{"providers": {"x": {"accounts": []}}}': "no object of accounts under providers.x",
    '{"providers": {"x": {"accounts": {"a": 1}}}}': "account a of x is no object",
    '{"providers": {"x": {"accounts": {"a": {"type": "magic"}}}}}': "account a of x has a type",
    '{"providers": {"x": {"accounts": {"a": {"type": "api_key"}}}}}': "account a of x has no api_key",
    '{"providers": {"x": {"accounts": {"a": {"type": "oauth", "access_token": 5}}}}}': "has a access_token",
    '{"providers": {"x": {"accounts": {"a": {"type": "oauth", "access_token": "t", "expires_at": "x"}}}}}': (
        "has an expires_at"
    ),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_named_and_kept(file: AuthFile, text: str) -> None:
    file.path.parent.mkdir(mode=0o700)
    data = text.encode("latin-1")
    file.path.write_bytes(data)
    file.path.chmod(0o600)
    for attempt in (file.held, lambda: add(file, WORK)):
        with pytest.raises(AuthRequired, match=BROKEN[text]) as caught:
            attempt()
        assert str(file.path) in str(caught.value)
        assert "docs/accounts.md" in str(caught.value)
    assert file.path.read_bytes() == data


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_can_read(file: AuthFile, mode: int) -> None:
    write(file, "{}", mode)
    with pytest.raises(AuthRequired, match=f"chmod 600 {file.path}"):
        file.held()


def test_a_folder_that_others_can_write(file: AuthFile) -> None:
    file.path.parent.mkdir()
    file.path.parent.chmod(0o777)
    with pytest.raises(AuthRequired, match="chmod 700"):
        add(file, WORK)


def test_a_file_behind_a_link_is_the_file(tmp_path: Path, file: AuthFile) -> None:
    add(file, WORK)
    (tmp_path / "link.json").symlink_to(file.path)
    add(AuthFile(tmp_path / "link.json"), HOME)
    assert set(file.held()["openai"].accounts) == {"work", "home"}
    assert (tmp_path / "link.json").is_symlink()


def test_somebody_else_has_it(file: AuthFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acp_agent.accounts.file.LOCK_LIMIT_S", 0.05)
    add(file, WORK)
    with alone(file.lock_path, file.path, 1.0), pytest.raises(AgentError, match="Another process holds"):
        add(file, HOME)
    assert set(file.held()["openai"].accounts) == {"work"}


def test_one_of_several_was_never_chosen(file: AuthFile) -> None:
    one = {"a": {"type": "api_key", "api_key": "x"}}
    write(file, json.dumps({"providers": {"p": {"accounts": one}}}))
    assert file.held()["p"].active == "a"
    write(file, json.dumps({"providers": {"p": {"accounts": {**one, "b": one["a"]}}}}))
    assert file.held()["p"].active is None


def test_nothing_secret_is_in_a_repr() -> None:
    for account in (WORK, LOGIN):
        assert "sk-" not in repr(account)
        assert "api_key=" not in repr(account)
    assert repr(LOGIN) == "Account('hub', 'me', 'oauth')"


@pytest.mark.parametrize("name", ["a", "me@work.org", "a-b_c.d+1", "x" * 64])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "x" * 65, "\u202e", "a\n"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


# Whatever is done, in whatever order ---------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
PROVIDERS = st.sampled_from(["p", "q"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "switch", "all"]), PROVIDERS, NAMES), max_size=25
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_file_says_what_was_done(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[str, str, str]]
) -> None:
    file = AuthFile(tmp_path_factory.mktemp("accounts") / "auth.json")
    expected: dict[str, dict[str, str]] = {}
    active: dict[str, str | None] = {}
    for number, (what, provider, name) in enumerate(steps):
        there = expected.setdefault(provider, {})
        if what == "put":
            there[name] = f"key-{number}"
            active[provider] = name
            add(file, Account(provider, name, "api_key", api_key=f"key-{number}"))
        elif what == "switch":
            if name in there:
                file.change(lambda providers, p=provider, n=name: activate(providers, p, n))
                active[provider] = name
        else:
            gone = list(there) if what == "all" else [name]
            left = file.change(lambda providers, p=provider, g=gone: remove(providers, p, g))
            for each in gone:
                there.pop(each, None)
            if active.get(provider) not in there:
                active[provider] = next(iter(there), None)
            assert left == active[provider]
    found = AuthFile(file.path).held()
    assert {
        p: {n: a.api_key for n, a in held.accounts.items()} for p, held in found.items() if held.accounts
    } == {p: there for p, there in expected.items() if there}
    for provider, there in expected.items():
        if there:
            assert found[provider].active == active[provider]
            assert found[provider].active in there


# Several processes ---------------------------------------------------------------------------------

ADDER = """
import sys
from pathlib import Path
from acp_agent.accounts.account import Account
from acp_agent.accounts.file import AuthFile, put
file = AuthFile(Path(sys.argv[1]))
for number in range(15):
    account = Account("p", f"{sys.argv[2]}{number}", "api_key", api_key="k")
    file.change(lambda providers: put(providers, account))
    assert account.name in file.held()["p"].accounts
"""


async def test_processes_lose_nothing_of_each_other(file: AuthFile) -> None:
    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            for name in ("a", "b", "c"):
                tasks.start_soon(anyio.run_process, [sys.executable, "-c", ADDER, str(file.path), name])
    assert len(file.held()["p"].accounts) == 45
    assert not list(file.path.parent.glob("*.tmp"))
