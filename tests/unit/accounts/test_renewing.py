"""Renewing a token: once, whoever asks, and without ever losing the new one."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_adapters.http import close_clients
from acp_adapters.oauth import post
from acp_agent.accounts.account import Account, pointer
from acp_agent.accounts.file import AuthFile, put, remove
from acp_agent.accounts.renewing import Renewing
from acp_agent.accounts.stored import Stored, in_keyring
from acp_agent.errors import AuthRequired
from tests.support.oauth_server import CLIENT, LIFETIME_S, oauth_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.oauth_server import OAuthService

NOW = 10_000.0
OLD = "refresh-token-old"
PROCESS = """
import sys
from pathlib import Path
import anyio
from acp_adapters.oauth import post
from acp_agent.accounts.file import AuthFile
from acp_agent.accounts.renewing import Renewing
from acp_agent.accounts.stored import Stored

async def main():
    stored = Stored(AuthFile(Path(sys.argv[1])))
    spent = stored.file.held()["hub"].accounts["me"]
    print("ready", flush=True)
    sys.stdin.readline()
    account = await Renewing(stored, post, None)(spent)
    print(account.access_token, account.refresh_token)

anyio.run(main)
"""


@pytest.fixture(autouse=True)
async def clients() -> AsyncIterator[None]:
    yield
    await close_clients()


class Bench:
    def __init__(self, tmp_path: Path, fake: OAuthService, **changes: str | None) -> None:
        self.file = AuthFile(tmp_path / "auth.json")
        self.stored = Stored(self.file, lambda _, user: self.ring.get(user), lambda: NOW)
        self.ring: dict[str, str] = {}
        fake.refresh_tokens.add(OLD)
        account = Account(
            "hub",
            "me",
            "oauth",
            access_token="access-token-old",
            refresh_token=OLD,
            expires_at=NOW - 1,
            client_id=CLIENT,
            token_url=f"{fake.url}/token",
        )
        self.put(account._replace(**changes))
        self.renew = Renewing(self.stored, post, self.keep)

    def put(self, account: Account) -> None:
        self.file.change(lambda providers: put(providers, account))

    def keep(self, service: str, user: str, secret: str | None) -> None:
        assert service == "acp-agent"
        assert secret is not None
        self.ring[user] = secret

    @property
    def account(self) -> Account:
        return AuthFile(self.file.path).held()["hub"].accounts["me"]


async def test_new_tokens_are_stored(tmp_path: Path) -> None:
    async with oauth_service() as fake:
        bench = Bench(tmp_path, fake)
        with anyio.fail_after(10):
            renewed = await bench.renew(bench.account)
    assert renewed.access_token == "access-token-0001"
    assert bench.account == renewed
    assert bench.account.expires_at == NOW + LIFETIME_S
    assert fake.asked == [
        ("/token", {"grant_type": "refresh_token", "refresh_token": OLD, "client_id": CLIENT})
    ]


async def test_tasks_that_ask_at_once_make_one_request(tmp_path: Path) -> None:
    async with oauth_service() as fake:
        bench = Bench(tmp_path, fake)
        spent, found = bench.account, list[str | None]()

        async def ask() -> None:
            found.append((await bench.renew(spent)).access_token)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(ask)
    assert found == ["access-token-0001"] * 5
    assert fake.paths == ["/token"]


async def test_processes_that_ask_at_once_make_one_request(tmp_path: Path) -> None:
    async with oauth_service(holds=anyio.Event()) as fake:
        bench = Bench(tmp_path, fake)
        account = bench.account
        bench.put(account._replace(expires_at=1.0))
        command = [sys.executable, "-c", PROCESS, str(bench.file.path)]
        answers: list[str] = []
        both = [anyio.Event(), anyio.Event()]

        async def run(ready: anyio.Event) -> None:
            async with await anyio.open_process(command, stderr=None) as process:
                assert process.stdin
                assert process.stdout
                output = BufferedByteReceiveStream(process.stdout)
                assert await output.receive_until(b"\n", 100) == b"ready"
                ready.set()
                for each in both:
                    await each.wait()
                await process.stdin.send(b"\n")
                answers.append((await output.receive_until(b"\n", 100)).decode())

        with anyio.fail_after(40):
            async with anyio.create_task_group() as tasks:
                for each in both:
                    tasks.start_soon(run, each)
                await fake.questioned.wait()
                assert fake.holds
                fake.holds.set()
    assert answers == ["access-token-0001 refresh-token-0001"] * 2
    assert fake.paths == ["/token"]
    assert bench.account.refresh_token == "refresh-token-0001"


async def test_a_cancelled_turn_does_not_lose_the_new_token(tmp_path: Path) -> None:
    async with oauth_service(holds=anyio.Event()) as fake:
        bench = Bench(tmp_path, fake)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bench.renew, bench.account)
                await fake.questioned.wait()
                tasks.cancel_scope.cancel()
                assert fake.holds
                fake.holds.set()
    assert bench.account.refresh_token == "refresh-token-0001"


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client"])
async def test_a_service_that_does_not_renew(tmp_path: Path, error: str) -> None:
    async with oauth_service(refuses=(400, {"error": error})) as fake:
        bench = Bench(tmp_path, fake)
        before = bench.file.path.read_bytes()
        with anyio.fail_after(10), pytest.raises(AuthRequired, match=error) as caught:
            await bench.renew(bench.account)
    assert "acp-agent auth login hub --account me" in str(caught.value)
    assert OLD not in str(caught.value)
    assert bench.file.path.read_bytes() == before


async def test_a_service_that_is_not_there(tmp_path: Path) -> None:
    async with oauth_service() as fake:
        bench = Bench(tmp_path, fake)
    with anyio.fail_after(10), pytest.raises(AuthRequired, match="cannot be reached"):
        await bench.renew(bench.account)
    assert bench.account.refresh_token == OLD


async def test_a_service_that_gives_no_new_refresh_token(tmp_path: Path) -> None:
    async with oauth_service(refuses=(200, {"access_token": "access-token-new"})) as fake:
        bench = Bench(tmp_path, fake)
        with anyio.fail_after(10):
            renewed = await bench.renew(bench.account)
    assert (renewed.access_token, renewed.refresh_token) == ("access-token-new", OLD)
    assert bench.account.expires_at is None


async def test_an_account_that_was_removed_meanwhile(tmp_path: Path) -> None:
    async with oauth_service() as fake:
        bench = Bench(tmp_path, fake)
        spent = bench.account
        bench.file.change(lambda providers: remove(providers, "hub", ["me"]))
        with anyio.fail_after(10), pytest.raises(AuthRequired, match="no account me of hub"):
            await bench.renew(spent)
    assert fake.paths == []


async def test_tokens_in_the_keyring_stay_there(tmp_path: Path) -> None:
    async with oauth_service() as fake:
        bench = Bench(tmp_path, fake)
        account = bench.account
        bench.ring["hub/me"] = in_keyring(account)
        left = account._replace(access_token=None, refresh_token=None, keyring=pointer("hub", "me"))
        bench.put(left)
        with anyio.fail_after(10):
            renewed = await bench.renew(bench.stored.opened(bench.account))
    assert renewed.access_token == "access-token-0001"
    assert json.loads(bench.ring["hub/me"])["refresh_token"] == "refresh-token-0001"
    assert "token-0001" not in bench.file.path.read_text(encoding="utf-8")
    assert bench.stored.opened(bench.account).access_token == "access-token-0001"
