"""Logging in with a browser: a real service, a real address of this machine, a browser that follows links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

from acp_adapters.http import close_clients
from acp_adapters.oauth import has_browser, loopback, post
from acp_agent.accounts import login
from acp_agent.accounts.login import Outside, begin_pasted, by_browser, finish_pasted, granted
from acp_agent.accounts.oauth import Service, Tokens
from acp_agent.accounts.pending import kept
from acp_agent.errors import AuthRequired
from tests.support.oauth_server import CLIENT, LIFETIME_S, oauth_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from anyio.abc import TaskGroup

    from tests.support.oauth_server import OAuthService

WAIT_S = 10
NOW = 1000.0


class Person:
    """Opens pages, grants what is asked for, and is sent back."""

    def __init__(self, tasks: TaskGroup) -> None:
        self.told: list[str] = []
        self.pages: list[httpx.Response] = []
        self.strangers: list[str] = []
        """What others ask of the address before the browser comes back: paths and queries."""
        self.comes_back = True
        self._tasks = tasks

    @property
    def outside(self) -> Outside:
        return Outside(post, loopback, self.open, lambda: NOW, self.told.append)

    def open(self, url: str) -> None:
        self._tasks.start_soon(self._browse, url)

    async def _browse(self, url: str) -> None:
        async with httpx.AsyncClient(trust_env=False) as browser:
            back = httpx.URL((await browser.get(url)).headers["location"])
            for path in self.strangers:
                self.pages.append(await browser.get(back.copy_with(raw_path=path.encode())))
            if self.comes_back:
                self.pages.append(await browser.get(back))


@pytest.fixture
async def person() -> AsyncIterator[Person]:
    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(WAIT_S):
            yield Person(tasks)
        tasks.cancel_scope.cancel()
    await close_clients()


def service(fake: OAuthService, **changes: Any) -> Service:
    own = Service("hub", CLIENT, f"{fake.url}/authorize", f"{fake.url}/token", scopes=("models", "offline"))
    return own._replace(**changes)


async def test_a_browser_is_sent_back(person: Person) -> None:
    async with oauth_service() as fake:
        tokens = await by_browser(service(fake), "work", person.outside)
    assert tokens == ("access-token-0001", "refresh-token-0001", NOW + LIFETIME_S)
    path, asked = fake.asked[1]
    assert (path, asked["grant_type"], asked["client_id"]) == ("/token", "authorization_code", CLIENT)
    assert fake.asked[0][1]["redirect_uri"].startswith("http://127.0.0.1:")
    (page,) = person.pages
    assert page.status_code == 200
    assert "You can close this page" in page.text
    assert page.headers["content-security-policy"] == "default-src 'none'"
    assert fake.url in person.told[0], "for who has to open it by hand"


async def test_a_service_that_gives_a_key(person: Person) -> None:
    async with oauth_service() as fake:
        router = service(fake, client_id="", flow="key", redirect_host="localhost")
        tokens = await by_browser(router, "work", person.outside)
    assert tokens == Tokens("sk-or-granted-key")
    assert fake.asked[1][1].keys() == {"code", "code_verifier", "code_challenge_method"}
    account = granted(router, "work", tokens, "https://router.example/api/v1")
    assert (account.type, account.api_key, account.renewable) == ("api_key", "sk-or-granted-key", False)
    assert account.origin == "https://router.example"


async def test_others_at_the_address_change_nothing(person: Person) -> None:
    person.strangers = ["/favicon.ico", "/callback?code=evil&state=guessed", "/callback?error=x"]
    async with oauth_service() as fake:
        tokens = await by_browser(service(fake), "work", person.outside)
    assert tokens.access == "access-token-0001"
    assert [page.status_code for page in person.pages] == [404, 400, 400, 200]
    assert "not the answer" in person.pages[1].text
    assert [path for path in fake.paths if path == "/token"] == ["/token"]


async def test_the_person_says_no(person: Person) -> None:
    async with oauth_service(says_no=True) as fake:
        with pytest.raises(AuthRequired, match="hub has refused the login: access_denied: no"):
            await by_browser(service(fake), "work", person.outside)
    assert fake.paths == ["/authorize"]
    (page,) = person.pages
    assert page.status_code == 400
    assert "access_denied" in page.text
    assert "\u202e" not in page.text


async def test_a_wrong_state_is_no_answer(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "BROWSER_LIMIT_S", 0.5)
    async with oauth_service(wrong_state=True) as fake:
        with pytest.raises(AuthRequired, match="No answer came"):
            await by_browser(service(fake), "work", person.outside)
    assert fake.paths == ["/authorize"]


async def test_a_code_that_the_service_does_not_take(person: Person) -> None:
    async with oauth_service(
        refuses=(400, {"error": "invalid_grant", "error_description": "too late"})
    ) as fake:
        with pytest.raises(AuthRequired, match="invalid_grant: too late"):
            await by_browser(service(fake), "work", person.outside)
    assert person.pages[0].status_code == 200


async def test_a_service_that_cannot_be_reached(person: Person) -> None:
    async with oauth_service() as fake:
        gone = service(fake, token_url="http://127.0.0.1:9/token")
        with pytest.raises(AuthRequired, match=r"127.0.0.1:9 cannot be reached"):
            await by_browser(gone, "work", person.outside)


async def test_nothing_listens_afterwards(person: Person) -> None:
    async with oauth_service() as fake:
        await by_browser(service(fake), "work", person.outside)
    address = httpx.URL(fake.asked[0][1]["redirect_uri"])
    with pytest.raises(OSError):
        await anyio.connect_tcp("127.0.0.1", address.port or 0)


async def test_pasting_from_a_browser_elsewhere(person: Person, tmp_path: Path) -> None:
    env = {"ACP_AGENT_CONFIG_DIR": str(tmp_path)}
    async with oauth_service() as fake:
        begun = begin_pasted(service(fake), "work", env, person.outside)
        place = person.told[0].split("\n\n")[1].strip()
        async with httpx.AsyncClient(trust_env=False) as browser:
            back = (await browser.get(place)).headers["location"]
        waits = kept("hub", "work", env, NOW + 60)
        assert waits
        assert waits == begun
        with pytest.raises(AuthRequired, match="another login"):
            await finish_pasted(service(fake), waits, "code-0#wrong", env, person.outside)
        tokens = await finish_pasted(service(fake), waits, back, env, person.outside)
    assert tokens.access == "access-token-0001"
    assert kept("hub", "work", env, NOW + 60) is None


@pytest.mark.parametrize(
    ("env", "there"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "w"}, True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "x"}, False),
        ({"BROWSER": "b", "SSH_CONNECTION": "x"}, True),
    ],
)
def test_where_there_is_a_browser(env: dict[str, str], there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert has_browser(env) is there
