"""Logging in to a service: with a browser here, with one elsewhere, or by a code on another device."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import anyio

from acp_agent.accounts import pending as waiting
from acp_agent.accounts.account import Account, origin_of
from acp_agent.accounts.device import device_code, device_tokens
from acp_agent.accounts.oauth import DOCS, Returned, Verdict, begin, exchange, page, pasted, returned
from acp_agent.errors import AuthRequired

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from acp_agent.accounts.oauth import Door, Pending, Post, Service, Tokens

BROWSER_LIMIT_S = 600.0
"""For a person to log in and to say yes."""
PASTE_PORT = 53682
"""Nobody listens there: the address with the answer stays in the browser, to be copied."""
ARRIVED = "The answer has arrived. You can close this page; the terminal says how it went on."
REFUSED = "The login was refused: {}. You can close this page."
NOT_OURS = "This is not the answer to the login that is under way."
NOTHING = "There is nothing here."


class Outside(NamedTuple):
    """What a login needs of the outside world."""

    post: Post
    loopback: Callable[[], AbstractAsyncContextManager[Door]]
    open_page: Callable[[str], None]
    """Does not wait."""
    clock: Callable[[], float]
    tell: Callable[[str], None]
    """Shows a text to the person."""
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


async def by_browser(service: Service, account: str, outside: Outside) -> Tokens:
    """The browser is sent back to this machine. Raises AuthRequired, or OSError when it cannot be."""
    async with outside.loopback() as door:
        pending = begin(service, account, door.port, outside.clock())
        place = page(service, pending)
        outside.tell(f"If no browser opens, open this page on this machine:\n\n    {place}\n")
        outside.open_page(place)
        brought = await _brought(door, pending)
    if brought is None:
        raise AuthRequired(f"No answer came within {BROWSER_LIMIT_S / 60:g} minutes. Begin again {DOCS}.")
    if brought.error:
        raise AuthRequired(f"{pending.provider} has refused the login: {brought.error} {DOCS}.")
    return await exchange(service, pending, brought.code, outside.post, outside.clock())


async def _brought(door: Door, pending: Pending) -> Returned | None:
    """What the browser brings, the first that is about this login; None when it does not come."""
    brought: list[Returned] = []

    def judge(target: str) -> Verdict:
        found = returned(target, pending)
        if found is None:
            return Verdict(404, NOTHING)
        if not found.ours:
            return Verdict(400, NOT_OURS)
        brought.append(found)
        return Verdict(400, REFUSED.format(found.error), True) if found.error else Verdict(200, ARRIVED, True)

    with anyio.move_on_after(BROWSER_LIMIT_S):
        await door.wait(judge)
    return brought[0] if brought else None


def begin_pasted(service: Service, account: str, env: Mapping[str, str], outside: Outside) -> Pending:
    """Tells the person what to do with a browser anywhere. The login is kept for whoever finishes it."""
    pending = begin(service, account, PASTE_PORT, outside.clock())
    waiting.keep(pending, env)
    outside.tell(
        f"Open this page in any browser:\n\n    {page(service, pending)}\n\n"
        "When you have granted access, the browser is sent to a page that does not open. Copy its address."
    )
    return pending


async def finish_pasted(
    service: Service, pending: Pending, text: str, env: Mapping[str, str], outside: Outside
) -> Tokens:
    """What the service gives for what was pasted. Raises AuthRequired; then the login still waits."""
    code = pasted(text, pending)
    tokens = await exchange(service, pending, code, outside.post, outside.clock())
    waiting.forget(pending, env)
    return tokens


async def by_device(service: Service, outside: Outside) -> Tokens:
    """The person types a code on another device. Raises AuthRequired."""
    device = await device_code(service, outside.post)
    ready = f", or just {device.complete_page}" if device.complete_page else ""
    outside.tell(
        f"On any device, open\n\n    {device.page}{ready}\n\nand enter the code\n\n    {device.user_code}\n"
    )
    return await device_tokens(service, device, outside.post, outside.clock, outside.sleep)


def granted(service: Service, name: str, tokens: Tokens, base_url: str | None) -> Account:
    """The account that a login has led to, for the service at `base_url`."""
    if service.flow == "key":
        return Account(service.provider, name, "api_key", api_key=tokens.access, origin=origin_of(base_url))
    return Account(
        service.provider,
        name,
        "oauth",
        access_token=tokens.access,
        refresh_token=tokens.refresh,
        expires_at=tokens.expires_at,
        origin=origin_of(base_url),
        client_id=service.client_id,
        token_url=service.token_url,
    )
