"""OAuth for machines without a browser: a code that a person types on another device.

Source: RFC 8628 (3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.accounts.oauth import DOCS, no_login, tokens_of
from acp_agent.errors import AuthRequired
from acp_agent.invisible import visible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from acp_agent.accounts.oauth import Post, Service, Tokens

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
INTERVAL_S = 5.0
"""Between two questions, where the service does not say (3.2); so much more after each `slow_down` (3.5)."""
LIMIT_S = 1800.0
"""The longest that a code is waited for, whatever the service says."""


class DeviceCode(NamedTuple):
    """What a person types on another device; `code` is for us alone, and not in its repr."""

    code: str
    user_code: str
    page: str
    complete_page: str
    """One that needs no typing; empty where there is none."""
    lasts_s: float
    interval_s: float

    def __repr__(self) -> str:
        return f"DeviceCode({self.user_code!r}, {self.page!r})"


async def device_code(service: Service, post: Post) -> DeviceCode:
    """Begins a login on another device. Raises AuthRequired."""
    scope = {"scope": " ".join(service.scopes)} if service.scopes else {}
    answer = await post(service.device_url, {"client_id": service.client_id, **scope})
    body = answer.body
    code, user_code = body.get("device_code"), body.get("user_code")
    place = body.get("verification_uri") or body.get("verification_url")
    if not (isinstance(code, str) and isinstance(user_code, str) and isinstance(place, str)):
        raise AuthRequired(no_login(service.provider, answer))
    complete = body.get("verification_uri_complete")
    return DeviceCode(
        code,
        visible(user_code),
        visible(place),
        visible(complete) if isinstance(complete, str) else "",
        min(_number(body.get("expires_in"), LIMIT_S), LIMIT_S),
        _number(body.get("interval"), INTERVAL_S),
    )


async def device_tokens(
    service: Service,
    device: DeviceCode,
    post: Post,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> Tokens:
    """Asks until the person has granted access. Raises AuthRequired when they refuse, or are too late."""
    fields = {"grant_type": DEVICE_GRANT, "device_code": device.code, "client_id": service.client_id}
    end, interval = clock() + device.lasts_s, device.interval_s
    while True:
        await sleep(interval)
        if clock() >= end:
            raise AuthRequired(f"Nobody has entered the code in time. Begin again {DOCS}.")
        try:
            answer = await post(service.token_url, fields)
        except AuthRequired:  # the network comes and goes within a quarter of an hour
            interval *= 2
            continue
        if tokens := tokens_of(answer, clock()):
            return tokens
        match answer.body.get("error"):
            case "authorization_pending":
                continue
            case "slow_down":
                interval += INTERVAL_S
            case "expired_token":
                raise AuthRequired(f"The code has expired. Begin again {DOCS}.")
            case _:
                raise AuthRequired(no_login(service.provider, answer))


def _number(value: object, otherwise: float) -> float:
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return float(cast(float, value)) if is_one else otherwise
