"""Which key a request is made with: precedence, accounts, several of them, what is bound to which address."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from acp_agent.accounts.account import Account, pointer
from acp_agent.accounts.choice import choices
from acp_agent.accounts.credentials import Credentials
from acp_agent.accounts.file import AuthFile, activate, put, remove
from acp_agent.accounts.stored import Stored, in_keyring
from acp_agent.config.schema import ProviderEntry, Settings
from acp_agent.errors import AuthRequired
from acp_agent.models.keys import KEY_VARIABLE, Key, OneKey, Sources, key_of, reached_by
from acp_agent.models.pool import Pool
from acp_agent.models.routes import active_alias, routes
from acp_agent.models.stream import Failed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from acp_agent.models.keys import Keys
    from acp_agent.models.routes import Route

NOW = 10_000.0
WORK = Account("openai", "work", "api_key", api_key="sk-work-1")
HOME = Account("openai", "home", "api_key", api_key="sk-home-1")
LOGIN = Account(
    "openai",
    "login",
    "oauth",
    access_token="token-1",
    refresh_token="refresh-1",
    expires_at=NOW + 3600,
    token_url="https://hub.example/token",
)
OF_WORK = Key("sk-work-1", "account work of `acp-agent auth`")
REFUSED = Failed("auth", "no")


class Bench:
    def __init__(self, tmp_path: Path, *accounts: Account, **env: str) -> None:
        self.file = AuthFile(tmp_path / "auth.json")
        self.ring: dict[str, str] = {}
        self.env = env
        self.now = NOW
        self.stored = Stored(self.file, lambda _, user: self.ring.get(user), lambda: self.now)
        self.renewals: list[Account] = []
        self.credentials = Credentials(env, None, self.stored, self.renew)
        for account in accounts:
            self.put(account)

    def put(self, account: Account) -> None:
        self.file.change(lambda providers: put(providers, account))

    async def renew(self, spent: Account) -> Account:
        self.renewals.append(spent)
        new = spent._replace(access_token=f"token-{len(self.renewals) + 1}", expires_at=self.now + 3600)
        self.put(new)
        return new

    def key(self, entry: ProviderEntry | None = None, alias: str = "openai", *, needed: bool = True) -> Key:
        sources = Sources(self.env, None, self.stored)
        return key_of(alias, entry or ProviderEntry(), ("OPENAI_API_KEY",), sources, needed=needed)

    def routes(self, **entry: Any) -> tuple[tuple[Route, ...], Settings]:
        entries = {"openai": ProviderEntry(**entry)} if entry else {}
        settings = Settings(providers=entries)
        return routes(settings, Sources(self.env, None, self.stored)), settings

    def keys(self, **entry: Any) -> Keys:
        (route, *_), settings = self.routes(**entry)
        return self.credentials.keys_for(route, settings)


@pytest.mark.parametrize(
    ("entry", "env", "source"),
    [
        (ProviderEntry(), {}, "account work of `acp-agent auth`"),
        (ProviderEntry(), {"OPENAI_API_KEY": "k"}, "$OPENAI_API_KEY"),
        (ProviderEntry(account="home"), {"OPENAI_API_KEY": "k"}, "account home of `acp-agent auth`"),
        (ProviderEntry(pool="random"), {"OPENAI_API_KEY": "k"}, "account work of `acp-agent auth`"),
        (ProviderEntry(api_key_env="X"), {"X": "k", "OPENAI_API_KEY": "k"}, "$X"),
        (ProviderEntry(api_key_env="X", account="home"), {"X": "k"}, "$X"),
        (ProviderEntry(api_key_env="X", account="home"), {}, "account home of `acp-agent auth`"),
        (ProviderEntry(api_key="k", account="home"), {"OPENAI_API_KEY": "k"}, "providers.openai.api_key"),
        (ProviderEntry(api_keys=("a", "b")), {"OPENAI_API_KEY": "k"}, "providers.openai.api_keys[0]"),
        (ProviderEntry(api_key="k", api_keys=("a",)), {}, "providers.openai.api_key"),
        (
            ProviderEntry(api_key=f"${{{KEY_VARIABLE}}}"),
            {KEY_VARIABLE: "k", "OPENAI_API_KEY": "k"},
            "the command line or $ACP_AGENT_API_KEY",
        ),
    ],
)
def test_precedence(tmp_path: Path, entry: ProviderEntry, env: dict[str, str], source: str) -> None:
    assert Bench(tmp_path, HOME, WORK, **env).key(entry).source == source


def test_a_variable_that_was_named_and_is_not_set_is_not_made_up_for(tmp_path: Path) -> None:
    """Another account is another bill."""
    with pytest.raises(AuthRequired, match="Set X in the environment"):
        Bench(tmp_path, WORK).key(ProviderEntry(api_key_env="X"))


def test_there_is_no_key_at_all(tmp_path: Path) -> None:
    with pytest.raises(AuthRequired) as caught:
        Bench(tmp_path).key()
    said = str(caught.value)
    assert said.startswith("There is no key for 'openai'. Set OPENAI_API_KEY in the environment")
    assert "`acp-agent auth login openai`" in said
    assert "docs/accounts.md" in said
    assert Bench(tmp_path).key(needed=False) == (None, "none")


def test_an_account_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AuthRequired, match=r"no account old of openai. There are: work"):
        Bench(tmp_path, WORK).key(ProviderEntry(account="old"))


def test_none_of_several_is_active(tmp_path: Path) -> None:
    bench = Bench(tmp_path, WORK, HOME)
    data = json.loads(bench.file.path.read_text(encoding="utf-8"))
    del data["providers"]["openai"]["active_account"]
    bench.file.path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(AuthRequired, match="Choose one of work, home"):
        bench.key()
    assert bench.key(ProviderEntry(account="home")).value == "sk-home-1"


def test_a_broken_file_is_not_an_empty_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path, WORK)
    bench.file.path.write_text("{", encoding="utf-8")
    with pytest.raises(AuthRequired, match="is not JSON"):
        bench.key()
    bench.env["OPENAI_API_KEY"] = "k"
    assert bench.key().source == "$OPENAI_API_KEY", "nobody needs the file"


def test_another_name_of_the_type_uses_its_accounts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, WORK)
    entry = ProviderEntry("openai", model="m")
    assert bench.key(entry, "office") == OF_WORK
    bench.put(HOME._replace(provider="office"))
    assert bench.key(entry, "office").value == "sk-home-1"


@pytest.mark.parametrize(
    ("origin", "base_url", "used"),
    [
        ("https://api.openai.com", None, True),
        ("https://api.openai.com", "https://api.openai.com/v1", True),
        ("https://api.openai.com", "https://API.openai.com/other", True),
        ("https://api.openai.com", "https://gateway.example/v1", False),
        ("https://api.openai.com", "http://api.openai.com/v1", False),
        ("https://api.openai.com", "https://api.openai.com:444/v1", False),
        ("https://gateway.example", "https://gateway.example/v1", True),
        (None, "https://gateway.example/v1", False),
        (None, None, True),
    ],
)
def test_an_account_is_sent_nowhere_else(
    tmp_path: Path, origin: str | None, base_url: str | None, used: bool
) -> None:
    bench = Bench(tmp_path, WORK._replace(origin=origin))
    key = bench.key(ProviderEntry(base_url=base_url), needed=False)
    assert (key.value == "sk-work-1") is used
    (choice,) = choices(
        Settings(providers={"openai": ProviderEntry(base_url=base_url)}),
        bench.credentials.sources,
        bench.stored,
    )
    assert (choice.unused == ["work"]) is not used


def test_a_provider_that_only_has_an_account_is_found(tmp_path: Path) -> None:
    bench = Bench(tmp_path, WORK, Account("nobody-knows", "x", "api_key", api_key="k"))
    settings = Settings()
    assert active_alias(settings, {}, bench.stored) == "openai"
    assert active_alias(settings, {"DEEPSEEK_API_KEY": "k"}, bench.stored) == "deepseek"
    route, *_ = routes(settings, Sources({}, None, bench.stored))
    assert route.key == OF_WORK
    assert reached_by(route) == "api.openai.com, key from account work of `acp-agent auth`"
    assert "sk-work" not in repr(route)


def test_what_a_person_is_told_of_the_choice(tmp_path: Path) -> None:
    bench = Bench(tmp_path, WORK, HOME, DEEPSEEK_API_KEY="k")
    first, second = choices(Settings(), bench.credentials.sources, bench.stored)
    assert (first.alias, first.why) == ("deepseek", "found by $DEEPSEEK_API_KEY in the environment")
    assert (second.alias, second.why, second.active) == ("openai", "", "home")
    assert [account.name for account in second.accounts] == ["home", "work"]
    (only, *_) = choices(Settings(provider="glm"), bench.credentials.sources, bench.stored)
    assert (only.alias, only.why) == ("glm", "named by the setting provider")
    assert "There is no key for 'glm'" in only.problem
    unknown = Settings(provider="x", providers={"x": ProviderEntry(provider_type="opnai")})
    (only, *_) = choices(unknown, bench.credentials.sources, bench.stored)
    assert only.problem == "x has neither a base_url nor a provider_type that is known."


# While it is used ----------------------------------------------------------------------------------


async def test_one_key_of_the_settings_or_the_environment(tmp_path: Path) -> None:
    bench = Bench(tmp_path, WORK, OPENAI_API_KEY="env-key")
    keys = bench.keys()
    assert isinstance(keys, OneKey)
    assert await keys.take() == ("env-key", "$OPENAI_API_KEY")
    keys = bench.keys(api_key="mine")
    assert await keys.take() == ("mine", "providers.openai.api_key")


async def test_without_pool_the_account_stays_whatever_happens(tmp_path: Path) -> None:
    bench = Bench(tmp_path, HOME, WORK)
    keys = bench.keys()
    for failed in (Failed("billing", "no"), REFUSED, None):
        key = await keys.take()
        assert key == OF_WORK
        keys.report(key, failed)
        assert not keys.spare
    bench.file.change(lambda providers: activate(providers, "openai", "home"))
    assert (await keys.take()) == OF_WORK, "a session stays with the account that it began with"
    assert (await bench.keys().take()).value == "sk-home-1", "and a new one has the new one"


async def test_a_key_that_is_stored_anew_counts_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, WORK)
    keys = bench.keys()
    keys.report(await keys.take(), REFUSED)
    assert not keys.spare
    bench.put(WORK._replace(api_key="sk-new-1"))
    assert keys.spare
    assert (await keys.take()).value == "sk-new-1"
    bench.file.change(lambda providers: remove(providers, "openai", ["work"]))
    with pytest.raises(AuthRequired, match="no account work"):
        await keys.take()


async def test_several_keys_of_the_settings(tmp_path: Path) -> None:
    bench = Bench(tmp_path, A="key-a", B="key-b")
    entry = {"api_keys": ("${A}", "${B}"), "pool": "round_robin"}
    keys = bench.keys(**entry)
    assert [(await keys.take()).value for _ in range(3)] == ["key-a", "key-b", "key-a"]
    assert bench.keys(**entry) is keys, "in all sessions of the process"
    assert bench.keys(api_keys=("${A}", "${B}")) is not keys
    del bench.env["B"]
    broken = bench.keys(api_keys=("${A}", "${B}", "x"), pool="round_robin")
    assert [(await broken.take()).value for _ in range(4)] == ["key-a", "x", "key-a", "x"]


async def test_several_accounts_only_when_asked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, HOME, WORK, LOGIN)
    keys = bench.keys(pool="fill_first")
    assert isinstance(keys, Pool)
    taken: list[str | None] = []
    for _ in range(3):
        key = await keys.take()
        taken.append(key.value)
        keys.report(key, Failed("billing", "no money"))
    assert taken == ["token-1", "sk-home-1", "sk-work-1"]
    resting = {each.name.split()[1]: alias for alias, each in bench.credentials.resting()}
    assert resting == {"login": "openai", "home": "openai", "work": "openai"}
    assert isinstance(bench.keys(), Pool) is False
    assert isinstance(bench.keys(pool="fill_first", account="home"), Pool) is False


async def test_a_login_that_is_over_is_passed_over(tmp_path: Path) -> None:
    over = LOGIN._replace(refresh_token=None, expires_at=NOW - 1)
    bench = Bench(tmp_path, HOME, WORK, over)
    bench.file.change(lambda providers: activate(providers, "openai", "work"))
    keys = bench.keys(pool="round_robin")
    assert {(await keys.take()).value for _ in range(4)} == {"sk-home-1", "sk-work-1"}


# Logins --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before_s", "renewed"), [(301, False), (299, True), (0, True), (-5, True)])
async def test_a_token_is_renewed_five_minutes_early(tmp_path: Path, before_s: float, renewed: bool) -> None:
    bench = Bench(tmp_path, LOGIN)
    keys = bench.keys()
    bench.now = NOW + 3600 - before_s
    assert (await keys.take()).value == ("token-2" if renewed else "token-1")
    assert len(bench.renewals) == renewed
    await keys.take()
    assert len(bench.renewals) == renewed


def test_a_login_that_cannot_be_renewed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LOGIN._replace(refresh_token=None))
    assert bench.key().value == "token-1"
    bench.now = NOW + 3600
    with pytest.raises(AuthRequired, match="acp-agent auth login openai --account login"):
        bench.key()


async def test_a_token_that_is_refused_is_renewed_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LOGIN)
    keys = bench.keys()
    first = await keys.take()
    keys.report(first, REFUSED)
    keys.report(first, REFUSED)  # of a request that was made at the same time
    assert keys.spare
    second = await keys.take()
    assert second.value == "token-2"
    keys.report(second, REFUSED)
    assert not keys.spare
    assert (await keys.take()).value == "token-2"
    assert len(bench.renewals) == 1
    keys.report(second, None)
    keys.report(second, REFUSED)
    assert keys.spare


async def test_what_is_in_the_keyring(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.ring["openai/work"] = in_keyring(WORK)
    bench.ring["openai/plain"] = "sk-plain-1"
    bench.put(WORK._replace(api_key=None, keyring=pointer("openai", "work")))
    assert "sk-" not in bench.file.path.read_text(encoding="utf-8")
    assert bench.stored.secrets() == frozenset()
    assert bench.credentials.waits(Settings())
    assert bench.key() == OF_WORK
    assert bench.stored.secrets() == {"sk-work-1"}
    keys = bench.keys()
    assert await keys.take() == OF_WORK
    bench.put(WORK._replace(name="plain", api_key=None, keyring=pointer("openai", "plain")))
    assert bench.key().value == "sk-plain-1"
    bench.ring.clear()
    bench.put(HOME)
    with pytest.raises(AuthRequired, match="keyring has no key"):
        bench.key(ProviderEntry(account="work"))


def test_all_secrets_are_known_also_of_what_is_not_used(tmp_path: Path) -> None:
    bench = Bench(tmp_path, HOME, WORK, LOGIN)
    assert bench.stored.secrets() == {"sk-home-1", "sk-work-1", "token-1", "refresh-1"}
    assert not bench.credentials.waits(Settings())
    told: list[str] = []

    class Learner:
        def learn(self, keys: Any) -> None:
            told.extend(keys)

    learner = Learner()
    bench.stored.watch(learner)
    bench.stored.renewed(LOGIN._replace(access_token="token-9"))
    assert told == ["token-9", "refresh-1"]


async def test_keys_of_the_settings_are_secrets_also_before_their_turn(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("key-of-the-file\n", encoding="utf-8")
    file.chmod(0o600)
    bench = Bench(tmp_path, HOME, B="key-b")
    bench.ring["me"] = "key-of-the-ring"

    def keyring(_: str, user: str, /) -> str | None:
        return bench.ring.get(user)

    sources = Sources(bench.env, keyring, bench.stored)
    bench.credentials.sources = sources
    texts = ("key-a", "${B}", f"file:{file}", "keyring:house/me", "${NOT_SET}")
    settings = Settings(providers={"openai": ProviderEntry(api_keys=texts, pool="round_robin")})
    known = {"sk-home-1", "key-a", "key-b", "key-of-the-file"}
    assert bench.credentials.secrets(settings) == known
    told: list[str] = []

    class Learner:
        def learn(self, keys: Any) -> None:
            told.extend(keys)

    learner = Learner()
    bench.stored.watch(learner)
    keys = bench.credentials.keys_for(routes(settings, sources)[0], settings)
    for _ in range(4):
        await keys.take()
    assert "key-of-the-ring" in told


def test_a_key_is_not_in_its_repr() -> None:
    assert repr(Key("sk-1", "there")) == "Key(…, 'there')"
    assert repr(Key(None, "none")) == "Key(None, 'none')"


def test_accounts_of_a_provider(tmp_path: Path) -> None:
    bench = Bench(tmp_path, HOME, WORK)
    entries: Mapping[str, ProviderEntry] = {"office": ProviderEntry("openai")}
    found = bench.credentials.accounts_of("office", Settings(providers=entries))
    assert [account.name for account in found] == ["work", "home"]
    assert bench.credentials.accounts_of("glm", Settings()) == []
