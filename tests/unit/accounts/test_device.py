"""Logging in with a code on another device. The service speaks real HTTP; the clock is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from acp_adapters.oauth import post
from acp_agent.accounts.device import device_code, device_tokens
from acp_agent.accounts.oauth import Service
from acp_agent.errors import AuthRequired
from tests.support.oauth_server import LIFETIME_S, PENDING, SLOW_DOWN, oauth_service

if TYPE_CHECKING:
    from acp_agent.accounts.oauth import Tokens
    from tests.support.oauth_server import OAuthService


class Time:
    """Sleeping is the only thing that takes any."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()
        self.slept.append(seconds)
        self.now += seconds


def service(fake: OAuthService) -> Service:
    return Service(
        "hub", "me", token_url=f"{fake.url}/token", device_url=f"{fake.url}/device", scopes=("models",)
    )


async def log_in(fake: OAuthService, time: Time) -> Tokens:
    with anyio.fail_after(10):
        device = await device_code(service(fake), post)
        return await device_tokens(service(fake), device, post, time.clock, time.sleep)


async def test_until_somebody_has_said_yes() -> None:
    async with oauth_service(device_answers=[PENDING, SLOW_DOWN, PENDING]) as fake:
        time = Time()
        tokens = await log_in(fake, time)
    assert time.slept == [5, 5, 10, 10]
    assert tokens == ("access-token-0001", "refresh-token-0001", time.now + LIFETIME_S)
    assert fake.asked[0] == ("/device", {"client_id": "me", "scope": "models"})
    assert fake.asked[1][1] == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "device-secret",
        "client_id": "me",
    }


async def test_what_a_person_is_told() -> None:
    complete = "https://hub.example/activate?code=ABCD-EFGH"
    async with oauth_service(device={"verification_uri_complete": complete, "user_code": "A\u202eB"}) as fake:
        device = await device_code(service(fake), post)
    assert device.complete_page == complete
    assert device.user_code == "A\\u{202e}B"
    assert device.page == f"{fake.url}/activate"
    assert "device-secret" not in repr(device)


async def test_answers_with_status_200_count_by_what_they_say() -> None:
    pending = (200, {"error": "authorization_pending", "interval": 5})
    async with oauth_service(device_answers=[pending]) as fake:
        assert (await log_in(fake, Time())).access == "access-token-0001"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("expired_token", "has expired"),
        ("access_denied", "access_denied"),
        ("strange", "strange"),
        ("", "status 400"),
    ],
)
async def test_a_login_that_ends_without_a_token(error: str, said: str) -> None:
    async with oauth_service(device_answers=[PENDING, (400, {"error": error})]) as fake:
        with pytest.raises(AuthRequired, match=said):
            await log_in(fake, Time())


@pytest.mark.parametrize("lasts", [12, 10**9])
async def test_nobody_enters_the_code(lasts: float) -> None:
    async with oauth_service(device_answers=[PENDING] * 1000, device={"expires_in": lasts}) as fake:
        time = Time()
        with pytest.raises(AuthRequired, match="Nobody has entered the code"):
            await log_in(fake, time)
    assert time.now - 1000 <= min(lasts, 1800) + 5


async def test_what_a_service_leaves_out() -> None:
    async with oauth_service(device={"interval": None, "expires_in": "x"}, device_answers=[PENDING]) as fake:
        time = Time()
        await log_in(fake, time)
    assert time.slept == [5, 5]


async def test_a_network_that_comes_and_goes() -> None:
    async with oauth_service() as fake:
        device = await device_code(service(fake), post)
    time = Time()
    with anyio.fail_after(10), pytest.raises(AuthRequired, match="Nobody has entered"):
        await device_tokens(service(fake), device, post, time.clock, time.sleep)
    assert time.slept[:4] == [5, 10, 20, 40]


async def test_a_service_that_gives_no_code() -> None:
    async with oauth_service(device={"device_code": None}) as fake:
        with pytest.raises(AuthRequired, match="hub has refused the login"):
            await device_code(service(fake), post)
